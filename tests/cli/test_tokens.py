"""If these fail, a user who looks at how text is split sees tokens that are not there, or misses those that are."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from lab.cli.tokens import Token, lines, split
from lab.tokens import foreign
from tests.cli.conftest import error_of, start
from tests.cli.test_generate import BYTES


def test_tokens_stand_over_their_ids(lab, project):
    found = lab("tokens", "the ferry")
    above, below, summary = found.out.splitlines()
    assert above.split() == ["t", "h", "e", "␣ferry"]
    assert below.split() == ["116", "104", "101", "258"]
    assert above.index("␣ferry") == below.index("258")
    assert summary == "4 tokens, 9 bytes, 2.25 bytes per token; lab, vocabulary 260"


def test_bytes_of_a_character_are_shown_as_hex(lab, project):
    out = lab("tokens", "é").out
    assert out.split()[:2] == ["<C3>", "<A9>"]
    assert "2 fragments of a character" in out


def test_a_new_row_behind_each_line_end(lab, project):
    rows = lab("tokens", "a\nb").out.splitlines()
    assert rows[0].split() == ["a", "↵"] and rows[2].split() == ["b"]


def test_what_looks_like_a_special_token_is_text(lab, project):
    ids = lab("tokens", "--ids", "<|endoftext|>").out.split()
    assert ids == [str(byte) for byte in b"<|endoftext|>"]


def test_stdin_and_ids_only(project):
    done = start("tokens", "--ids", stdin=b"a ferry\xff")
    assert done.stdout == b"97 258 239 191 189\n"  # a byte that is no UTF-8 is U+FFFD


@given(st.text(max_size=80), st.integers(4, 60))
def test_no_token_is_lost_and_no_row_is_wider_than_the_terminal(text, width):
    found = split(BYTES, text)
    shown = [line.plain for line in lines(found, width)]
    assert [int(number) for row in shown[1::2] for number in row.split()] == [token.id for token in found]
    assert all(cell_len(row) <= max(width, 4) for row in shown)


def test_wide_characters_stay_over_their_ids():
    found = [Token(1, "東京".encode()), Token(22, b" x")]
    above, below = (line.plain for line in lines(found, 40))
    assert cell_len(above[: above.index("␣")]) == below.index("22")


def test_colours_only_where_they_can_be_seen(project):
    assert b"\x1b[" not in start("tokens", "the ferry").stdout
    assert b"\x1b[" in start("tokens", "the ferry", FORCE_COLOR="1", TERM="xterm-256color").stdout
    bare = start("tokens", "the ferry", FORCE_COLOR="1", NO_COLOR="1", TERM="xterm-256color").stdout
    assert not re.search(rb"\x1b\[[0-9;]*(3|4|9|10)[0-7]m", bare)


def test_a_tokenizer_by_path(lab, project):
    path = project / "data" / "tokenizer" / "ranks.tiktoken"
    assert lab("tokens", "the ferry", "--ids", "--tokenizer", str(path)).out == "116 104 101 258\n"


def test_a_tokenizer_by_name(lab, project, shared, monkeypatch):
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(shared / "gpt2" / "tiktoken-cache"))
    assert lab("tokens", "hello world", "--ids", "--tokenizer", "gpt2").out == "31373 995\n"


def test_an_unknown_tokenizer(lab, project):
    error = error_of(lab("tokens", "x", "--tokenizer", "gpt3"))
    assert all(name in error for name in ("gpt3", *foreign.NAMED))


@pytest.mark.parametrize("content", [b"not ranks\n", b"\xff\xfe"])
def test_a_broken_tokenizer(lab, project, content):
    (project / "wrong.tiktoken").write_bytes(content)
    assert "wrong.tiktoken" in error_of(lab("tokens", "x", "--tokenizer", "wrong.tiktoken"))
