"""datatrove's FineWeb recipe over a WARC, timed step by step. Runs in datatrove's own environment: nothing of the lab
is imported.

In (arguments): WARC, fastText model, language of fastText, language of datatrove, an empty folder; stop words follow.
Out (stdout): a JSON list of [step, seconds, seconds of CPU, documents left]; loading lists and models is a step of its
own.

The steps are examples/fineweb.py's with the settings there. They run in this process and one after the other, so that
each can be timed, and without the writing and reading of files in between, which is to datatrove's favour.
"""

import json
import os
import sys
import time
import warnings
from functools import partial
from pathlib import Path

import tldextract

# Its own snapshot of the public suffix list: no download in the middle of a run.
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
    """(name, a function from documents to documents) of each step, the loading of lists and models first."""
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


def _busy() -> float:
    """Seconds of CPU of this process and of those that it has seen end, such as the extractor's."""
    times = os.times()
    return sum(times[:4])


def main(warc: str, model: str, code: str, language: str, folder: str, *stop_words: str) -> None:
    warnings.simplefilter("ignore")
    documents: list = []
    times = []
    for name, step in steps(Path(warc), model, code, language, Path(folder), list(stop_words)):
        started, busy = time.perf_counter(), _busy()
        documents = list(step(documents))
        times.append([name, time.perf_counter() - started, _busy() - busy, len(documents)])
    print(json.dumps(times))


if __name__ == "__main__":
    main(*sys.argv[1:])
