"""datatrove's FineWeb recipe on a WARC, timed step by step. Runs in datatrove's environment, without the lab.

In (arguments): WARC, fastText model, language for fastText, language for datatrove, an empty folder, stop words.
Out (stdout): a JSON list of [step, seconds, CPU seconds, documents left]; the step `load` reads lists and models.

The steps and settings are those of examples/fineweb.py. They run one after the other in this process, so that each can
be timed, and without files in between, which is in datatrove's favour.
"""

import json
import os
import sys
import time
import warnings
from functools import partial
from pathlib import Path

import tldextract

# The package's snapshot of the public suffix list: no download in the middle of a run.
tldextract.TLDExtract = partial(tldextract.TLDExtract, suffix_list_urls=(), cache_dir=None)

from datatrove.pipeline.dedup import MinhashDedupSignature  # noqa: E402
from datatrove.pipeline.dedup.minhash import HashConfig, MinhashConfig  # noqa: E402
from datatrove.pipeline.extractors import Trafilatura  # noqa: E402
from datatrove.pipeline.filters import (  # noqa: E402
    C4QualityFilter,
    FineWebQualityFilter,
    GopherQualityFilter,
    GopherRepetitionFilter,
    LanguageFilter,
    URLFilter,
)
from datatrove.pipeline.formatters import PIIFormatter  # noqa: E402
from datatrove.pipeline.readers import WarcReader  # noqa: E402
from datatrove.utils.text import split_into_words  # noqa: E402


def steps(warc: Path, model: str, code: str, language: str, folder: Path, stop_words: list[str]) -> list:
    """(name, function from documents to documents) of each step; the first loads lists and models."""
    from fasttext.FastText import _FastText

    url_filter, language_filter = URLFilter(), LanguageFilter([code])
    signatures = MinhashDedupSignature(
        output_folder=str(folder / "signatures"),
        config=MinhashConfig(hash_config=HashConfig(precision=64), num_buckets=14, hashes_per_bucket=8, n_grams=5),
        language=language,
    )

    def load(documents: list) -> list:
        url_filter.download_data()
        language_filter.model._model = _FastText(model)
        split_into_words("word", language)
        return documents

    def sign(documents: list) -> list:
        signatures.run(iter(documents))
        return documents

    return [
        ("load", load),
        ("read", lambda _: WarcReader(str(warc.parent), glob_pattern=warc.name).run()),
        ("url_filter", url_filter.run),
        ("extract", Trafilatura(favour_precision=True).run),
        ("language", language_filter.run),
        ("repetition", GopherRepetitionFilter(language=language).run),
        ("gopher", GopherQualityFilter(language=language, stop_words=stop_words).run),
        ("c4", C4QualityFilter(language=language, filter_no_terminal_punct=False).run),
        ("fineweb", FineWebQualityFilter(language=language).run),
        ("signatures", sign),
        ("pii", PIIFormatter().run),
    ]


def _cpu_seconds() -> float:
    """CPU seconds of this process and of its ended children, such as the extractor's."""
    return sum(os.times()[:4])


def main(warc: str, model: str, code: str, language: str, folder: str, *stop_words: str) -> None:
    warnings.simplefilter("ignore")
    documents: list = []
    times = []
    for name, step in steps(Path(warc), model, code, language, Path(folder), list(stop_words)):
        started, cpu_started = time.perf_counter(), _cpu_seconds()
        documents = list(step(documents))
        times.append([name, time.perf_counter() - started, _cpu_seconds() - cpu_started, len(documents)])
    print(json.dumps(times))


if __name__ == "__main__":
    main(*sys.argv[1:])
