"""Numbers and web text as a person reads them. In: a value of any stage's metrics; out, a short string."""

import re
import unicodedata
from typing import Any

NOTHING = "–"
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def number(value: Any) -> float | None:
    """The value as a float; None if it is not a finite number (a missing metric, NaN, a string)."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if abs(value) < float("inf") else None


def whole(value: Any) -> int | None:
    """The value as an integer; None if it is not a finite number."""
    known = number(value)
    return None if known is None else int(known)


def count(value: Any) -> str:
    """12345 -> 12,345."""
    return decimal(value, 0)


def short(value: Any) -> str:
    """1234567 -> 1.23 M. For axes and tiles."""
    known = number(value)
    if known is None:
        return NOTHING
    if abs(known) < 1e4:
        return f"{known:,.0f}" if known == int(known) else f"{known:.4g}"
    return _scaled(known, ("T", "B", "M", "k"))


def power(value: Any) -> str:
    """As `short`; from 10^10 on in powers of ten, as FLOPs are: 25e10 -> 2.5e11."""
    known = number(value)
    return f"{known:.3g}".replace("e+", "e") if known is not None and known >= 1e10 else short(known)


def size(value: Any) -> str:
    """Bytes in decimal units: 1234567 -> 1.23 MB. 0 and below: not known."""
    known = number(value)
    if not known or known < 0:
        return NOTHING
    return f"{known:.0f} B" if known < 1e3 else _scaled(known, ("TB", "GB", "MB", "kB"))


def percent(value: Any) -> str:
    """A share in per cent: 0.1234 -> 12.3 %."""
    known = number(value)
    if known is None:
        return NOTHING
    if 0 < abs(known) < 0.001:
        return "< 0.1 %"
    return f"{known * 100:.1f} %".replace(".0 %", " %")


def share(part: Any, total: Any) -> str:
    """`part` of `total` in per cent; a dash where that is not defined."""
    a, b = number(part), number(total)
    return percent(a / b) if a is not None and b else NOTHING


def decimal(value: Any, digits: int = 3) -> str:
    """1.23456 -> 1.235."""
    known = number(value)
    return NOTHING if known is None else f"{known:,.{digits}f}"


def label(name: str) -> str:
    """An identifier as words: near_duplicate -> near duplicate."""
    return name.replace("_", " ")


def clean(text: Any) -> str:
    """Text without control characters, direction overrides and lone surrogates: each becomes U+FFFD.

    HTML is not escaped here: the templates do that.
    """
    return _CONTROLS.sub("\ufffd", "" if text is None else str(text))


def excerpt(text: Any, characters: int) -> str:
    """The first characters of a text, cleaned, with an ellipsis if it is longer."""
    cleaned = clean(text)
    if len(cleaned) <= characters:
        return cleaned
    cut = characters
    while cut > 1 and unicodedata.combining(cleaned[cut]):
        cut -= 1
    return cleaned[:cut].rstrip() + " …"


def visible(token: bytes) -> str:
    """A token's bytes made visible: spaces as ␣, newlines as ↵, bytes that are not UTF-8 as <E2>."""
    text = token.decode("utf-8", "backslashreplace")
    text = re.sub(r"\\x([0-9a-f]{2})", lambda match: f"<{match[1].upper()}>", text) if b"\\x" not in token else text
    return clean(text.replace("\r", "␍").replace("\n", "↵").replace("\t", "⇥").replace(" ", "␣"))


def _scaled(value: float, units: tuple[str, str, str, str]) -> str:
    """Three significant digits in the largest unit that the value reaches, of 10^12, 10^9, 10^6 and 10^3."""
    scales = zip((1e12, 1e9, 1e6, 1e3), units, strict=True)
    factor, unit = next((factor, unit) for factor, unit in scales if abs(value) >= factor)
    scaled = value / factor
    return f"{scaled:.0f} {unit}" if abs(scaled) >= 99.95 else f"{scaled:.3g} {unit}"
