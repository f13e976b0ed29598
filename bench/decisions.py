"""Our filters' decisions beside datatrove's on the same texts: in, a WARC; out, the agreement and every disagreement.

`python -m bench.decisions [WARC] [--out TABLE.md]`. datatrove 0.10.1 runs in an environment of its own. Each text
is judged by the rules of its language; those that datatrove splits with packages of their own (Chinese, Japanese,
Thai and others) are judged as English by both, as FineWeb, which is English, would. `--golden` keeps datatrove's
decisions, by the texts' hashes, for the tests. Needs the web archive under LAB_SHARED (or a WARC); a few minutes.
"""

import argparse
import json
import subprocess
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.datatrove import VENV, datatrove_python
from bench.pages import ARCHIVE, LANGUAGES, Page, pages, resiliparse_text, short_hash
from bench.published import publish, run_command
from lab.curate import pii
from lab.curate.quality import BY_NAME, c4, fineweb, gopher, repetition
from lab.curate.quality.params import QualityParams
from lab.curate.text.text import Text
from lab.documents import Reason
from lab.errors import LabError

TABLE = Path("reports/benchmarks/decisions.md")
FILTERS = {
    **{name: BY_NAME[name].TITLE for name in ("repetition", "gopher", "c4", "fineweb")},
    "fineweb_after_c4": "FineWeb, after C4's cleaning",
    "c4_text": "C4's cleaned text, byte by byte",
    "pii": "E-mail and IPv4 addresses, span by span",
}
COMPARED_WHOLE = ("c4_text", "pii")  # by what they give; the others by whether they refuse
LABELS = {"en": "English", "de": "German"}


@dataclass(frozen=True)
class Disagreement:
    """A page that we and datatrove judge differently; reasons are empty where it is kept."""

    page: Page
    filter: str
    ours: str
    theirs: str
    cause: str = ""


def judge(page: Page) -> dict[str, Reason | str | list | None]:
    """Our verdicts: for each of FILTERS the reason to refuse or None; the cleaned text's hash; the personal spans."""
    params = QualityParams()
    text = Text(page.text, page.language)
    cleaned = c4.assess(text, params.c4)
    return {
        "repetition": repetition.reason(text, params.repetition),
        "gopher": gopher.reason(text, params.gopher.model_copy(update={"stop_words": page.stop_words})),
        "c4": cleaned.reason,
        "fineweb": fineweb.reason(text, params.fineweb),
        "fineweb_after_c4": None if cleaned.reason else fineweb.reason(cleaned.text, params.fineweb),
        "c4_text": None if cleaned.reason else short_hash(cleaned.text.text),
        "pii": [(span.start, span.end, span.kind) for span in pii.find(page.text) if span.kind != "ipv6"],
    }


def judge_by_datatrove(judged: Iterable[Page], python: Path, *, show_words: bool = False) -> list[dict]:
    """datatrove's verdicts, as `judge` gives ours, and with `show_words` the words. LabError where it fails."""
    asked = [
        {"text": page.text, "language": LANGUAGES[page.language][0], "stop_words": page.stop_words} for page in judged
    ]
    lines = "".join(json.dumps({**page, "show_words": show_words}) + "\n" for page in asked)
    script = Path(__file__).with_name("reference_decisions.py")
    # -I: else the folder of the script, with a file named datatrove.py, would come before the package of that name.
    done = subprocess.run([python, "-I", script], input=lines, capture_output=True, text=True, encoding="utf-8")
    if done.returncode:
        raise LabError(f"datatrove's filters failed: {done.stderr.strip()[-500:]}")
    verdicts = [json.loads(line) for line in done.stdout.splitlines()]
    for verdict in verdicts:
        verdict["c4_text"] = verdict["c4_text"] and verdict["c4_text"][:16]
        verdict["pii"] = [tuple(span) for span in verdict["pii"]]
    return verdicts


def compare(page: Page, ours: Mapping[str, Reason | str | list | None], theirs: Mapping) -> Iterator[Disagreement]:
    """The filters that decide differently. What comes after C4 is compared if both let the text pass."""
    for name in FILTERS:
        after_c4 = name in ("fineweb_after_c4", "c4_text")
        if after_c4 and (ours["c4"] or theirs["c4"]):
            continue
        a, b = ours[name], theirs[name]
        if (a != b) if name in COMPARED_WHOLE else bool(a) != bool(b):
            ours_detailed = f"{a} ({a.detail})" if isinstance(a, Reason) and a.detail else a
            yield Disagreement(page, name, str(ours_detailed or ""), str(b or ""))


def cause(page: Page, words: list[str]) -> str:
    """Why the two differ: the words that only one of them finds (all filters but C4 count words)."""
    ours, theirs = Counter(Text(page.text, page.language).words()), Counter(words)
    if ours == theirs:
        return "the same words: another rule"
    alone = (ours - theirs).most_common(4), (theirs - ours).most_common(4)
    only = [", ".join(f"{word[:20]!r} x {n}" for word, n in counts) for counts in alone]
    return f"words: ours alone {only[0] or 'none'}; datatrove's alone {only[1] or 'none'}"


def run(judged: list[Page], python: Path) -> list[Disagreement]:
    """All disagreements over some pages, with causes."""
    verdicts = judge_by_datatrove(judged, python)
    differing = [
        disagreement
        for page, verdict in zip(judged, verdicts, strict=True)
        for disagreement in compare(page, judge(page), verdict)
    ]
    again = list({id(d.page): d.page for d in differing}.values())
    words = {
        id(page): v["words"] for page, v in zip(again, judge_by_datatrove(again, python, show_words=True), strict=True)
    }
    return [Disagreement(d.page, d.filter, d.ours, d.theirs, cause(d.page, words[id(d.page)])) for d in differing]


def table(judged: list[Page], differing: list[Disagreement]) -> str:
    """The agreement by filter and language, and the disagreements, as Markdown."""
    languages = Counter(LABELS.get(page.language, "other") for page in judged)
    heads = [name for name in ("English", "German", "other") if languages[name]]
    wrong = Counter((d.filter, LABELS.get(d.page.language, "other")) for d in differing)

    def share(name: str, language: str) -> str:
        return f"{1 - wrong[name, language] / languages[language]:.2%}"

    rows = []
    for name, label in FILTERS.items():
        total = sum(wrong[name, language] for language in heads)
        shares = " | ".join(share(name, language) for language in heads)
        rows.append(f"| {label} | {1 - total / len(judged):.2%} | {total} | {shares} |")
    listed = [
        f"| {FILTERS[d.filter]} | {d.page.language} | {d.page.name} | {d.ours or 'keeps'} | {d.theirs or 'keeps'} "
        f"| {d.cause.replace('|', chr(92) + '|')} |"
        for d in differing
    ]
    return "\n".join(
        [
            "# Decisions of the quality filters, beside datatrove 0.10.1's",
            "",
            f"The texts of {len(judged):,} pages as the lab extracts them, each filter on each text, at FineWeb's "
            "thresholds; words are split, and stop words chosen, by the page's language. Languages that datatrove "
            "splits with packages of their own (Chinese, Japanese, ...) are judged as English by both.",
            "Made by `python -m bench.decisions`.",
            "",
            f"| filter | agreement | pages that differ | {' | '.join(f'{h} ({languages[h]:,})' for h in heads)} |",
            f"| --- | ---: | ---: |{' ---: |' * len(heads)}",
            *rows,
            "",
            "## Every disagreement",
            "",
            *(["| filter | language | page | ours | datatrove | cause |", "| --- | --- | --- | --- | --- | --- |"]
              if listed else ["There is none."]),
            *listed,
            "",
        ]
    )  # fmt: skip


def golden(judged: Iterable[Page], verdicts: Iterable[Mapping]) -> dict[str, list]:
    """datatrove's decisions by the text's hash: language, filters that refuse it, hash of C4's cleaned text."""
    names = ("repetition", "gopher", "c4", "fineweb", "fineweb_after_c4")
    return {
        page.key: [page.language, [name for name in names if verdict[name]], verdict["c4_text"]]
        for page, verdict in zip(judged, verdicts, strict=True)
    }


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("archive", nargs="?", type=Path, default=ARCHIVE, help="a WARC; default: of LAB_SHARED")
    arguments.add_argument("--out", type=Path, default=TABLE)
    arguments.add_argument("--venv", type=Path, default=VENV)
    arguments.add_argument(
        "--golden", type=Path, help="write datatrove's decisions on Resiliparse's texts here instead"
    )
    given = arguments.parse_args()
    python = datatrove_python(given.venv)
    if given.golden:
        judged = list(pages(given.archive, resiliparse_text))
        kept = golden(judged, judge_by_datatrove(judged, python))
        lines = ",\n".join(f"{json.dumps(key)}: {json.dumps(kept[key])}" for key in sorted(kept))
        given.golden.write_text(f"{{\n{lines}\n}}\n", encoding="utf-8")
        return
    judged = list(pages(given.archive))
    text = table(judged, run(judged, python))
    publish(given.out, text)


if __name__ == "__main__":
    run_command(main)
