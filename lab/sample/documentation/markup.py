"""Long descriptions and licence texts as HTML that is safe to serve.

In: Markdown, reStructuredText or plain text from a distribution's metadata. Out: HTML with only the tags and attributes
listed here. Markdown is Python-Markdown's; reST is docutils' with file inclusion, raw HTML and configuration files
switched off. Nothing is fetched.
"""

import re
from html import escape
from html.parser import HTMLParser

_TAGS = (
    "a abbr b blockquote br caption cite code dd del details div dl dt em h1 h2 h3 h4 h5 h6 hr i img kbd li ol p pre q "
    "s samp section small span strong sub summary sup table tbody td tfoot th thead tr tt u ul var"
)
_KEPT_TAGS = frozenset(_TAGS.split())
_DROPPED_WITH_CONTENT = {"script", "style", "iframe", "object", "svg", "form", "noscript", "template", "title", "head"}
_VOID_TAGS = {"br", "hr", "img"}
_KEPT_ATTRIBUTES = {"href", "src", "alt", "title", "class", "id", "colspan", "rowspan"}
_SAFE_ADDRESS = re.compile(r"^(https?:|mailto:|#|/|\./|[\w%.-]+(/|$))", re.IGNORECASE)


class _Sanitizer(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.out: list[str] = []
        self.open: list[str] = []
        self.hidden: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        if tag in _DROPPED_WITH_CONTENT:
            self.hidden.append(tag)
        if self.hidden or tag not in _KEPT_TAGS:
            return
        kept = "".join(f' {name}="{escape(value or "")}"' for name, value in attributes if _kept(name, value))
        self.out.append(f"<{tag}{kept}>")
        if tag not in _VOID_TAGS:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        if tag not in _DROPPED_WITH_CONTENT:
            self.handle_starttag(tag, attributes)

    def handle_endtag(self, tag: str) -> None:
        if self.hidden:
            if tag == self.hidden[-1]:
                self.hidden.pop()
        elif tag in self.open:
            while (last := self.open.pop()) != tag:
                self.out.append(f"</{last}>")
            self.out.append(f"</{tag}>")

    def handle_data(self, data: str) -> None:
        if not self.hidden:
            self.out.append(escape(data, quote=False))


def _kept(name: str, value: str | None) -> bool:
    if name in ("href", "src"):
        return bool(_SAFE_ADDRESS.match((value or "").strip()))
    return name in _KEPT_ATTRIBUTES


def sanitized(html: str) -> str:
    """The HTML with only the allowed tags and attributes, every tag closed."""
    parser = _Sanitizer()
    parser.feed(html)
    parser.close()
    return "".join(parser.out) + "".join(f"</{tag}>" for tag in reversed(parser.open))


def markdown_html(text: str) -> str:
    """Markdown (with fenced code and tables) as sanitized HTML."""
    import markdown

    return sanitized(markdown.markdown(text, extensions=["fenced_code", "tables", "sane_lists"]))


def rst_html(text: str) -> str:
    """reStructuredText as sanitized HTML; what docutils cannot parse is left out."""
    from docutils.core import publish_parts

    settings = {
        "file_insertion_enabled": False,
        "raw_enabled": False,
        "_disable_config": True,
        "report_level": 5,
        "halt_level": 5,
        "embed_stylesheet": False,
        "syntax_highlight": "none",
        "doctitle_xform": False,
        "initial_header_level": 2,
        "math_output": "LaTeX",
        "smart_quotes": False,
        "datestamp": None,
    }
    parts = publish_parts(text, writer="html5", settings_overrides=settings)
    return sanitized(parts["html_body"])


def plain_html(text: str) -> str:
    """Plain text as paragraphs, which blank lines separate; short lines (lists, titles) keep their breaks."""
    paragraphs = [part for part in re.split(r"\n\s*\n", text.expandtabs()) if part.strip()]
    return "\n".join(f"<p>{_joined(part)}</p>" for part in paragraphs)


def _joined(paragraph: str) -> str:
    lines = [escape(line.strip(), quote=False) for line in paragraph.splitlines()]
    short = max(map(len, lines)) < 50
    return ("<br>\n" if short else "\n").join(lines)


def description_html(text: str, content_type: str | None) -> str:
    """A long description by its Content-Type; without one, as reST (PyPI's rule)."""
    kind = (content_type or "text/x-rst").split(";")[0].strip().lower()
    if kind == "text/markdown":
        return markdown_html(text)
    return plain_html(text) if kind == "text/plain" else rst_html(text)
