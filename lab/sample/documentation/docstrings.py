"""Docstrings as HTML, as documentation sites show them.

In: a docstring, indentation cleaned (inspect.cleandoc). Out: HTML of headings, paragraphs, definition lists, lists and
code blocks. Covers reStructuredText's blocks and inline marks, numpydoc's underlined sections, Google's "Args:"
sections, Sphinx's ":param x:" fields, doctests and Markdown fences. docutils would take 100 times as long per docstring
and complain about every role that it does not know.
"""

import re
from collections.abc import Callable
from html import escape
from textwrap import dedent

_UNDERLINE = re.compile(r"^([=\-~^*#\"'`+])\1{2,}\s*$")
_FIELD = re.compile(r"^:([a-zA-Z]+)(?:\s+([^:`]*?))?:(?:\s+(.*))?$")
_BULLET = re.compile(r"^([-*+•]|\(?\w{1,2}[.)])\s+(?=\S)")
_ORDERED = re.compile(r"^\(?\w{1,2}[.)]")
_DIRECTIVE = re.compile(r"^\.\.\s+([\w:-]+)::\s*(.*)$")
_GOOGLE = re.compile(r"^([A-Z][\w ]{2,24}):\s*$")
_ENTRIES = {"args", "arguments", "parameters", "params", "returns", "return", "raises", "yields", "attributes",
            "other parameters", "keyword args", "keyword arguments", "warns", "receives", "methods", "see also",
            "input", "inputs", "output", "outputs", "options"}  # fmt: skip
_CODE_DIRECTIVES = set("code code-block sourcecode ipython math parsed-literal productionlist doctest".split())
_VERSIONS = {
    "versionadded": "Added in version",
    "versionchanged": "Changed in version",
    "deprecated": "Deprecated since",
}

_INLINE: list[tuple[re.Pattern, str | Callable]] = [
    (re.compile(r"``(.+?)``"), r"<code>\1</code>"),
    (
        re.compile(r":[\w:+-]+:`~?\.?([^`]+?)(?:\s*&lt;[^`]*&gt;)?`"),
        r'<a class="reference internal"><code>\1</code></a>',
    ),
    (re.compile(r"`([^`]+?)\s*&lt;(https?://[^&\s]+)&gt;`__?"), r'<a class="reference external" href="\2">\1</a>'),
    (re.compile(r"\[([^\]\n]+)\]\((https?://[^)\s]+)\)"), r'<a href="\2">\1</a>'),
    (re.compile(r"`([^`\n]+)`_?"), r"<code>\1</code>"),
    (re.compile(r"\*\*(?=\S)([^*\n]+?)(?<=\S)\*\*"), r"<strong>\1</strong>"),
    (re.compile(r"(?<![\w*])\*(?=[^\s*])([^*\n]+?)(?<=\S)\*(?![\w*])"), r"<em>\1</em>"),
]


def inline(text: str) -> str:
    """One run of text with its inline marks as HTML."""
    text = escape(text, quote=False)
    for pattern, replacement in _INLINE:
        text = pattern.sub(replacement, text)
    return text


def to_html(docstring: str, level: int = 2) -> str:
    """A docstring as HTML; its own sections become headings of `level`."""
    return "\n".join(_blocks(docstring.expandtabs().splitlines(), level))


def _blocks(lines: list[str], level: int) -> list[str]:
    # The first line says what kind of block begins; its function appends the HTML to `out` and returns the line after
    # the block. What a block contains (an indented part, a list item) is read in the same way.
    out: list[str] = []
    at = 0
    while at < len(lines):
        line = lines[at]
        if not line.strip() or _UNDERLINE.match(line):
            at += 1
            continue
        following = lines[at + 1] if at + 1 < len(lines) else ""
        if _UNDERLINE.match(following) and len(following.strip()) >= min(len(line.strip()), 4):
            at = _underlined(lines, at, level, out)
        elif line.startswith("```"):
            end = _until(lines, at + 1, lambda text: text.startswith("```"))
            out.append(_code(lines[at + 1 : end]))
            at = end + 1
        elif line.startswith(">>>") or line.startswith(("+--", "+==", "|", "==== ", "$ ")):
            end = _until(lines, at, lambda text: not text.strip())
            out.append(_code(lines[at:end]))
            at = end
        elif line.startswith(".. "):
            at = _directive(lines, at, level, out)
        elif _FIELD.match(line):
            at = _fields(lines, at, level, out)
        elif _GOOGLE.match(line) and following.startswith("  "):
            end = _indented_end(lines, at + 1)
            name = line.strip().rstrip(":")
            out.append(f"<p class='rubric'>{escape(name)}</p>")
            content = dedent("\n".join(lines[at + 1 : end])).splitlines()
            out += [_entries(content, level)] if name.lower() in _ENTRIES else _blocks(content, level)
            at = end
        elif _BULLET.match(line):
            at = _list(lines, at, level, out)
        elif line.startswith(" "):
            end = _indented_end(lines, at)
            content = dedent("\n".join(lines[at:end])).splitlines()
            out += ["<blockquote>", *_blocks(content, level), "</blockquote>"]
            at = end
        else:
            at = _paragraph(lines, at, level, out)
    return out


def _until(lines: list[str], start: int, stop: Callable[[str], bool]) -> int:
    return next((at for at in range(start, len(lines)) if stop(lines[at])), len(lines))


def _indented_end(lines: list[str], start: int) -> int:
    """Where the indented block at `start` ends (blank lines inside it belong to it)."""
    end = _until(lines, start, lambda text: bool(text.strip()) and not text.startswith(" "))
    while end > start and not lines[end - 1].strip():
        end -= 1
    return max(end, start)


def _code(lines: list[str]) -> str:
    return f"<pre><code>{escape(dedent(chr(10).join(lines)).strip(chr(10)), quote=False)}</code></pre>"


def _underlined(lines: list[str], at: int, level: int, out: list[str]) -> int:
    name = lines[at].strip()
    out.append(f"<h{level}>{inline(name)}</h{level}>")
    if name.lower() not in _ENTRIES:
        return at + 2
    end = at + 2
    while end < len(lines) and not (end + 1 < len(lines) and lines[end].strip() and _UNDERLINE.match(lines[end + 1])):
        end += 1
    out.append(_entries(lines[at + 2 : end], level))
    return end


def _entries(lines: list[str], level: int) -> str:
    """Parameters as a definition list: "name : type" over an indented text, or "name (type): text"."""
    out: list[str] = []
    at = 0
    while at < len(lines):
        line = lines[at]
        end = _indented_end(lines, at + 1)
        if line.strip():
            name, colon, text = line.strip().partition(": ")
            below = dedent("\n".join(lines[at + 1 : end]))
            if colon and " :" not in line and len(name) < 60:  # Google's way: the text begins on the same line
                out += [f"<dt>{inline(name)}</dt>", f"<dd><p>{inline(' '.join([text, *below.split()]))}</p></dd>"]
            elif below.strip():
                out += [f"<dt>{inline(line.strip())}</dt>", "<dd>", *_blocks(below.splitlines(), level), "</dd>"]
            else:
                out.append(f"<dd><p>{inline(line.strip())}</p></dd>")
        at = max(end, at + 1)
    return "<dl>\n" + "\n".join(out) + "\n</dl>" if out else ""


def _fields(lines: list[str], at: int, level: int, out: list[str]) -> int:
    items = []
    while at < len(lines) and (field := _FIELD.match(lines[at])):
        kind, name, text = field.groups()
        end = _indented_end(lines, at + 1)
        text = " ".join([text or "", *" ".join(lines[at + 1 : end]).split()]).strip()
        items += [f"<dt>{escape(name or kind)}</dt>", f"<dd><p>{inline(text)}</p></dd>"]
        at = end
        while at < len(lines) and not lines[at].strip():
            at += 1
    out.append('<dl class="field-list">\n' + "\n".join(items) + "\n</dl>")
    return at


def _directive(lines: list[str], at: int, level: int, out: list[str]) -> int:
    end = _indented_end(lines, at + 1)
    content = dedent("\n".join(lines[at + 1 : end])).splitlines()
    directive = _DIRECTIVE.match(lines[at])
    if not directive:  # a footnote, a link's target or a comment
        if lines[at].startswith(".. ["):
            out.append(f"<p class='footnote'>{inline(' '.join([lines[at][3:], *' '.join(content).split()]))}</p>")
        return end
    name, argument = directive.groups()
    if name in _CODE_DIRECTIVES:
        out.append(_code([line for line in content if not line.startswith(":")] or [argument]))
    elif name in _VERSIONS:
        out.append(f"<p class='version'>{_VERSIONS[name]} {inline(' '.join([argument, *content]))}</p>")
    elif name not in {"image", "figure", "plot", "index", "currentmodule", "module", "only", "toctree", "autosummary"}:
        out += [f"<div class='admonition'><p class='admonition-title'>{escape(name.title())}</p>"]
        out += [*_blocks([argument, "", *content] if argument else content, level), "</div>"]
    return end


def _list(lines: list[str], at: int, level: int, out: list[str]) -> int:
    tag = "ol" if _ORDERED.match(lines[at]) else "ul"
    items = []
    while at < len(lines) and (bullet := _BULLET.match(lines[at])):
        flush = _until(lines, at + 1, lambda text: not text.strip() or text[0] == " " or bool(_BULLET.match(text)))
        end = _indented_end(lines, flush)
        below = dedent("\n".join([" ".join(lines[at + 1 : flush]), *lines[flush:end]]).strip("\n"))
        first, _, rest = below.partition("\n\n")
        nested = _blocks(rest.splitlines(), level) if rest.strip() else []
        if first and _BULLET.match(first):
            first, nested = "", _blocks(below.splitlines(), level)
        text = " ".join([lines[at][bullet.end() :], *first.split()])
        items.append(f"<li>{inline(text)}{''.join(nested)}</li>")
        at = end
        while at + 1 < len(lines) and not lines[at].strip() and _BULLET.match(lines[at + 1]):
            at += 1
    out.append(f"<{tag}>\n" + "\n".join(items) + f"\n</{tag}>")
    return at


def _paragraph(lines: list[str], at: int, level: int, out: list[str]) -> int:
    end = _until(lines, at, lambda text: not text.strip() or text.startswith((" ", ">>>", "```", "- ", "* ")))
    text = " ".join(line.strip() for line in lines[at:end])
    below_end = _indented_end(lines, end)
    if end < len(lines) and lines[end].startswith(" ") and end == at + 1 and not text.endswith("::"):
        content = dedent("\n".join(lines[end:below_end])).splitlines()
        out.append(f"<dl><dt>{inline(text)}</dt><dd>{''.join(_blocks(content, level))}</dd></dl>")
        return below_end
    literal = text.endswith("::")
    text = text.removesuffix("::").rstrip() + (":" if literal and text.strip(":") else "")
    if text:
        out.append(f"<p>{inline(text)}</p>")
    if literal and below_end > end:
        out.append(_code(lines[end:below_end]))
        return below_end
    return end
