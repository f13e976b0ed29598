"""Broken pages: mutations of real ones, judged by the extract stage one by one.

`python -m bench.mutated_pages [count] [engine]` (10,000 pages of ../shared/data/web.warc.gz: about a minute with
the lab's engine). Prints the reasons for removals, the slowest page and the peak memory; exits 1 if a page took more
than 5 seconds of CPU or broke the extractor.
"""

import argparse
import random
import re
import resource
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from bench.extraction_score import read_pages
from bench.pages import ARCHIVE
from lab.crawl.records import Record
from lab.curate.extract.stage import judge
from lab.params import ExtractParams

_CLOSING = re.compile(rb"</\w+>")
_SLOW = 5  # seconds of CPU
_PIECE = 400  # bytes, at most


@dataclass(frozen=True)
class Fuzzed:
    pages: int
    removed: dict[str, int]
    slowest: float  # seconds of CPU


def mutated(body: bytes, dice: random.Random) -> bytes:
    """A page of which one to six pieces are cut, repeated, overwritten or moved, or closing tags lost."""
    for _ in range(dice.randint(1, 6)):
        start = dice.randrange(len(body) + 1)
        end = start + dice.randint(1, _PIECE)
        before, piece, after = body[:start], body[start:end], body[end:]
        match dice.randrange(6):
            case 0:
                body = before + after
            case 1:
                body = before + piece * dice.choice([2, 30, 1000]) + after
            case 2:
                body = before + dice.randbytes(dice.randint(1, 30)) + after
            case 3:
                body = after + piece + before
            case 4:
                share = dice.random()
                body = _CLOSING.sub(lambda tag: b"" if dice.random() < share else tag[0], body)  # noqa: B023
            case 5:
                body = (
                    before + dice.choice([b"<table>", b"<!--", b"<script>", b"<div>" * 500, b"<a><div>" * 300]) + after
                )
    return body


def fuzz(bodies: Sequence[bytes], *, count: int, seed: int, params: ExtractParams) -> Fuzzed:
    """Judge `count` mutated pages. The same seed makes the same pages."""
    dice = random.Random(seed)
    removed: Counter[str] = Counter()
    slowest = 0.0
    for _ in range(count):
        page = mutated(dice.choice(bodies), dice)
        start = time.process_time()
        judged = judge(Record(page, None), params)
        slowest = max(slowest, time.process_time() - start)
        judged.text.encode("utf-8")
        if judged.reason is not None:
            removed[str(judged.reason)] += 1
    return Fuzzed(count, dict(sorted(removed.items())), slowest)


def main(count: int = 10_000, engine: str = "lab") -> int:
    params = ExtractParams(engine=engine)
    bodies = [page.body for page in read_pages(ARCHIVE, ARCHIVE.with_name("web.gold.json"))]
    fuzzed = fuzz(bodies, count=count, seed=1, params=params)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"{fuzzed.pages} mutated pages: removed {fuzzed.removed}, slowest {fuzzed.slowest:.2f} s, peak {peak} MiB")
    return int(fuzzed.slowest > _SLOW or fuzzed.removed.get("error", 0) > 0)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("count", nargs="?", type=int, default=10_000, help="of pages; default: 10000")
    parser.add_argument("engine", nargs="?", default="lab", help="as extract.engine; default: lab")
    sys.exit(main(**vars(parser.parse_args())))
