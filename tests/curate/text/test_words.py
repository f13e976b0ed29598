"""Words: without these, every filter that counts words decides otherwise than FineWeb, language by language."""

import sys
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.curate.text import words as module
from lab.curate.text.words import ENGLISH, GERMAN, splitter
from lab.errors import InputError

# What spaCy 3.8's blank tokenisers give.
ENGLISH_WORDS = {
    "word": "word",
    "“Well,”": "“ Well , ”",
    "(end).": "( end ) .",
    "don't": "do n't",
    "we’ll": "we ’ll",
    "Ann's": "Ann 's",
    "cannot": "can not",
    "well-known": "well - known",
    "2021-2027": "2021 - 2027",
    "and/or": "and/or",
    "him/her": "him / her",
    "e.g.": "e.g.",
    "Dr.": "Dr.",
    "U.S.": "U.S.",
    "1.": "1 .",
    "3.5": "3.5",
    "$20": "$ 20",
    "20€": "20 €",
    "50%": "50 %",
    "10km": "10 km",
    "1.5°C": "1.5 ° C",
    "wait...": "wait ...",
    "one…two": "one … two",
    "http://a.example/b-c?d=e.f": "http://a.example/b-c?d=e.f",
    "jane@mail.example": "jane@mail.example",
    "www.a.example.": "www.a.example .",
    "C++": "C++",
    "#tag": "# tag",
    "end.Begin": "end . Begin",
    "a,b": "a , b",
}
GERMAN_WORDS = {
    "Baden-Württemberg": "Baden-Württemberg",
    "1.": "1.",
    "z.B.": "z.B.",
    "(vgl.": "( vgl.",
    "Haus.": "Haus .",
    "bzw.": "bzw.",
    "geht’s": "geht ’s",
    "geht's": "geht's",
    "auf'm": "auf 'm",
    "Schüler/innen": "Schüler / innen",
    "und/": "und /",
    "2021-2027": "2021 - 2027",
    "„Nein“,": "„ Nein “ ,",
    "20€": "20 €",
    "Nr.": "Nr.",
}


@pytest.mark.parametrize("chunk, words", ENGLISH_WORDS.items())
def test_english(chunk, words):
    assert ENGLISH.split(chunk) == words.split(" ")


@pytest.mark.parametrize("chunk, words", GERMAN_WORDS.items())
def test_german(chunk, words):
    assert GERMAN.split(chunk) == words.split(" ")


def test_other_languages_are_split_as_english():
    assert splitter(None) is splitter("en") is splitter("fi") is ENGLISH and splitter("de") is GERMAN


# What jieba, Sudachi and newmm give, with marks, numbers and English between.
SEGMENTED_WORDS = {
    "zh": "我们 今天 去 北京大学 （ 2024 年 ） 参加 U.S. 会议 ， do n't 。",
    "ja": "私 たち は 、 2024 年 に Google で 働い た 。 データー 「 東京 」",
    "th": "วันนี้ พวกเรา ไป มหาวิทยาลัย ( 2024 ) ๆ",
}


@pytest.mark.parametrize("language, words", SEGMENTED_WORDS.items())
def test_scripts_without_spaces(language, words):
    assert splitter(language).split(words.replace(" ", "")) == words.split(" ")


@given(
    st.text(st.sampled_from("我们今天去日本语のですデーｶﾞ゛ー々วันนี้กๆ๑a1.,。、（)\u3099𠮷")),
    st.sampled_from(["zh", "ja", "th"]),
)
def test_segmenters_lose_and_add_no_character(chunk, language):
    words = splitter(language).split(chunk)
    assert "".join(words) == chunk and all(words)


@pytest.mark.parametrize("language, piece", [("zh", "京"), ("ja", "かな"), ("th", "ตากลม"), ("th", "ก")])
def test_long_runs_take_linear_time(language, piece):
    """Sudachi refuses more than 49,149 bytes at a time, and newmm may search long for the best way to split."""
    chunk = piece * (60_000 // len(piece))
    splitter(language)
    started = time.process_time()
    assert "".join(splitter(language).split(chunk)) == chunk
    assert time.process_time() - started < 3


def test_a_missing_segmenter_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "rjieba", None)
    with pytest.raises(InputError, match=r"'zh'.*rjieba.*pip install -e '\.\[languages\]'"):
        module._segmenting.__wrapped__("zh")


CHUNKS = st.text(min_size=1, max_size=30).filter(lambda text: text.split() == [text])
MARKS = st.lists(st.sampled_from([*"a1Ä.-'’/:,!?…(){}[]\"°€$%+@#京あ", "..", "n't", "km", "'s"]), min_size=1).map(
    "".join
)


@given(CHUNKS | MARKS, st.sampled_from([ENGLISH, GERMAN]))
def test_no_character_is_lost_or_added(chunk, rules):
    words = rules.split(chunk)
    assert "".join(words) == chunk and all(words)


@given(st.text(st.sampled_from("aZÄßжא京あ²---"), min_size=1, max_size=12), st.sampled_from([ENGLISH, GERMAN]))
def test_hyphenated_letters_fall_apart_as_the_pattern_says(chunk, rules):
    """Most of them are split without it."""
    assert rules.split(chunk) == [part for part in rules.infix.split(chunk) if part]


@pytest.mark.parametrize("piece", ["a.", "'", "a'", "1.", "-", "a-", "@", "a@", "$", "..", "/", "°", "(", "京", "a:/"])
def test_long_chunks_take_linear_time(piece):
    """A page may hold one "word" of 150 kilobytes and more, such as an inlined picture."""
    chunk = piece * (150_000 // len(piece))
    started = time.process_time()
    assert "".join(ENGLISH.split(chunk)) == chunk
    assert time.process_time() - started < 3
