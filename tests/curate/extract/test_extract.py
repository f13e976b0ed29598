"""Extraction: without these pages come out garbled, or one page stops a run."""

import codecs
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.crawl.index import INDEX_SCHEMA
from lab.crawl.records import Record
from lab.curate.extract import stage as extract
from lab.curate.extract.decoding import decode
from lab.documents import Reason, RowWriter, read_documents
from lab.files import write_json
from lab.params import EngineParams, ExtractParams

ENGINES = ["lab", "resiliparse", "trafilatura"]
# Long enough for the detector to tell the charset from the bytes alone.
SAMPLES = {
    "windows-1251": "Москва — столица России, город федерального значения. Население города двенадцать миллионов.",
    "koi8-r": "Москва столица России, город федерального значения. Население города двенадцать миллионов.",
    "shift_jis": "東京は日本の首都であり、世界最大の都市の一つです。人口は約千四百万人です。カタカナも使います。",
    "euc-jp": "東京は日本の首都であり、世界最大の都市の一つです。人口は約千四百万人です。カタカナも使います。",
    "iso-2022-jp": "東京は日本の首都であり、世界最大の都市の一つです。人口は約千四百万人です。",
    "gb18030": "北京是中华人民共和国的首都，也是全国的政治中心和文化中心。人口约为两千万。",
    "big5": "臺北是中華民國的首都，也是全國的政治中心和文化中心。人口約為兩百五十萬。",
    "windows-1253": "Η Αθήνα είναι η πρωτεύουσα της Ελλάδας και η μεγαλύτερη πόλη της χώρας.",
    "windows-1255": "ירושלים היא בירת ישראל והעיר הגדולה ביותר במדינה",
    "windows-1256": "القاهرة هي عاصمة جمهورية مصر العربية وأكبر مدنها",
    "tis-620": "กรุงเทพมหานครเป็นเมืองหลวงและนครที่มีประชากรมากที่สุดของประเทศไทย",
    "utf-16-le": "Grüße 東京",
    "utf-16-be": "Grüße aus Köln",
    "utf-8": "Grüße 東京 القاهرة",
}
DECLARED_ONLY = {
    "windows-1250": "Příliš žluťoučký kůň úpěl ďábelské ódy. Zażółć gęślą jaźń.",
    "windows-1252": "Grüße aus Köln – “naïve” café, 5 €",
    "windows-1254": "İstanbul Türkiye'nin en kalabalık şehridir",
    "windows-1257": "Vilnius yra Lietuvos sostinė, gražus miestas ąčęėįšųūž",
    "euc-kr": "서울은 대한민국의 수도이며 정치와 문화의 중심지이다.",
}


@pytest.mark.parametrize("charset", SAMPLES)
def test_a_charset_that_nobody_declares(charset: str):
    page = f"<html><head><title>x</title></head><body><p>{SAMPLES[charset]}</p></body></html>"
    assert decode(page.encode(charset)) == page


@pytest.mark.parametrize("charset", SAMPLES | DECLARED_ONLY)
def test_a_charset_of_the_header_or_the_page(charset: str):
    text = (SAMPLES | DECLARED_ONLY)[charset]
    assert text in decode(f"<p>{text}</p>".encode(charset), charset.upper())
    assert text in decode(f'<meta charset="{charset}"><p>{text}</p>'.encode(charset))
    declared = f'<meta http-equiv=Content-Type content="text/html; charset={charset}"><p>{text}</p>'
    assert text in decode(declared.encode(charset))


def test_a_mark_and_valid_utf8_win_over_labels():
    assert decode("Köln".encode("utf-16"), "utf-8") == "Köln"
    assert decode("Köln".encode("utf-8-sig"), "iso-8859-1") == "Köln"
    assert decode("<meta charset=iso-8859-1>Köln".encode()).endswith("Köln")
    assert decode("<meta charset=utf-8>Köln".encode("cp1252"), "no such charset").endswith("Köln")


def test_one_broken_byte_spoils_only_itself():
    assert decode(b"<meta charset=utf-8>" + "Grüße ".encode() * 500 + b"\xe2\x80").count("Grüße") == 500


@pytest.mark.parametrize("charset", [None, "utf-8", "iso-8859-1"])
@pytest.mark.parametrize("end", ["ä".encode()[:1], "€".encode()[:2], b"\xff", b" \xfc "])
def test_utf8_that_is_cut_within_a_character_or_broken_once_is_utf8(charset, end):
    text = "<p>Größe über Äpfel – kostet 5 €. "
    assert decode(text.encode() + end, charset).rstrip() == text.rstrip()


@pytest.mark.parametrize(
    ("charset", "codec", "text"),
    [
        ("shift_jis", "cp932", "①②㈱髙" + "これは日本語の長い文章です。" * 10),
        ("euc-jp", "euc_jis_2004", "①これは日本語の長い文章です。"),
        ("euc-kr", "cp949", "펲시 안녕하세요"),
        ("big5", "big5hkscs", "喺嘅咗中文維基百科"),
        ("gb2312", "gb18030", "㐀镕这是一段中文"),
        ("windows-874", "cp874", "“ภาษาไทย”…"),
        ("x-mac-cyrillic", "mac_cyrillic", "Привет, мир"),
    ],
)
def test_a_label_means_all_that_browsers_read_by_it(charset, codec, text):
    assert text in decode(f"<p>{text}</p>".encode(codec), charset)
    assert text in decode(f"<meta charset={charset}><p>{text}</p>".encode(codec))


def test_what_only_python_calls_a_charset_is_none():
    for label in ("undefined", "base64", "hex", "rot13", "idna", "punycode", "unicode_escape", "utf-7"):
        assert decode("<p>Größe der Häuser".encode("cp1252"), label) == "<p>Größe der Häuser"


def test_wrong_labels_of_seven_bits_and_of_two_bytes():
    text = "これは日本語です。"
    assert text in decode(f"<meta charset=iso-2022-jp><p>{text}".encode("iso2022_jp"), "utf-8")
    assert decode("<p>Größe der Häuser".encode("cp1252"), "utf-16") == "<p>Größe der Häuser"
    russian = "<p>Привет мир, это длинный русский текст без разметки"
    assert decode(russian.encode("utf-16-le"), "utf-16") == russian
    assert decode("<p>Ω".encode("utf-32")) == decode(codecs.BOM_UTF32_BE + "<p>Ω".encode("utf-32-be")) == "<p>Ω"


@given(st.binary(max_size=300), st.sampled_from([None, "utf-8", "shift_jis", "utf-16", "gb18030", "x", "\udcff"]))
def test_any_bytes_decode(data: bytes, label: str | None):
    decode(data, label).encode("utf-8")


def page_of(*paragraphs: str, attributes: str = "") -> str:
    body = "".join(f"<p>{text}</p>" for text in paragraphs)
    return (
        f"<html {attributes}><body><nav><ul><li><a href=/>Home</a><li><a href=/b>About us</a></ul></nav>"
        f"<main><article>{body}</article></main><footer>© 2020 <a href=/c>Imprint</a></footer></body></html>"
    )


@pytest.mark.parametrize("engine", ENGINES)
def test_main_text_without_navigation(engine: str):
    paragraphs = [
        "The council met on Tuesday, and it agreed, after some debate, to build the bridge across the river.",
        "Work begins in spring, said the mayor; it will take two years and cost as much as a new school.",
    ]
    lines = [line for line in extract.extract_text(page_of(*paragraphs), engine=engine).split("\n") if line]
    assert lines == paragraphs


@pytest.mark.parametrize(
    ("attributes", "paragraphs"),
    [
        (
            "lang=ja",
            ["東京は日本の首都であり、世界最大の都市の一つです。", "人口は約千四百万人で、毎年多くの人が訪れます。"],
        ),
        ("lang=zh", ["北京是中华人民共和国的首都，也是全国的政治中心。", "人口约为两千万，每年有很多游客来访。"]),
        ("lang=th", ["กรุงเทพมหานครเป็นเมืองหลวงและนครที่มีประชากรมากที่สุด", "นักท่องเที่ยวจำนวนมากมาเยี่ยมชมทุกปี"]),
        ("lang=ar dir=rtl", ["القاهرة هي عاصمة جمهورية مصر العربية وأكبر مدنها", "يزورها عدد كبير من السياح كل عام."]),
        ("lang=he dir=rtl", ["ירושלים היא בירת ישראל והעיר הגדולה ביותר במדינה", "תיירים רבים מבקרים בה מדי שנה."]),
    ],
)
def test_scripts_without_spaces_and_from_right_to_left(attributes: str, paragraphs: list[str]):
    text = extract.extract_text(page_of(*paragraphs, attributes=attributes).encode(), engine="lab")
    assert [line for line in text.split("\n") if line] == paragraphs


def test_nothing_in_the_text_that_parquet_or_a_tokenizer_refuses():
    text = extract.extract_text(
        page_of("A sen\xadtence\x00 with\x0b odd\x07 characters&#xD800;, no-break\xa0spaces too.")
    )
    assert "sentence" in text and "no-break spaces" in text
    assert not set(text) & set("\x00\x0b\x07\xad\xa0")
    text.encode("utf-8")


def test_limits(monkeypatch):
    params = ExtractParams(max_bytes=1000, max_tags=50, max_seconds=0.05)
    assert extract.judge(Record(b"x" * 1001, None), params).reason == "max_bytes"
    assert extract.judge(Record(b"<b>" * 51, None), params).reason == "max_tags"
    assert extract.judge(Record(b"", None), params).reason == "empty"
    monkeypatch.setattr(extract, "extract", lambda *_, **__: sum(1 for _ in iter(int, 1)))  # without end
    assert extract.judge(Record(b"<p>x", None), params).reason == "clock"


def test_a_charset_named_after_a_long_head():
    head = "<script>" + "x = 1;\n" * 2000 + "</script>"
    page = f"{head}<meta charset=windows-1250><p>Příliš žluťoučký kůň</p>"
    assert "žluťoučký" in decode(page.encode("windows-1250"))


@pytest.mark.parametrize("between", [" ", "\n", ' x="a>b" ', "/"])
def test_a_tag_of_many_attributes_is_refused_before_the_parser_compares_them(between: str):
    tag = "<p " + between.join(f"a{n}" for n in range(60_000)) + ">text"
    start = time.process_time()
    assert extract.judge(Record(tag.encode(), None), ExtractParams()).reason == "max_attributes"
    assert time.process_time() - start < 0.5
    words = "<p>" + "word " * 60_000 + "<div class='" + "name " * 5000 + "'>"
    assert extract.judge(Record(words.encode(), None), ExtractParams()).reason is None


def test_a_menu_of_many_options_is_refused():
    assert extract.judge(Record(b"<select>" + b"<option>x" * 20_000, None), ExtractParams()).reason == "max_options"


def test_an_exception_that_native_code_turns_into_a_panic_is_the_page_s(monkeypatch):
    class PanicException(BaseException):
        pass

    def panics(*_, **__):
        raise PanicException("Python callback raised PageTimeout")

    monkeypatch.setattr(extract, "extract", panics)
    assert extract.judge(Record(b"<p>x", None), ExtractParams()).reason == "clock"


def test_an_error_is_the_page_s_not_the_run_s(monkeypatch):
    def broken(*_, **__):
        raise ValueError("odd")

    monkeypatch.setattr(extract, "extract", broken)
    reason = extract.judge(Record(b"<p>x", None), ExtractParams()).reason
    assert isinstance(reason, Reason) and reason == "error" and reason.detail == "ValueError: odd"


@pytest.mark.parametrize("engine", ["lab", "resiliparse"])
@pytest.mark.parametrize(
    "unit", ["<div>", "<b><p>", "<a><div class=x>", "<form><div>", "<table><td>", "<ul><li>", "<!--"]
)
def test_nesting_ends_in_time(engine: str, unit: str):
    params = ExtractParams(engine=engine)
    page = unit * (params.max_tags // unit.count("<")) + "the end"
    start = time.process_time()
    extract.judge(Record(page.encode(), None), params)
    assert time.process_time() - start < 6


def test_a_page_of_fifty_megabytes_is_refused_at_once():
    page = b"<p>text " * 6_500_000
    start = time.process_time()
    assert extract.judge(Record(page, None), ExtractParams()).reason == "max_bytes"
    assert time.process_time() - start < 0.5


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            ["<p>", "</p>", "<div class=comments>", "</div>", "<article>", "<a href=x>", "</a>", "<h2>", "<ul><li>"]
        )
        | st.text(max_size=40),
        max_size=60,
    )
)
def test_any_markup_gives_text(parts: list[str]):
    text = extract.extract_text("".join(parts), engine="lab")
    text.encode("utf-8")
    assert "\x00" not in text


def test_a_stopped_run_goes_on_only_with_the_same_warc_files(tmp_path, monkeypatch):
    """Else texts of another crawl stay in the corpus, where the index happens to be the same."""
    monkeypatch.chdir(tmp_path)
    with RowWriter(tmp_path / "index/part-00000.parquet", INDEX_SCHEMA) as writer:
        writer.write({"url": "http://a.example/", "status": 200, "file": "a.warc", "offset": 0, "record_id": "1"})

    def extracted(text: str) -> list[str]:
        monkeypatch.setattr(extract, "read_records", lambda *_: [(0, Record(page_of(text).encode(), None))])
        extract.run(tmp_path / "index", tmp_path / "crawl", tmp_path / "out", ExtractParams(), EngineParams(workers=1))
        return [document.text for document in read_documents(tmp_path / "out/part-00000.parquet")]

    first, second = (
        "The council met on Tuesday to build a bridge.",
        "The council met on Sunday to build a new school.",
    )
    write_json(tmp_path / "crawl/manifest.json", {"files": [{"path": "a.warc", "sha256": "1"}]})
    assert extracted(first) == [first]
    assert extracted(second) == [first]  # not read again
    write_json(tmp_path / "crawl/manifest.json", {"files": [{"path": "a.warc", "sha256": "2"}]})
    assert extracted(second) == [second]
