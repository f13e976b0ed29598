"""SVG by small functions that escape text and attributes. Shapes carry classes, which the style sheets colour."""

from collections.abc import Callable, Sequence

from markupsafe import Markup, escape

WIDE, NARROW = 940, 350  # pixels: a picture on a desktop, and on a phone
FONT = 12.0  # pixels
CHARACTER = 0.56  # mean width of a character, in font sizes


def element(name: str, *children: str | Markup, **attributes: object) -> Markup:
    """`<name attribute="...">children</name>`. Names lose a final `_`; other `_` become `-`. None leaves one out."""
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(_rounded(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    inside = "".join(str(escape(child)) for child in children)
    return Markup(f"<{name}{written}>{inside}</{name}>" if inside else f"<{name}{written}/>")


def picture(title: str, width: float, height: float, *children: Markup, class_: str = "chart") -> Markup:
    """A picture of `width` x `height` pixels that scales down; screen readers read its title."""
    size = {"viewBox": f"0 0 {_rounded(width)} {_rounded(height)}", "width": width, "height": height}
    name = {"role": "img", "aria_label": title, "class_": class_}
    return element("svg", element("title", title), *children, xmlns="http://www.w3.org/2000/svg", **size, **name)


def responsive(draw: Callable[[int], Markup]) -> Markup:
    """The same picture for wide and narrow screens; the style sheet shows one of them."""
    return Markup('<div class="wide">{}</div><div class="narrow">{}</div>').format(draw(WIDE), draw(NARROW))


def text(x: float, y: float, content: object, class_: str = "", anchor: str | None = None) -> Markup:
    return element("text", str(content), x=x, y=y, class_=class_ or None, text_anchor=anchor)


def text_width(content: object, font_size: float = FONT) -> float:
    """An estimate in pixels."""
    return len(str(content)) * font_size * CHARACTER


def path(points: Sequence[tuple[float, float]]) -> str:
    """The `d` of straight lines through the points."""
    return "M" + "L".join(f"{_rounded(x)},{_rounded(y)}" for x, y in points)


def _rounded(value: object) -> str:
    """A coordinate to a tenth of a pixel; anything else as it is."""
    return f"{value:.1f}".removesuffix(".0") if isinstance(value, float) else str(value)
