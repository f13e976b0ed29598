"""Bytes of a page to text, in whatever charset they are.

In: bytes, and the charset that the HTTP header names. Out: str. Order: byte order mark; UTF-16 by its zero bytes;
UTF-8, if nearly valid (what a label says is wrong more often than that is chance); the header's charset; the meta
tag's; what the bytes look like. Labels mean what WHATWG's encoding standard says.
"""

import codecs
import re

from resiliparse.parse.encoding import bytes_to_str, detect_encoding, map_encoding_to_html5

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # begins with UTF-16's mark, so it comes first
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_META = re.compile(
    rb"<(?:meta|\?xml)[^>]{0,200}?(?:charset|encoding)\s*=\s*[\"']?\s*([a-zA-Z0-9_.:-]{2,40})", re.IGNORECASE
)
_SEARCHED = 4096  # bytes in which a page has to name its charset
# What browsers read under these names is more than Python's codecs of the same names do.
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
_NO_LABEL = (None, *_WIDE)  # bytes without zeros are no UTF-16, whatever is said
_ISO_2022_JP = re.compile(rb"\x1b\$[@B]")
_VALID_AN_ERROR = 5  # characters outside ASCII, from which on a page is UTF-8 all the same
_FEW_ERRORS = 0.001  # replacement characters a character, below which a label is believed all the same


def decode(html: bytes, encoding: str | None = None) -> str:
    """Text of a page's bytes; never fails: what can't be decoded is left out."""
    for mark, name in _MARKS:
        if html.startswith(mark):
            return html[len(mark) :].decode(name, "ignore")
    told = _known(encoding) if encoding else None
    if wide := _wide(html, told):
        return html.decode(wide, "ignore")
    if html.isascii() and _ISO_2022_JP.search(html):
        return html.decode("iso2022_jp", "ignore")
    if (text := _utf8(html)) is not None:
        return text
    meta = _META.search(html[:_SEARCHED])
    labels = [known for known in (told, _known(meta[1].decode("ascii")) if meta else None) if known not in _NO_LABEL]
    for known in labels:
        try:
            return html.decode(known)
        except UnicodeError:
            continue
    for known in labels:  # one broken byte does not make the label wrong
        text = html.decode(known, "replace")
        if text.count("\ufffd") <= _FEW_ERRORS * len(text):
            return text.replace("\ufffd", "")
    return bytes_to_str(html, detect_encoding(html, from_html_meta=False) or "utf-8")


def _utf8(html: bytes) -> str | None:
    """A page in UTF-8, be it cut within a character, as crawlers cut long pages, or broken here and there; None if it
    is in another charset, in which text is hardly ever valid UTF-8 for long."""
    try:
        return html.decode()
    except UnicodeDecodeError:
        text = html.decode("utf-8", "replace")
    errors = text.count("\ufffd")
    if len(text) - len(text.encode("ascii", "ignore")) - errors < _VALID_AN_ERROR * errors:
        return None
    return text.replace("\ufffd", "")


def _wide(html: bytes, told: str | None) -> str | None:
    """UTF-16 without a mark: every second byte of its markup is zero, or the header says it and some bytes are."""
    head = html[: _SEARCHED // 4]
    if len(head) < 8 or head.count(0) < len(head) / 4:
        return told if told in _WIDE and b"\0" in html else None
    return "utf-16-be" if head[::2].count(0) > head[1::2].count(0) else "utf-16-le"


def _known(label: str) -> str | None:
    """Python's codec for a charset label of WHATWG's table (latin-1 means windows-1252); None if it is none."""
    if not label.isascii():
        return None
    name = map_encoding_to_html5(label, False) or _UNKNOWN_TO_RESILIPARSE.get(label.lower())
    return _SUPERSETS.get(name, name)
