"""The pipeline: its stages, in order, as data.

Whatever lists or orders stages reads `STAGES`: `python -m stages NAME`, dvc.yaml (written by `python -m stages.dvc`),
the report and its pictures, `lab preview`, the benchmarks, the tests, README's table. This file imports none of them.

A stage is a function `run(source..., out, params, engine) -> dict`. Its sources are the outputs of the stages that it
reads, in the order of `reads`; `out` is its own output; `params` its section of params.yaml (with `whole_params` all of
it); the dict is its metrics, which go to reports/<name>.json.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Report:
    """A file under reports/ that a stage writes: a metric is a column of `dvc exp show`, a plot has columns to draw."""

    path: str
    metric: bool = False
    x: str | None = None
    y: str | None = None


@dataclass(frozen=True)
class Stage:
    """A box of the pipeline's picture.

    `line` says in pictures what comes out, `gives` in tables. `room` groups boxes by colour. `sections` of params.yaml
    decide whether the stage runs again. `filters`: it counts documents in, out and removed, by reason.
    """

    name: str
    title: str
    line: str
    gives: str
    room: str
    function: str
    reads: tuple[str, ...] = ()
    sections: tuple[str, ...] = ()
    filters: bool = False
    whole_params: bool = False
    reports: tuple[Report, ...] = ()
    out: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "sections", self.sections or (self.name,))
        object.__setattr__(self, "reports", self.reports or (Report(f"{self.name}.json"),))
        object.__setattr__(self, "out", self.out or f"data/{self.name}")


STAGES = (
    Stage("crawl", "Crawl", "WARC files of web pages",
          "a manifest of WARC files: the embedded sample, your own, or a Common Crawl dump",
          "crawl", "lab.crawl.source:run"),
    Stage("index", "Index", "one row per response",
          "one row per response record: URL, status, media type, offset",
          "crawl", "lab.crawl.index:run", reads=("crawl",), filters=True),
    Stage("url_filter", "URL filter", "no blocked addresses",
          "the index without blocked hosts and words, non-HTML, non-200 and repeated URLs",
          "curate", "lab.curate.urls.stage:run", reads=("index", "crawl"), filters=True),
    Stage("extract", "Extraction", "the main text of a page",
          "documents: the main text of each page",
          "curate", "lab.curate.extract.stage:run", reads=("url_filter", "crawl"), filters=True),
    Stage("language", "Language", "the wanted languages",
          "documents in the wanted languages (fastText lid.176)",
          "curate", "lab.curate.language.stage:run", reads=("extract",), filters=True),
    Stage("quality", "Quality", "Gopher, C4, FineWeb",
          "documents that pass Gopher's, C4's and FineWeb's filters, each of which can be left out",
          "curate", "lab.curate.quality.stage:run", reads=("language",), filters=True),
    Stage("dedup", "Deduplication", "one of near-duplicates",
          "documents without near-duplicates (MinHash, 5-grams, 14 bands x 8 rows)",
          "curate", "lab.curate.dedup.stage:run", reads=("quality",), filters=True),
    Stage("pii", "PII", "addresses replaced",
          "documents with e-mail and IP addresses replaced",
          "curate", "lab.curate.pii:run", reads=("dedup",), filters=True),
    Stage("dataset", "Dataset", "train and validation",
          "train and validation split, dataset card, preview",
          "curate", "lab.curate.dataset.stage:run", reads=("pii",)),
    Stage("tokenizer", "Tokenizer", "byte-level BPE",
          "a byte-level BPE of its own, or gpt2, cl100k_base, o200k_base; always used through tiktoken",
          "tokens", "lab.tokens.tokenizer:run", reads=("dataset",)),
    Stage("tokenize", "Tokenization", "shards of token ids",
          "token shards",
          "tokens", "lab.tokens.tokenize:run", reads=("dataset", "tokenizer")),
    Stage("train", "Training", "a GPT-2 or a Llama 3",
          "weights of a GPT-2- or Llama-3-style transformer (Lightning, W&B)",
          "model", "lab.train.run:run", reads=("tokenize", "tokenizer"), sections=("model", "train"), whole_params=True,
          reports=(Report("train.json", metric=True), Report("train/curve.csv", x="tokens", y="loss"),
                   Report("train/validation.csv", x="tokens", y="bits_per_byte"))),
    Stage("export", "Export", "a Hugging Face folder",
          "a Hugging Face folder: weights, tokenizer, model card",
          "model", "lab.model.export:run", reads=("train", "tokenizer")),
    Stage("evaluate", "Evaluation", "scores, by lm-eval",
          "lm-eval's scores with standard errors, per item too",
          "scores", "lab.evaluate.run:run", reads=("export", "train", "dataset"), whole_params=True,
          reports=(Report("scores.json", metric=True), Report("evaluate.json"))),
    Stage("contamination", "Contamination", "items seen in training",
          "which evaluation items stand in the train split, and the scores without them",
          "scores", "lab.evaluate.contamination:run", reads=("dataset", "evaluate")),
    Stage("report", "Report", "this page",
          "reports/index.html",
          "scores", "lab.report.run.page:run", reads=("evaluate", "dataset", "train", "tokenize", "tokenizer"),
          whole_params=True, out="reports/index.html"),
)  # fmt: skip
NAMES = tuple(stage.name for stage in STAGES)
FILTERING = tuple(stage.name for stage in STAGES if stage.filters)


def stage_named(name: str) -> Stage:
    """The stage of a name. KeyError where there is none."""
    return {stage.name: stage for stage in STAGES}[name]
