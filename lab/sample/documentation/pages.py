"""The documentation of this installation's libraries, as web pages.

In: a library (lab.sample.documentation.libraries). Out: WebPages as JSON lines. Docstrings are read with `ast`; nothing
is imported. As in Sphinx's autodoc, the short docstrings of a module share a page and the long ones get their own.
"""

import ast
import importlib.metadata
import json
import re
import warnings
from hashlib import sha256
from html import escape
from pathlib import Path

from lab.sample.documentation.docstrings import to_html
from lab.sample.documentation.libraries import STANDARD_LIBRARY, Library, source_files
from lab.sample.documentation.markup import description_html, plain_html
from lab.sample.web_page import WebPage

MIN_CHARACTERS = 400  # of a page's text
OWN_PAGE_CHARACTERS = 1200  # of an object's docstrings
MAX_CHARACTERS = 20_000  # of a page's text; longer ones are split
MAX_LICENCES = 12  # of a distribution
RICH_CHARACTERS, RICH_SHARE = 500, 0.7  # of prose: pages that a filter for prose may keep

_LONG_STRING = re.compile(rb'"""[^"]{150,}')  # cheap test for a docstring before the file is parsed
_LICENCE = re.compile(r"^(licen[sc]e|copying|notice|authors|copyright)", re.IGNORECASE)
_WORD = re.compile(r"[A-Za-z][a-z']*[,.;:)]?$")


def write_library(item: dict, folder: Path, name: str, *, seed: int) -> dict:
    """Shard function: write pages of one library until `rich_pages` are rich in prose, or three times as many written.

    `item` is {"library", "version", "rich_pages"}. Returns "pages" ([url, title, kind, prose, offset of its line] for
    each), "failed" (counts of the files that could not be read, by reason) and "exhausted" (there are no more pages).
    """
    library = Library(item["library"], item["version"], 0)
    failed: dict[str, int] = {}
    listed: list[list] = []
    rich_pages, exhausted, urls = 0, True, set()
    with open(folder / f"{name}.jsonl", "w", encoding="utf-8") as out:

        def write(page: WebPage, kind: str, prose: float) -> None:
            if page.url not in urls:
                urls.add(page.url)
                listed.append([page.url, page.title, kind, prose, out.tell()])
                out.write(json.dumps(page.as_dict(), ensure_ascii=True) + "\n")

        for page, kind in _about_pages(library, failed):
            write(page, kind, 1.0)
        root, paths = source_files(library)
        for path in sorted(paths, key=lambda path: sha256(f"{seed} {library.name} {path}".encode()).digest()):
            if rich_pages >= item["rich_pages"] or len(listed) > 3 * item["rich_pages"]:
                exhausted = False
                break
            try:
                pages = module_pages(library, path, (root / path).read_bytes())
            except (SyntaxError, ValueError, RecursionError, MemoryError, OSError) as error:
                failed[type(error).__name__] = failed.get(type(error).__name__, 0) + 1
                continue
            for page, prose in pages:
                write(page, "documentation", prose)
                rich_pages += prose >= RICH_SHARE
    return {"pages": listed, "failed": failed, "exhausted": exhausted}


def _about_pages(library: Library, failed: dict[str, int]) -> list[tuple[WebPage, str]]:
    """The long description and the licence texts of a library."""
    pages = []
    texts: list[tuple[Path, Path]] = []
    if library.name != STANDARD_LIBRARY:
        distribution = importlib.metadata.distribution(library.name)
        files = sorted(distribution.files or [], key=str)
        texts = [(Path(file), Path(str(file.locate()))) for file in files if _LICENCE.match(file.name)]
        metadata = distribution.metadata
        text = metadata.get("Description") or metadata.get_payload() or ""
        try:
            body = description_html(text, metadata.get("Description-Content-Type"))
            if len(body) > MIN_CHARACTERS:
                url = f"https://{library.host}/project/"
                pages.append(
                    (WebPage(url, f"{library.name} {library.version}", body, section="Project"), "description")
                )
        except Exception as error:  # docutils and Markdown raise all kinds of errors on odd input
            failed[f"description: {type(error).__name__}"] = 1
    for file, path in texts[:MAX_LICENCES]:
        if path.suffix.lower() not in {"", ".txt", ".md", ".rst", ".apache", ".bsd", ".mit"}:
            continue
        try:
            text = path.read_text("utf-8", "replace")[:MAX_CHARACTERS]
        except OSError:
            failed["licence not found"] = failed.get("licence not found", 0) + 1
            continue
        url = f"https://{library.host}/licence/{len(pages)}/{file.name.lower()}"
        title = f"{file.name} of {library.name}"
        pages.append((WebPage(url, title, plain_html(text), section="Licence"), "licence"))
    return pages


def module_pages(library: Library, path: Path, source: bytes) -> list[tuple[WebPage, float]]:
    """The pages of one source file, and the share of prose in each. Raises what `ast.parse` raises."""
    if not _LONG_STRING.search(source):
        return []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tree = ast.parse(source)
    parts = list(path.with_suffix("").parts)
    module = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
    shared: list[tuple[str, str]] = []  # (HTML, text)
    separate: list[tuple[str, list[tuple[str, str]]]] = []
    if text := ast.get_docstring(tree):
        shared.append((to_html(text), text))
    for node in tree.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            sections = _object_sections(node)
            if sum(len(text) for _, text in sections) >= OWN_PAGE_CHARACTERS:
                separate.append((node.name, sections))
            else:
                shared += sections
    pages = _paged(library, module, f"module-{module}", shared)
    for name, sections in separate:
        pages += _paged(library, f"{module}.{name}", f"{module}.{name}", sections, module)
    return pages


def _object_sections(node: ast.AST) -> list[tuple[str, str]]:
    sections = []
    for level, member, prefix in [(2, node, ""), *((3, child, f"{node.name}.") for child in node.body)]:
        if not isinstance(member, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if text := ast.get_docstring(member):
            name = f"{prefix}{member.name}{_signature(member)}"
            html = f"<h{level}><code>{escape(name)}</code></h{level}>\n{to_html(text, level + 1)}"
            sections.append((html, f"{name}\n\n{text}"))
    return sections


def _signature(node: ast.AST) -> str:
    if isinstance(node, ast.ClassDef):
        return ""
    names = [argument.arg for argument in [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]]
    return f"({', '.join(name for name in names if name not in ('self', 'cls'))})"


def _paged(
    library: Library, title: str, stem: str, sections: list[tuple[str, str]], parent: str = ""
) -> list[tuple[WebPage, float]]:
    """Sections as one page, as several where one would be too long, or as none where there is too little text."""
    pages, at = [], 0
    while at < len(sections):
        end, size = at, 0
        while end < len(sections) and (end == at or size + len(sections[end][1]) <= MAX_CHARACTERS):
            size += len(sections[end][1])
            end += 1
        if size >= MIN_CHARACTERS:
            number = f"-{len(pages) + 1}" if pages else ""
            url = f"https://{library.host}/en/{library.version}/{stem.lower()}{number}.html"
            body = "\n".join(html for html, _ in sections[at:end])
            section = parent or library.name
            page = WebPage(url, title + (f" ({len(pages) + 1})" if pages else ""), body, section=section)
            pages.append((page, prose_share([text for _, text in sections[at:end]])))
        at = end
    return pages


def prose_share(texts: list[str]) -> float:
    """Share of the texts that is prose (flush-left paragraphs of plain words); 0 below RICH_CHARACTERS of it."""
    total = prose = 0
    for text in texts:
        total += len(text)
        for paragraph in text.split("\n\n"):
            words = paragraph.split()
            plain = sum(1 for word in words if _WORD.match(word))
            if len(words) >= 10 and plain >= 0.85 * len(words) and not paragraph.startswith((" ", ">>>")):
                prose += len(paragraph)
    return round(prose / total, 2) if prose >= RICH_CHARACTERS else 0.0
