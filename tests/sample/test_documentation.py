"""If these fail, a run imports what it only meant to read, or depends on what else is installed on the machine."""

import argparse
import json
import sys
from pathlib import Path

import pytest

from lab.errors import InputError
from lab.sample.documentation import libraries
from lab.sample.documentation.docstrings import inline, to_html
from lab.sample.documentation.markup import description_html, markdown_html, plain_html, rst_html, sanitized
from lab.sample.documentation.pages import MAX_CHARACTERS, module_pages, prose_share, write_library

PROSE = "It keeps the promises that it makes, and it says in plain words what it does not know about them. " * 8
SOURCE = f'''"""What this module is for.

{PROSE}
"""
raise SystemExit("imported")


class Keeper:
    """Keeps promises.

    {PROSE}

    {PROSE}
    """

    def keep(self, promise, *, times=1):
        """Keep one promise several times over.

        Args:
            promise (str): what was said
            times: how often
        """
'''


@pytest.fixture
def noisy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A lock that pins an installed distribution which must not be imported; another one is installed beside it."""
    for name, version in (("noisy", "1.0"), ("unpinned", "3.0")):
        package, about = tmp_path / name, tmp_path / f"{name}-{version}.dist-info"
        for folder in (package, about, package / "tests"):
            folder.mkdir()
        (package / "__init__.py").write_text(SOURCE)
        (package / "broken.py").write_text('"""' + "a" * 200 + '"""\ndef (:\n')
        (package / "tests/test_it.py").write_text(SOURCE)
        (about / "LICENSE").write_text("You may do as you like.\n\n" + PROSE)
        head = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nDescription-Content-Type: text/markdown\n\n"
        (about / "METADATA").write_text(f"{head}# {name}\n\n{PROSE}\n\n<script>alert(1)</script>\n")
        paths = sorted(path for folder in (package, about) for path in folder.rglob("*") if path.is_file())
        rows = [f"{path.relative_to(tmp_path)},,{path.stat().st_size}\n" for path in paths]
        (about / "RECORD").write_text("".join(rows))
    monkeypatch.syspath_prepend(str(tmp_path))
    lock = tmp_path / "some.lock"
    lock.write_text("# pinned\nnoisy==1.0  # why\nnot-there==2.0\nJinja2==0.1\n-e .\n")
    return lock


def written(folder: Path, library: str, version: str, rich_pages: int = 10) -> tuple[dict, list[dict]]:
    folder.mkdir()
    item = {"library": library, "version": version, "rich_pages": rich_pages}
    result = write_library(item, folder, "pages", seed=1)
    return result, [json.loads(line) for line in (folder / "pages.jsonl").read_text().splitlines()]


def test_only_what_the_lock_pins_and_nothing_is_imported(noisy: Path, tmp_path: Path):
    usable, unusable = libraries.find_libraries(noisy)
    assert [library.name for library in usable] == ["python", "noisy"]
    assert unusable == {"not installed": ["not-there"], "other version": ["Jinja2"]}
    result, pages = written(tmp_path / "out", "noisy", "1.0")
    assert "noisy" not in sys.modules
    assert result["failed"] == {"SyntaxError": 1} and result["exhausted"]
    assert {page["url"] for page in pages} == {
        "https://noisy.docs.example/project/",
        "https://noisy.docs.example/licence/1/license",
        "https://noisy.docs.example/en/1.0/module-noisy.html",
        "https://noisy.docs.example/en/1.0/noisy.keeper.html",
    }
    keeper = next(page for page in pages if page["url"].endswith("keeper.html"))
    assert "<code>Keeper.keep(promise, times)</code>" in keeper["body"] and "<dt>promise (str)</dt>" in keeper["body"]
    assert "alert" not in "".join(page["body"] for page in pages)


def test_offsets_lead_to_the_pages(noisy: Path, tmp_path: Path):
    result, _ = written(tmp_path / "out", "noisy", "1.0")
    with open(tmp_path / "out/pages.jsonl", "rb") as file:
        for url, title, kind, prose, offset in result["pages"]:
            file.seek(offset)
            page = json.loads(file.readline())
            assert (page["url"], page["title"]) == (url, title)
            assert kind in ("description", "licence", "documentation") and 0 <= prose <= 1


def test_the_standard_library_is_the_part_that_every_system_has():
    paths = [path for path, _ in libraries._standard_library()]
    first = {path.with_suffix("").parts[0] for path in paths}
    assert first <= sys.stdlib_module_names and {"ast", "json", "asyncio", "collections"} <= first
    assert not first & {"tkinter", "idlelib", "test", "ensurepip"}
    assert not any("site-packages" in path.parts or "test" in path.parts for path in paths)


def test_a_library_ends_when_there_are_enough_pages(tmp_path: Path):
    few, pages = written(tmp_path / "few", "python", "3", rich_pages=3)
    assert not few["exhausted"] and 3 <= len(pages) < 100
    again, same = written(tmp_path / "again", "python", "3", rich_pages=3)
    assert (again, same) == (few, pages)
    assert len({page["url"] for page in pages}) == len(pages)


def test_no_lock_is_an_error_for_people(tmp_path: Path):
    with pytest.raises(InputError, match=r"none\.lock: no such lock file"):
        libraries.find_libraries(tmp_path / "none.lock")


def test_long_pages_are_split(tmp_path: Path):
    library = libraries.Library("long", "1", 0)
    functions = "".join(f'def f{n}():\n    """{PROSE}"""\n' for n in range(60))
    parts = [page for page, _ in module_pages(library, Path("long.py"), functions.encode())]
    assert len(parts) > 1 and all(len(page.body) < 1.3 * MAX_CHARACTERS for page in parts)
    assert len({page.url for page in parts}) == len(parts)
    assert sum(page.body.count("<h2>") for page in parts) == 60


def test_prose_is_told_from_code():
    assert prose_share([PROSE]) == 1
    assert prose_share([">>> keep(promise)\n" * 100]) == 0
    assert 0.4 < prose_share([PROSE, "x = [1, 2]; y = {3}\n" * 40]) < 0.6


@pytest.mark.parametrize(
    ("docstring", "html"),
    [
        ("Keep *one* ``promise``.", "<p>Keep <em>one</em> <code>promise</code>.</p>"),
        ("First line\nof two.\n\nSecond.", "<p>First line of two.</p>\n<p>Second.</p>"),
        ("Title\n=====\n\nText.", "<h2>Title</h2>\n<p>Text.</p>"),
        (
            "Parameters\n----------\nx : int\n    The first.",
            "<h2>Parameters</h2>\n<dl>\n<dt>x : int</dt>\n<dd>\n<p>The first.</p>\n</dd>\n</dl>",
        ),
        (
            "Args:\n    x (int): The\n        first.\n\nEnd.",
            "<p class='rubric'>Args</p>\n<dl>\n<dt>x (int)</dt>\n<dd><p>The first.</p></dd>\n</dl>\n<p>End.</p>",
        ),
        (
            ":param int x: The first.\n:returns: A thing.",
            '<dl class="field-list">\n<dt>int x</dt>\n<dd><p>The first.</p></dd>\n<dt>returns</dt>\n'
            "<dd><p>A thing.</p></dd>\n</dl>",
        ),
        (">>> 1 < 2\nTrue\n\nSo.", "<pre><code>&gt;&gt;&gt; 1 &lt; 2\nTrue</code></pre>\n<p>So.</p>"),
        ("Like this::\n\n    a = 1\n\nSo.", "<p>Like this:</p>\n<pre><code>a = 1</code></pre>\n<p>So.</p>"),
        ("```python\na = 1\n```", "<pre><code>a = 1</code></pre>"),
        ("- one\n- two\n  more", "<ul>\n<li>one</li>\n<li>two more</li>\n</ul>"),
        ("1. one\n2. two", "<ol>\n<li>one</li>\n<li>two</li>\n</ol>"),
        (".. versionadded:: 3.2\n", "<p class='version'>Added in version 3.2</p>"),
        (
            ".. note::\n\n    Mind it.",
            "<div class='admonition'><p class='admonition-title'>Note</p>\n<p>Mind it.</p>\n</div>",
        ),
    ],
)
def test_docstrings_as_html(docstring: str, html: str):
    assert to_html(docstring) == html


def test_inline_marks_are_escaped_first():
    assert inline("a < b & `c <d>`") == "a &lt; b &amp; <code>c &lt;d&gt;</code>"
    assert inline("See :class:`~a.B` and `x <https://x.example>`_.") == (
        'See <a class="reference internal"><code>a.B</code></a> and '
        '<a class="reference external" href="https://x.example">x</a>.'
    )


def test_every_docstring_of_a_module_of_the_standard_library_gives_closed_tags():
    source = Path(argparse.__file__)
    for page, _ in module_pages(libraries.Library("python", "3", 0), Path("argparse.py"), source.read_bytes()):
        assert sanitized(page.body).count("<p") == page.body.count("<p")  # the sanitizer had nothing to close
        assert page.body.count("<dl") == page.body.count("</dl>") and "```" not in page.body


def test_descriptions_can_run_nothing_and_fetch_nothing(tmp_path: Path):
    secret = tmp_path / "secret.txt"
    secret.write_text("the secret")
    for html in (
        rst_html(f".. include:: {secret}\n\n.. raw:: html\n\n   <script>x</script>\n\n`a <javascript:x>`_ text"),
        markdown_html("<script>x</script><img src='javascript:x' onerror='x'>\n\n[a](javascript:x) text"),
        sanitized("<p onclick=x>text<iframe src=x>inner</iframe><style>p{}</style>"),
    ):
        assert "text" in html
        for danger in ("script", "secret", "onerror", "onclick", "iframe", "inner", "p{}"):
            assert danger not in html


def test_markup_by_its_content_type():
    assert "<h1>A</h1>" in description_html("# A", "text/markdown; charset=UTF-8")
    assert "<strong>A</strong>" in description_html("**A**", None)
    assert description_html("# A", "text/plain") == "<p># A</p>"
    assert "<td>" in markdown_html("|a|b|\n|-|-|\n|1|2|\n")
    assert plain_html("A <b>\n\nSecond line") == "<p>A &lt;b&gt;</p>\n<p>Second line</p>"
