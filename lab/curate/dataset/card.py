"""The dataset card. In: facts about the documents, and the sizes of the splits. Out: the dataset's README.md.

Its text is in card.md.j2. Its head is in the format of the Hugging Face Hub (huggingface.co/docs/hub/datasets-cards),
so that `load_dataset(folder)` finds both splits.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from lab.documents import Document, text_bytes
from lab.params import DatasetParams

_HUB_SIZES = [(10**3, "n<1K"), (10**4, "1K<n<10K"), (10**5, "10K<n<100K"), (10**6, "100K<n<1M"), (10**7, "1M<n<10M"),
              (10**8, "10M<n<100M"), (10**9, "100M<n<1B"), (10**12, "1B<n<10B")]  # fmt: skip


@dataclass
class Facts:
    """What the card says about the documents of all splits. Adds up over shards."""

    languages: Counter[str] = field(default_factory=Counter)  # documents
    language_bytes: Counter[str] = field(default_factory=Counter)  # of text, in UTF-8
    files: set[str] = field(default_factory=set)  # WARC files
    dates: set[str] = field(default_factory=set)  # of the crawl, ISO 8601

    def add(self, document: Document) -> None:
        language = document.language or "unknown"
        self.languages[language] += 1
        self.language_bytes[language] += text_bytes(document.text)
        self.files.add(document.file)
        self.dates |= {document.date} - {""}

    def as_dict(self) -> dict:
        """Of the dates only the first and the last."""
        dates = sorted(self.dates)
        return {**vars(self), "files": sorted(self.files), "dates": dates[:1] + dates[-1:]}

    @classmethod
    def total(cls, parts: Iterable[Mapping]) -> "Facts":
        """The sum over shards. `parts`: the `as_dict` of each."""
        total = cls()
        for part in parts:
            for name, values in part.items():
                getattr(total, name).update(values)
        return total


def render(splits: Mapping[str, Mapping[str, int]], facts: Facts, params: DatasetParams) -> str:
    """The card in Markdown. `splits`: name -> documents, bytes, shards."""
    pages = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    pages.filters |= {"number": "{:,}".format, "quoted": repr}  # quoted: YAML reads `no` as false
    documents = sum(split["documents"] for split in splits.values())
    return pages.get_template("card.md.j2").render(
        splits=splits,
        facts=facts,
        params=params,
        documents=documents,
        languages=sorted(facts.languages, key=lambda language: (-facts.languages[language], language)),
        files=sorted(facts.files),
        size_category=next((name for limit, name in _HUB_SIZES if documents < limit), "n>1T"),
    )
