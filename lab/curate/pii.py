"""The pii stage: documents whose personal addresses and numbers are replaced by neutral stand-ins.

In: shards of documents. Out: the same documents without e-mail addresses and public IP addresses and, optionally,
without phone and payment card numbers. What counts, and the stand-ins, are FineWeb's (Penedo et al. 2024, as in
datatrove's PIIFormatter), with these corrections: letters such as ü are part of an address; Chinese or Japanese text
may touch one, or name its host (`anna@例え.jp`); IPv6 is known; version and section numbers (`version 1.2.3.4`,
`Firefox 3.6.3.4`) stay, and so does what has a number or a kind of file as its top-level domain (`react@18.2.0`,
`icon@2x.png`, `getty@tty1.service`). Dates and ranges of dates are no phone numbers.

Every search is linear in the text: no pattern can start twice in the same run of characters.
"""

import ipaddress
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import regex

from lab.documents import Document, Reason, sift, text_digest
from lab.engine import run_stage
from lab.params import EngineParams, PiiParams

DEFAULTS = PiiParams()
STAND_INS = {
    "email": ("email@example.com", "firstname.lastname@example.org"),  # domains kept free for examples
    "ipv4": (  # FineWeb's: no host answered there
        "22.214.171.124", "126.96.36.199", "188.8.131.52", "184.108.40.206", "220.127.116.11", "18.104.22.168",
    ),
    "ipv6": ("2001:db8::1", "2001:db8::2", "2001:db8::3"),  # the block kept free for documentation
    "card": ("4111 1111 1111 1111", "5555 5555 5555 4444"),  # issuers' test numbers
    "phone": ("+1 202-555-0143", "+1 202-555-0178"),  # numbers kept free for fiction
}  # fmt: skip

# Letters that have a case belong to alphabets that put spaces between words; no others are part of an address.
_LETTER = r"\p{Ll}\p{Lu}\p{Mn}"
_ATOM = rf"{_LETTER}0-9!#$%&'*+/=?^_`{{|}}~\-"
_LABEL = rf"[{_LETTER}0-9]++(?:-++[{_LETTER}0-9]++)*+"
_BYTE = r"(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_QUAD = rf"{_BYTE}(?:\.{_BYTE}){{3}}"
# \G: or right after the last address, as in "a@b.org/c@d.org".
# A label in other letters must be followed by a dot: what touches an address's end is text again ("a@b.jp。"). The
# top-level domains are those of registries that are open to everybody.
_FOREIGN = r"(?:[\p{Lo}\p{M}0-9ー-]++\.)"
_FOREIGN_TOP = (
    "中国|中國|公司|网络|網路|網絡|香港|台湾|台灣|みんな|한국|भारत|ไทย|مصر|السعودية|امارات|ایران|الاردن|ישראל"
)
_HOST = rf"{_FOREIGN}*+{_LABEL}(?:\.{_LABEL})*+|{_FOREIGN}++(?:{_FOREIGN_TOP})"
_EMAIL = regex.compile(rf"(?:(?<![{_ATOM}.@])|\G)([{_ATOM}.]++)@({_HOST}|\[{_QUAD}\])")
# Of pictures, documents, code and systemd's units: no top-level domains, other than zip, sh, rs, py and md.
_FILE_ENDINGS = frozenset(
    "png jpg jpeg gif webp svg bmp ico tif tiff avif heic psd css scss js mjs jsx ts tsx json xml html htm xhtml php "
    "asp aspx jsp txt csv tsv yml yaml toml ini cfg conf log pdf doc docx xls xlsx ppt pptx odt mp3 mp4 wav ogg avi "
    "mkv webm tar gz tgz bz2 xz rar 7z exe dll msi deb rpm apk jar iso img ttf otf woff woff2 service socket target "
    "timer mount automount swap slice scope device desktop".split()
)
_FIRST_OF_LOCAL = regex.compile(rf"[{_LETTER}0-9_]")
_IPV4 = regex.compile(rf"(?<![{_LETTER}_0-9])(?<![{_LETTER}]-)(?<![0-9]\.){_QUAD}(?![{_LETTER}_0-9]|\.[0-9])")
_IPV6 = regex.compile(
    rf"(?i)(?:(?<![0-9a-z:.])|(?<=\bipv6:))[23][0-9a-f]{{3}}:(?:[0-9a-f]{{0,4}}:){{1,6}}(?:{_QUAD}|[0-9a-f]{{1,4}}|(?<=::))"
    rf"(?![0-9a-z]|:[0-9a-f:]|\.[0-9]|[{_ATOM}.]*+@)"  # the last: its end begins an e-mail address
)
_GIVEN_OUT = ipaddress.ip_network("2000::/3")  # by IANA so far; for Python `abc::def` is global too
_VERSION_BEFORE = regex.compile(
    r"(?i)(?:(?<!\p{L})(?:version(?:en|e|s)?|versión|verzia|wersja|версия|ver|v|release|build|firmware|revision|rev"
    r"|update|patch|section|sec|chapter|clause|article|figure|table|abschnitt|kapitel|absatz|ziffer|artikel|abbildung"
    r"|tabelle|chapitre|capítulo|sección)|版本|バージョン|§)[.:=#\s]{0,3}$"
)
_VERSION_AFTER = regex.compile(r"(?i)[-.](?:alpha|beta|rc|dev|snapshot|final|patch|tar|zip|jar|exe|deb|rpm)(?!\p{L})")
# Programs whose versions may have four numbers, and names of files: "Firefox 3.6.3.4", "library.so.1.2.3.4".
_PRODUCT_BEFORE = regex.compile(
    r"(?i)(?<!\p{L})(?:firefox|chrome|chromium|opera|safari|mozilla|gecko|webkit|khtml|trident|msie|edge?|thunderbird"
    r"|seamonkey|android|ios|windows|linux|kernel|ubuntu|java|jdk|jre|python|perl|php|ruby|apache|nginx|mysql|postgresql"
    r"|oracle|wordpress|joomla|drupal|typo3|openssl|openssh|flash(?: player)?|acrobat(?: reader)?|reader|office|skype"
    r"|itunes|quicktime|directx|driver|drivers|bios|dll|sdk|api|plugin|app)[/ ]{1,2}$|\.(?:so|dll|jar|zip|exe|gz)[. ]$"
)
_CONTEXT = 24  # characters, longer than any word that announces a version
_DATE = regex.compile(
    r"(?<![0-9])(?:[0-3]?[0-9][./-][01]?[0-9][./-](?:19|20)[0-9]{2}|(?:19|20)[0-9]{2}[./-][01]?[0-9][./-][0-3]?[0-9]"
    r"|[01]?[0-9]/(?:19|20)[0-9]{2}\s*[-–—]\s*[01]?[0-9]/(?:19|20)[0-9]{2}|(?:19|20)[0-9]{2}\s*[-–—]\s*(?:19|20)[0-9]{2})"
    r"(?![0-9])"
)
_CARD = regex.compile(
    "|".join(
        rf"(?<![\w.,-])(?<![0-9]{gap}){digits}(?!\w|[.,-][0-9]|{gap}[0-9]{{4}}(?![0-9]))"
        for gap in ("[ \u00a0]", "-")
        for digits in (
            "[0-9]{13,19}",
            f"[0-9]{{4}}(?:{gap}[0-9]{{4}}){{3}}",
            f"[0-9]{{4}}{gap}[0-9]{{6}}{gap}[0-9]{{4,5}}",
        )
    )
)
_ISSUERS = [  # first and last prefix, lengths of the whole number (ISO/IEC 7812 as issuers publish them)
    ("4", "4", {13, 16, 19}), ("51", "55", {16}), ("2221", "2720", {16}), ("34", "34", {15}), ("37", "37", {15}),
    ("6011", "6011", range(16, 20)), ("644", "659", range(16, 20)), ("62", "62", range(16, 20)),
    ("3528", "3589", range(16, 20)), ("300", "305", range(14, 20)), ("36", "36", range(14, 20)),
    ("38", "39", range(14, 20)), ("2200", "2204", range(16, 20)),
]  # fmt: skip


@dataclass(frozen=True, order=True)
class Span:
    """Something personal in a text: text[start:end], of one of the kinds of STAND_INS."""

    start: int
    end: int
    kind: str


def find(text: str, params: PiiParams = DEFAULTS) -> list[Span]:
    """What `scrub` replaces, in order; of two overlapping spans the one that begins first, else the longer one."""
    candidates: list[Span] = []
    if params.emails and "@" in text:
        candidates += _emails(text)
    if params.ips:
        candidates += _ips(text)
    if params.cards:
        candidates += [Span(card.start(), card.end(), "card") for card in _CARD.finditer(text) if is_card(card[0])]
    if params.phones:
        candidates += _phones(text, params.phone_region)
    kept: list[Span] = []
    for span in sorted(candidates, key=lambda span: (span.start, -span.end)):
        if (not kept or span.start >= kept[-1].end) and text[span.start : span.end] not in STAND_INS[span.kind]:
            kept.append(span)
    return kept


def scrub(text: str, params: PiiParams = DEFAULTS) -> tuple[str, dict[str, int]]:
    """The text with stand-ins, and how many spans of each kind (those of STAND_INS) were replaced.

    The same address gets the same stand-in everywhere. Scrubbing again changes nothing.
    """
    parts, end = [], 0
    counts: Counter[str] = Counter()
    for span in find(text, params):
        choices, key = STAND_INS[span.kind], text_digest(text[span.start : span.end].lower())
        parts += [text[end : span.start], choices[int.from_bytes(key, "little") % len(choices)]]
        end = span.end
        counts[span.kind] += 1
    return "".join([*parts, text[end:]]) if parts else text, dict(counts)


def run(source: Path, out: Path, params: PiiParams, engine: EngineParams) -> dict:
    """Scrub every shard of `source` into `out`; Counts, in which `changed` counts the replacements by kind.

    EmptyCorpusError if there is no document.
    """
    return run_stage("pii", _scrub_shard, source, out, params, engine)


def is_card(number: str) -> bool:
    """Whether digits (spaces and hyphens left out) have a card issuer's prefix and length, and a valid check digit."""
    digits = "".join(filter(str.isdecimal, number))
    issued = any(first <= digits[: len(first)] <= last and len(digits) in sizes for first, last, sizes in _ISSUERS)
    doubled = [int(digit) for digit in digits[-2::-2]]
    luhn = sum(map(int, digits[-1::-2])) + sum(2 * digit - 9 * (digit > 4) for digit in doubled)
    return issued and luhn % 10 == 0


def _emails(text: str) -> Iterator[Span]:
    for match in _EMAIL.finditer(text):
        local, domain = match.groups()
        # No two dots in a row and none at an end; marks such as quotes before the first letter are no part of it, and a
        # path before a name is none: "https://medium.com/@anna.b".
        local = local.rsplit("..", 1)[-1]
        first = _FIRST_OF_LOCAL.search(local)
        labels = domain.split(".")
        if labels[-1].lower() in _FILE_ENDINGS:
            continue
        while labels and labels[-1].isdecimal():  # no top-level domain is a number
            labels.pop()
        if first and not local.endswith((".", "/")) and len(labels) > 1:
            start = match.end(1) - len(local) + first.start()
            yield Span(start, match.start(2) + len(".".join(labels)), "email")


def _ips(text: str) -> Iterator[Span]:
    for match in _IPV4.finditer(text):
        start, end = match.span()
        before = text[max(0, start - _CONTEXT) : start]
        version = _VERSION_BEFORE.search(before) or _PRODUCT_BEFORE.search(before) or _VERSION_AFTER.match(text, end)
        ipv4 = ipaddress.IPv4Address(match[0])
        if not version and ipv4.is_global and not ipv4.is_multicast:
            yield Span(start, end, "ipv4")
    if "::" in text or text.count(":") >= 7:
        for match in _IPV6.finditer(text):
            try:
                ipv6 = ipaddress.IPv6Address(match[0])
            except ValueError:
                continue
            if ipv6.is_global and ipv6 in _GIVEN_OUT:
                yield Span(match.start(), match.end(), "ipv6")


def _phones(text: str, region: str | None) -> Iterator[Span]:
    import phonenumbers  # 2 MB of number plans, needed by this option only

    dates = [date.span() for date in _DATE.finditer(text)]
    for match in phonenumbers.PhoneNumberMatcher(text, region, leniency=phonenumbers.Leniency.VALID):
        in_date = any(start < match.end and match.start < end for start, end in dates)
        if not in_date and not _IPV4.fullmatch(match.raw_string):  # some private addresses would pass as phone numbers
            yield Span(match.start, match.end, "phone")


def _scrub_shard(path: Path, folder: Path, name: str, *, params: PiiParams) -> dict:
    changed: Counter[str] = Counter()

    def judge(document: Document) -> tuple[Document, Reason | None]:
        text, counts = scrub(document.text, params)
        changed.update(counts)
        return (replace(document, text=text) if counts else document), None

    counts = sift(path, folder, name, judge)
    counts.changed.update(changed)
    return counts.as_dict()
