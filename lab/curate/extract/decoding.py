"""Bytes of a page to text, whatever their charset.

In: bytes, and the charset that the HTTP header names. Out: str. Tried in this order: byte order mark; UTF-16 by its
zero bytes; UTF-8 if nearly valid (which is hardly ever chance, while labels are often wrong); the header's charset; the
meta tag's; detection from the bytes. Labels are read as in WHATWG's encoding standard.
"""

import codecs
import re

from resiliparse.parse.encoding import bytes_to_str, detect_encoding, map_encoding_to_html5

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16's mark, with which it begins
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_META = re.compile(
    rb"<(?:meta|\?xml)[^>]{0,200}?(?:charset|encoding)\s*=\s*[\"']?\s*([a-zA-Z0-9_.:-]{2,40})", re.IGNORECASE
)
_SEARCHED = 65_536  # bytes at the start in which a page must name its charset: browsers read on behind 1,024
_SAMPLED = 1024  # bytes whose zeros tell UTF-16
# For these names browsers decode more than Python's codecs of the same names.
_SUPERSETS = {
    "shift_jis": "cp932",
    "euc_jp": "euc_jis_2004",
    "euc_kr": "cp949",
    "big5": "big5hkscs",
    "gbk": "gb18030",
    "iso8859-11": "cp874",
}
_UNKNOWN_TO_RESILIPARSE = {"x-mac-cyrillic": "mac_cyrillic", "x-mac-ukrainian": "mac_cyrillic"}
_WIDE = ("utf-16-le", "utf-16-be")
_ISO_2022_JP = re.compile(rb"\x1b\$[@B]")
_VALID_PER_ERROR = 5  # valid characters outside ASCII per error, from which on a page counts as UTF-8
_MOST_ERRORS = 0.001  # replacement characters per character, up to which a label is believed


def decode(html: bytes, encoding: str | None = None) -> str:
    """The text of a page's bytes. Never fails: what can't be decoded is left out."""
    for mark, name in _MARKS:
        if html.startswith(mark):
            return html[len(mark) :].decode(name, "ignore")
    header = _codec(encoding) if encoding else None
    if wide := _wide(html, header):
        return html.decode(wide, "ignore")
    if html.isascii() and _ISO_2022_JP.search(html):
        return html.decode("iso2022_jp", "ignore")
    if (text := _utf8(html)) is not None:
        return text
    meta = _META.search(html[:_SEARCHED])
    labels = (header, _codec(meta[1].decode("ascii")) if meta else None)
    # Bytes without zeros are no UTF-16, whatever the label.
    named = [codec for codec in labels if codec is not None and codec not in _WIDE]
    for codec in named:
        try:
            return html.decode(codec)
        except UnicodeError:
            continue
    for codec in named:  # one broken byte does not make the label wrong
        text = html.decode(codec, "replace")
        if text.count("\ufffd") <= _MOST_ERRORS * len(text):
            return text.replace("\ufffd", "")
    return bytes_to_str(html, detect_encoding(html, from_html_meta=False) or "utf-8")


def _utf8(html: bytes) -> str | None:
    """The text of a page in UTF-8, even if cut within a character (crawlers cut long pages) or broken in a few places.
    None for other charsets, whose text is hardly ever valid UTF-8 for long."""
    try:
        return html.decode()
    except UnicodeDecodeError:
        text = html.decode("utf-8", "replace")
    errors = text.count("\ufffd")
    if len(text) - len(text.encode("ascii", "ignore")) - errors < _VALID_PER_ERROR * errors:
        return None
    return text.replace("\ufffd", "")


def _wide(html: bytes, header: str | None) -> str | None:
    """The codec of UTF-16 without a mark: every second byte of markup is zero, or the header names it and some are."""
    head = html[:_SAMPLED]
    if len(head) < 8 or head.count(0) < len(head) / 4:
        return header if header in _WIDE and b"\0" in html else None
    return "utf-16-be" if head[::2].count(0) > head[1::2].count(0) else "utf-16-le"


def _codec(label: str) -> str | None:
    """Python's codec for a label of WHATWG's table (in which latin-1 is windows-1252); None for an unknown label."""
    if not label.isascii():
        return None
    name = map_encoding_to_html5(label, False) or _UNKNOWN_TO_RESILIPARSE.get(label.lower())
    return _SUPERSETS.get(name, name) if name else None
