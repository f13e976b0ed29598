"""The dataset card. In: facts about the documents, and the sizes of the splits. Out: the dataset's README.md.

Its head is in the format of the Hugging Face Hub (huggingface.co/docs/hub/datasets-cards), so that
`load_dataset(folder)` finds both splits.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from lab.documents import Document, text_bytes
from lab.params import DatasetParams

UNKNOWN = "unknown"
_SHOWN_FILES = 5
_HUB_SIZES = [(10**3, "n<1K"), (10**4, "1K<n<10K"), (10**5, "10K<n<100K"), (10**6, "100K<n<1M"), (10**7, "1M<n<10M"),
              (10**8, "10M<n<100M"), (10**9, "100M<n<1B"), (10**12, "1B<n<10B")]  # fmt: skip


@dataclass
class Facts:
    """What the card says about the documents of all splits. Adds up over shards."""

    languages: Counter[str] = field(default_factory=Counter)  # documents
    language_bytes: Counter[str] = field(default_factory=Counter)  # of text, in UTF-8
    files: set[str] = field(default_factory=set)  # WARC files
    first_date: str = ""  # of the crawl, ISO 8601
    last_date: str = ""

    def add(self, document: Document) -> None:
        language = document.language or UNKNOWN
        self.languages[language] += 1
        self.language_bytes[language] += text_bytes(document.text)
        self.files.add(document.file)
        if document.date:
            self.first_date = min(self.first_date or document.date, document.date)
            self.last_date = max(self.last_date, document.date)

    def as_dict(self) -> dict:
        return {**vars(self), "files": sorted(self.files)}

    @classmethod
    def total(cls, parts: Iterable[Mapping]) -> "Facts":
        """The sum over shards. `parts`: the `as_dict` of each."""
        total = cls()
        for part in parts:
            total.languages.update(part["languages"])
            total.language_bytes.update(part["language_bytes"])
            total.files.update(part["files"])
            if part["first_date"]:
                total.first_date = min(total.first_date or part["first_date"], part["first_date"])
                total.last_date = max(total.last_date, part["last_date"])
        return total


def render(splits: Mapping[str, Mapping[str, int]], facts: Facts, params: DatasetParams) -> str:
    """The card in Markdown. `splits`: name -> documents, bytes, shards."""
    documents = sum(split["documents"] for split in splits.values())
    languages = sorted(facts.languages, key=lambda language: (-facts.languages[language], language))
    return "\n".join(
        [
            *_head(splits, [language for language in languages if language != UNKNOWN], documents),
            "# A pretraining corpus",
            "",
            "Texts of web pages, filtered and deduplicated by FineWeb's recipe (Penedo et al. 2024) as the "
            "pretraining-lab runs it, with stand-ins for e-mail addresses and public IP addresses, unless its "
            "params.yaml switched a part of that off.",
            "",
            "## Splits",
            "",
            "| split | documents | bytes of text (UTF-8) | bytes a document | shards |",
            "|---|---:|---:|---:|---:|",
            *(
                f"| {name} | {size['documents']:,} | {size['bytes']:,} | {size['bytes'] // size['documents']:,} "
                f"| {size['shards']:,} |"
                for name, size in splits.items()
            ),
            "",
            f"A document is in validation if the hash of its {'id' if params.by == 'document' else 'host'} and the "
            f"seed says so. Parameters: {', '.join(f'`{key}: {value}`' for key, value in params)}. Those of the "
            "earlier stages are in params.yaml of the revision whose dvc.lock names this dataset's hash.",
            "",
            "## Languages",
            "",
            "| language | documents | share | bytes of text |",
            "|---|---:|---:|---:|",
            *(
                f"| {language} | {facts.languages[language]:,} | {facts.languages[language] / documents:.1%} "
                f"| {facts.language_bytes[language]:,} |"
                for language in languages
            ),
            "",
            "## Source",
            "",
            *_source(facts),
            "",
            "## Fields",
            "",
            "`id` (of the WARC record), `url`, `date` (of the crawl), `file` and `offset` (where the record lies), "
            "`text`, `language` (ISO 639) and `language_score` (fastText's probability).",
            "",
            "## Licence",
            "",
            "The texts belong to their authors and publishers; no licence to them comes with this dataset, and the "
            "terms of the crawl it was made from hold (Common Crawl's: commoncrawl.org/terms-of-use). To remove a "
            "page, drop its `url` and run the pipeline again. Facts in the texts are unchecked, and people named in "
            "public pages are named here too.",
            "",
        ]
    )


def _head(splits: Iterable[str], languages: Iterable[str], documents: int) -> list[str]:
    size = next((name for limit, name in _HUB_SIZES if documents < limit), "n>1T")
    return [
        "---",
        f"language: [{', '.join(repr(language) for language in languages)}]",  # quoted: YAML reads `no` as false
        "license: other",
        f"size_categories: ['{size}']",
        "task_categories: [text-generation]",
        "configs:",
        "  - config_name: default",
        "    data_files:",
        *(line for name in splits for line in (f"      - split: {name}", f"        path: {name}/*.parquet")),
        "---",
        "",
    ]


def _source(facts: Facts) -> list[str]:
    files = sorted(facts.files)
    dates = f", crawled from {facts.first_date} to {facts.last_date}" if facts.first_date else ""
    listed = [f"- `{name}`" for name in files[:_SHOWN_FILES]]
    rest = [f"- and {len(files) - _SHOWN_FILES:,} more"] if len(files) > _SHOWN_FILES else []
    return [f"Records of {len(files):,} WARC file{'s' * (len(files) != 1)}{dates}:", "", *listed, *rest]
