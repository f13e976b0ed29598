"""Bytes of a page to text, in whatever charset they are.

In: bytes, and the charset that the HTTP header names. Out: str. Order: byte order mark; UTF-16 by its zero bytes;
valid UTF-8 (what a label says is wrong more often than that is chance); the header's charset; the meta tag's; what
the bytes look like. Labels mean what WHATWG's encoding standard says.
"""

import codecs
import re

from resiliparse.parse.encoding import bytes_to_str, detect_encoding, map_encoding_to_html5

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # begins with UTF-16's mark, so it comes first
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_META = re.compile(
    rb"<(?:meta|\?xml)[^>]{0,200}?(?:charset|encoding)\s*=\s*[\"']?\s*([a-zA-Z0-9_.:-]{2,40})", re.IGNORECASE
)
_SEARCHED = 4096  # bytes in which a page has to name its charset
_ISO_2022_JP = re.compile(rb"\x1b\$[@B]")
_FEW_ERRORS = 0.001  # replacement characters a character, below which a label is believed all the same


def decode(html: bytes, encoding: str | None = None) -> str:
    """Text of a page's bytes; never fails: what can't be decoded is left out."""
    for mark, name in _MARKS:
        if html.startswith(mark):
            return html[len(mark) :].decode(name, "ignore")
    if wide := _wide(html):
        return html.decode(wide, "ignore")
    if not (html.isascii() and b"\x1b" in html):
        try:
            return html.decode("utf-8")
        except UnicodeDecodeError:
            pass
    meta = _META.search(html[:_SEARCHED])
    labels = [known for label in (encoding, meta and meta[1].decode("ascii")) if label and (known := _known(label))]
    for known in labels:
        try:
            return html.decode(known)
        except UnicodeDecodeError:
            continue
    if _ISO_2022_JP.search(html):
        return html.decode("iso2022_jp", "ignore")
    for known in labels:  # one broken byte does not make the label wrong
        text = html.decode(known, "replace")
        if text.count("\ufffd") <= _FEW_ERRORS * len(text):
            return text.replace("\ufffd", "")
    return bytes_to_str(html, detect_encoding(html, from_html_meta=False) or "utf-8")


def _wide(html: bytes) -> str | None:
    """UTF-16 without a mark: every second byte of its markup is zero."""
    head = html[: _SEARCHED // 4]
    if len(head) < 8 or head.count(0) < len(head) / 4:
        return None
    return "utf-16-be" if head[::2].count(0) > head[1::2].count(0) else "utf-16-le"


def _known(label: str) -> str | None:
    """Python's codec for a charset label, by WHATWG's table (latin-1 means windows-1252); None if there is none."""
    try:
        return codecs.lookup(map_encoding_to_html5(label, False) or label).name
    except (LookupError, ValueError):
        return None
