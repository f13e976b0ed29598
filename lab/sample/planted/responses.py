"""Cases whose delivery decides: charsets, compression, cut or empty bodies, other statuses and types, damage."""

import base64
import struct
import zlib
from collections.abc import Iterator
from dataclasses import replace
from random import Random

from lab.sample.planted.cases import PlantedCase, Planter, paragraph_texts
from lab.sample.web_page import Delivery, WebPage

PLAIN = "The naïve visitor at the Café Zürich pays twice for the crème brûlée and the jalapeño bread."
QUOTED = "“Señor Núñez’s façade costs €20,” said the voice – and it was the curé’s own façade."
CHARSETS = (  # kind, text, codec of the bytes, charset of the header, charset of <meta>
    ("windows-1252", QUOTED, "cp1252", "windows-1252", "windows-1252"),
    ("iso-8859-1", PLAIN, "latin-1", "iso-8859-1", "iso-8859-1"),
    ("header_only", PLAIN, "latin-1", "iso-8859-1", None),
    ("meta_only", QUOTED, "cp1252", None, "windows-1252"),
    ("missing", QUOTED, "utf-8", None, None),
    ("missing_windows-1252", QUOTED, "cp1252", None, None),
    ("utf-16", QUOTED, "utf-16-le", None, None),
    ("utf-8_as_iso-8859-1", PLAIN, "utf-8", "iso-8859-1", "iso-8859-1"),
    ("windows-1252_as_utf-8", QUOTED, "cp1252", "utf-8", "utf-8"),
    ("unknown_name", PLAIN, "utf-8", "none-such", None),
)
ENCODINGS = {"gzip": {"gzip": True}, "chunked": {"chunked": True}, "gzip_chunked": {"gzip": True, "chunked": True}}


def charsets(planter: Planter) -> Iterator[PlantedCase]:
    for kind, text, codec, header, meta in CHARSETS:
        for number in range(planter.count):
            url = f"https://{kind.replace('_', '-')}.letters.example/{number + 1}"
            content_type = f"text/html; charset={header}" if header else "text/html"
            page = planter.base(url, f"<p>{text}</p>\n", codec=codec, content_type=content_type, meta_charset=meta)
            # A wrong label that fits the bytes is believed, as browsers do: the page stays, its accents suffer.
            garbled = kind == "utf-8_as_iso-8859-1"
            certain = kind not in ("windows-1252_as_utf-8", "missing_windows-1252")
            yield PlantedCase(f"charset:{kind}", page, "keep", certain=certain, contains=None if garbled else text)


def deliveries(planter: Planter) -> Iterator[PlantedCase]:
    for kind, encoding in ENCODINGS.items():
        for number in range(planter.count):
            page = planter.base(f"https://{kind.replace('_', '-')}.delivery.example/{number + 1}", **encoding)
            yield PlantedCase(f"body:{kind}", page, "keep", contains=_first_sentence(page))
    for number in range(planter.count):
        page = planter.base(f"https://cut.delivery.example/{number + 1}")
        cut = page.body.index(" ", len(page.body) * 4 // 5)
        page = replace(page, delivery=Delivery(cut_after=page.body[:cut]))
        yield PlantedCase("cut_off", page, "keep", contains=_first_sentence(page))
    for number in range(planter.count):
        raw = "" if number % 2 == 0 else _encoded(b"<html><head><title></title></head><body></body></html>\n")
        page = WebPage(f"https://empty.delivery.example/{number + 1}", "", "", delivery=Delivery(raw=raw))
        yield PlantedCase("empty_body", page, "extract", expected_reason="empty")


def not_articles(planter: Planter) -> Iterator[PlantedCase]:
    """Responses that are no article: not found, redirects, images, PDFs."""
    for number in range(planter.count):
        url = f"https://gone.answers.example/{number + 1}"
        yield PlantedCase("not_found", planter.base(url, status=404), "url_filter")
        status, target = (301, 302)[number % 2], f"https://moved.answers.example/new/{number + 1}"
        body = f'<p>The document has moved <a href="{target}">here</a>.</p>'
        delivery = Delivery(status=status, location=target)
        page = WebPage(f"https://moved.answers.example/{number + 1}", "Moved", body, delivery=delivery)
        yield PlantedCase("redirect", page, "url_filter")
        delivery = Delivery(content_type="image/png", raw=_encoded(png(planter.random("png", number))))
        page = WebPage(f"https://media.answers.example/{number + 1}.png", "", "", delivery=delivery)
        yield PlantedCase("image", page, "url_filter")
        delivery = Delivery(content_type="application/pdf", raw=_encoded(pdf(f"Notice number {number + 1}")))
        page = WebPage(f"https://media.answers.example/{number + 1}.pdf", "", "", delivery=delivery)
        yield PlantedCase("pdf", page, "url_filter")


def broken(planter: Planter) -> Iterator[PlantedCase]:
    for number in range(planter.count):
        damage = ("deflate", "header", "torn")[number % 3]
        page = planter.base(f"https://broken.records.example/{number + 1}", damage=damage)
        yield PlantedCase("broken_record", page, "index")


def png(random: Random) -> bytes:
    """A small valid PNG of coloured squares."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    size = 16
    rows = b"".join(b"\0" + random.randbytes(3 * size) for _ in range(size))
    header = struct.pack(">IIBBBBB", size, size, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def pdf(text: str) -> bytes:
    """A valid PDF of one page with one line."""
    stream = f"BT /F1 24 Tf 72 720 Td ({text}) Tj ET".encode("ascii")
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R "
        b"/Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    out, offsets = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, 1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    end = b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, len(out))
    return out + b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1) + table + end


def _first_sentence(page: WebPage) -> str:
    return paragraph_texts(page.body)[0].split(". ")[0]


def _encoded(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
