"""Our curation over a WARC, timed stage by stage in a process of its own, as the stages run it: through the engine,
with its hashing, and with Parquet read and written.

In (arguments): WARC, blacklist or "", fastText model, language, workers, an empty folder; stop words follow. Out
(stdout): a JSON list of [stage, seconds, seconds of CPU without workers', documents left]; compiling the blacklist,
starting the workers and reading the blacklist and the language model is a stage of its own, "load".
"""

import json
import os
import sys
import time
from functools import partial
from pathlib import Path

import trafilatura  # noqa: F401 - what extraction falls back on, and imports when it does: no import is timed

from lab import engine
from lab.crawl import index
from lab.crawl.warc import manifest
from lab.curate import pii
from lab.curate.dedup import stage as dedup
from lab.curate.extract import stage as extract
from lab.curate.language import stage as language
from lab.curate.quality import stage as quality
from lab.curate.urls import stage as urls
from lab.files import write_json
from lab.params import (
    DedupParams,
    EngineParams,
    ExtractParams,
    IndexParams,
    LanguageParams,
    PiiParams,
    QualityParams,
    UrlFilterParams,
)

RECORDS_PER_SHARD = 129  # eight shards, so that both workers have something to do until the end


def main(archive: str, blacklist: str, model: str, code: str, workers: str, folder: str, *stop_words: str) -> None:
    os.chdir(folder)
    processes = EngineParams(workers=int(workers))
    write_json(Path("crawl/manifest.json"), manifest([archive]))
    lists = UrlFilterParams(blacklist=blacklist or None)
    differing = {code: {"gopher": {"stop_words": list(stop_words)}}}
    stages = {
        "index": (index.run, IndexParams(records_per_shard=RECORDS_PER_SHARD)),
        "url_filter": (lambda index, *rest: urls.run(index, Path("crawl"), *rest), lists),
        "extract": (extract.extract_index, ExtractParams()),
        "language": (language.run, LanguageParams(keep=[code], min_score=0.65, model=model)),
        "quality": (quality.filter_documents, QualityParams(languages=differing)),
        "dedup": (dedup.deduplicate, DedupParams()),
        "pii": (pii.scrub_documents, PiiParams()),
    }
    times = [["load", *_load(lists, model, processes), 0]]
    source = Path("crawl")
    for name, (run, params) in stages.items():
        started, busy = time.perf_counter(), time.process_time()
        counts = run(source, Path(name), params, processes)
        engine.clear(name)
        times.append([name, time.perf_counter() - started, time.process_time() - busy, _left(counts)])
        source = Path(name)
    print(json.dumps(times))


def _load(lists: UrlFilterParams, model: str, processes: EngineParams) -> tuple[float, float]:
    started, busy = time.perf_counter(), time.process_time()
    compiled = urls.compiled_blacklist(lists)
    count = processes.processes()
    ready = partial(_ready, lists=lists, compiled=compiled, model=model, wait=float(count > 1))
    engine.run("load", ready, {str(n): n for n in range(count)}, engine=processes, inputs=lambda item: [])
    return time.perf_counter() - started, time.process_time() - busy


def _ready(
    item: int, folder: Path, name: str, *, lists: UrlFilterParams, compiled: Path | None, model: str, wait: float
) -> dict:
    """Read what datatrove's steps read before they begin. Then wait, so that each worker gets one of these."""
    urls.loaded_filter(lists.model_dump_json(), compiled)
    language.identifier(model)
    time.sleep(wait)
    return {}


def _left(counts: object) -> int:
    return counts["documents_out"] if isinstance(counts, dict) else counts.documents_out


if __name__ == "__main__":
    main(*sys.argv[1:])
