"""SVG by small functions: elements whose text and attributes are escaped, and the nice numbers of an axis.

Shapes carry classes, and the page's style sheet gives those their light and dark colours.
"""

import math
from collections.abc import Sequence

from markupsafe import Markup, escape

CHARACTER = 0.56  # mean width of a character, in font sizes
# Of a picture outside our pages: the colours that their style sheet gives it.
ALONE = """
svg { --surface: #fff; --ink: #1a1f24; --soft: #59636e; --rule: #dfe2de; --kept: #8792a2;
  --c1: #0b7d75; --c2: #c2571a; --c3: #3a62c9; --c4: #7b48b8;
  font: 12px system-ui, sans-serif; background: var(--surface); }
@media (prefers-color-scheme: dark) { svg { --surface: #0d1117; --ink: #e7eaee; --soft: #a3adb9; --rule: #2b333d;
  --c1: #45c0b4; --c2: #f0a36c; --c3: #8aa9ff; --c4: #c59bf2; } }
text { fill: var(--ink); } .heading { font-weight: 650; font-size: 14px; } .tick, .axis { fill: var(--soft); }
.grid { stroke: var(--rule); fill: none; } .error { stroke: var(--ink); stroke-width: 1.5; fill: none; }
.kept { fill: var(--kept); }
.line { fill: none; stroke-width: 2; } .mark { stroke: var(--ink); stroke-width: 2; fill: none; }
.s1 { stroke: var(--c1); } .s2 { stroke: var(--c2); } .s3 { stroke: var(--c3); } .s4 { stroke: var(--c4); }
.f1 { fill: var(--c1); } .f2 { fill: var(--c2); } .f3 { fill: var(--c3); } .f4 { fill: var(--c4); }
"""


def element(name: str, *children: str | Markup, **attributes: object) -> Markup:
    """`<name attribute="...">children</name>`. Names lose a final `_`; other `_` become `-`. None leaves one out."""
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(_shown(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    inside = "".join(str(escape(child)) for child in children)
    return Markup(f"<{name}{written}>{inside}</{name}>" if inside else f"<{name}{written}/>")


def picture(title: str, width: float, height: float, *children: Markup, class_: str = "") -> Markup:
    """A whole picture, `width` x `height` pixels, that scales down and tells its title to screen readers."""
    inside = Markup("").join([element("title", title), *children])
    opening = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_shown(width)} {_shown(height)}" '
        f'width="{_shown(width)}" height="{_shown(height)}" role="img" aria-label="{escape(title)}" '
        f'class="{escape(class_)}">'
    )
    return Markup(opening) + inside + Markup("</svg>")


def stand_alone(whole: Markup) -> Markup:
    """A picture as a file of its own, light and dark."""
    opening, _, rest = whole.partition("</title>")
    return Markup(f"{opening}</title><style>{ALONE}</style>{rest}\n")


def text(x: float, y: float, words: object, class_: str = "", anchor: str | None = None, **more: object) -> Markup:
    return element("text", str(words), x=x, y=y, class_=class_ or None, text_anchor=anchor, **more)


def text_width(words: object, font_size: float) -> float:
    """An estimate in pixels."""
    return len(str(words)) * font_size * CHARACTER


def path(points: Sequence[tuple[float, float]]) -> str:
    """The `d` of straight lines through the points."""
    return "M" + "L".join(f"{_shown(x)},{_shown(y)}" for x, y in points)


def ticks(low: float, high: float, wanted: int = 5) -> list[float]:
    """Round numbers (1, 2 or 5 times a power of ten apart) that cover low to high from outside.

    >>> ticks(0, 2.1, 4)
    [0.0, 1.0, 2.0, 3.0]
    """
    if not high - low > 1e-9 * max(abs(low), abs(high), 1e-30):
        high = low + (abs(low) if abs(low) > 1e-30 else 1.0)
    rough = (high - low) / max(1, wanted)
    magnitude = 10.0 ** math.floor(math.log10(rough))
    step = next(magnitude * factor for factor in (1, 2, 5, 10) if magnitude * factor >= rough * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(index * step, 12) for index in range(first, last + 1)]


def _shown(value: object) -> str:
    """A coordinate to a tenth of a pixel; anything else as it is."""
    if isinstance(value, float):
        return f"{value:.1f}".removesuffix(".0")
    return str(value)
