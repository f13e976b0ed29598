"""The sections of params.yaml as data classes: every key with its type, range and unit.

Sections named after a stage belong to it; `model` is read by train, `tracking` by train and evaluate, `engine` by all
curation stages (it never changes an output, so no stage depends on it). The section `quality` is made of its filters
(lab/curate/quality/params.py). lab/params_yaml.py has the file as a whole.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from lab.errors import did_you_mean
from lab.machine import cores

Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]
Positive = Annotated[int, Field(gt=0)]
LanguageCode = Annotated[str, Field(pattern=r"^[a-z]{2,3}(_[A-Z][a-z]{3})?$")]  # as the model of `language` has them


class Section(BaseModel):
    # nan and inf are refused: no comparison with nan is true, so that a rule with it would be off without a word
    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=(), allow_inf_nan=False)


class EngineParams(Section):
    kind: Literal["local", "ray"] = "local"
    workers: Count = Field(0, description="processes; 0: one per core")
    address: str | None = Field(None, description="of a Ray cluster; null: start one on this machine")

    def processes(self) -> int:
        return self.workers or cores()


class SampleParams(Section):
    """The embedded sample crawl: a small web made on the spot."""

    seed: Count = 1
    town_pages: Count = 5000
    documentation_pages: Count = 4000
    planted_per_kind: Positive = Field(12, description="pages per planted case")
    files: Positive = Field(4, description="WARC files")
    lock: str = Field("requirements.lock", description="lock file; the documentation of what it pins becomes pages")


class CrawlParams(Section):
    source: Literal["sample", "warc", "commoncrawl"] = "sample"
    sample: SampleParams = SampleParams()
    paths: list[str] = Field([], description="for source warc: local paths, globs, or URLs that fsspec opens")
    dump: str = Field("CC-MAIN-2024-10", description="for source commoncrawl")
    base_url: str = "https://data.commoncrawl.org"
    files: Positive | None = Field(1, description="WARC files of the dump; null: as many as max_bytes allows")
    max_bytes: Positive | None = Field(None, description="limit on the compressed size of all WARC files")
    attempts: Positive = Field(6, description="in a row without progress, to reach a server that is busy or broken")

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
    blacklist: str | None = Field(
        "auto", description="folder or .tar.gz in UT1's layout; auto: the crawl's own, if it has one; null: none"
    )
    categories: list[str] | Literal["fineweb"] | None = Field(
        "fineweb", description="of the blacklist: names; fineweb: adult and harmful ones; null: all that block"
    )
    banned_words: bool = True
    soft_banned_words: bool = Field(True, description="two or more of them in a URL")
    banned_subwords: bool = Field(True, description="anywhere in the URL, ignoring punctuation between letters")
    word_lists: str | None = Field(
        None, description="folder with {banned,soft_banned}_words.txt and banned_subwords.txt; null: the lab's own"
    )
    html_only: bool = True
    status_200_only: bool = True
    duplicate_urls: bool = Field(True, description="keep the first of equal URLs, ignoring session ids and fragments")


class ExtractParams(Section):
    engine: Literal["lab", "resiliparse", "trafilatura"] = "lab"
    discussions: Literal["keep", "drop"] = Field(
        "keep", description="comments where they are the page (forums, questions and answers); or drop"
    )
    min_characters: Count = Field(1, description="of text; a page with fewer is removed as empty")
    max_bytes: Positive = Field(10_000_000, description="of HTML; a larger page is removed")
    max_tags: Positive = Field(50_000, description="in the HTML; a page with more is removed")
    max_attributes: Positive = Field(1_000, description="of one tag; a page with more is removed")
    max_seconds: Annotated[float, Field(gt=0)] = Field(
        30.0, description="of CPU time per page: the last guard, which depends on the machine (reason `clock`)"
    )


class LanguageParams(Section):
    keep: Annotated[list[LanguageCode], Field(min_length=1)] = Field(
        ["en"],
        description="ISO 639-1 codes, such as [en, de, zh]; Chinese, Japanese and Thai need the extra `languages`",
    )
    min_score: Share = 0.85
    model: str = Field(
        "lid.176.ftz",
        description="the compressed model that comes with the lab, or a path or URL of another (lid.176.bin)",
    )


class DedupParams(Section):
    minhash: bool = True
    ngram: Positive = Field(5, description="words")
    bands: Positive = 14
    rows: Positive = Field(8, description="hashes per band")
    seed: Count = 1
    exact: bool = Field(False, description="also remove documents with exactly the same text")
    lines: bool = Field(
        False, description="drop lines seen in more than max_line_repeats documents (Llama 3, section 3.1.1)"
    )
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
    ips: bool = Field(True, description="public IP addresses only")
    phones: bool = False
    cards: bool = Field(False, description="numbers with a valid check digit")
    phone_region: Annotated[str, AfterValidator(_phone_region)] | None = Field(
        None,
        description="country (DE, US) whose national numbers count too; null: only numbers with + and country code",
    )


class DatasetParams(Section):
    validation_share: Annotated[float, Field(gt=0, lt=1)] = 0.06
    by: Literal["document", "host"] = "document"
    seed: Count = 1
    documents_per_shard: Positive = 5000
    preview_documents: Count = 20


class TokenizerParams(Section):
    kind: str = Field(
        "train", description="train, gpt2, cl100k_base, o200k_base, or a path to tiktoken or Hugging Face ranks"
    )
    vocabulary: Annotated[int, Field(ge=257)] = Field(4096, description="size for kind train, special tokens included")
    max_bytes: Positive = Field(100_000_000, description="of text to train it on")


class TokenizeParams(Section):
    shard_tokens: Positive = 100_000_000


Norm = Literal["layernorm", "rmsnorm"]
NormPlacement = Literal["pre", "post"]
Position = Literal["learned", "rope", "sinusoidal"]
Activation = Literal["gelu", "swiglu", "relu"]


class ModelParams(Section):
    """A preset (lab.model.presets), and the fields of it (lab.model.config) that differ; None: as in the preset."""

    preset: str = Field("sample", description="of lab/model/presets.py; keys that are null below are the preset's")
    layers: Positive | None = None
    width: Positive | None = None
    heads: Positive | None = None
    kv_heads: Positive | None = None
    ffn: Positive | None = Field(None, description="width of the feed-forward layer")
    context: Annotated[int, Field(ge=2)] | None = Field(None, description="tokens")
    norm: Norm | None = None
    norm_placement: NormPlacement | None = Field(None, description="before a sublayer, or after its residual sum")
    norm_epsilon: Annotated[float, Field(gt=0)] | None = None
    position: Position | None = None
    activation: Activation | None = None
    bias: bool | None = None
    tied_embeddings: bool | None = None
    rope_theta: Annotated[float, Field(gt=0)] | None = None
    dropout: Share | None = None
    initial_deviation: Annotated[float, Field(gt=0)] | None = Field(None, description="of weights before training")


def _budget(text: str) -> str:
    if not re.fullmatch(r"[1-9][0-9_]*(\.[0-9]+)?(e[0-9]+)? (tokens|seconds)", text):
        raise ValueError(f"train.budget: {text!r} can't be used: write it as '2500000 tokens' or '600 seconds'")
    return text


class TrainParams(Section):
    seed: Count = 1
    budget: Annotated[str, AfterValidator(_budget)] = Field("2500000 tokens", description='"N tokens" or "N seconds"')
    batch_tokens: Positive = Field(2048, description="tokens per step, over all devices")
    batch_doubles_after: list[Positive] = Field(
        [], description="token counts; the batch starts at batch_tokens, halved once per entry (Llama 3: two entries)"
    )
    micro_batch: Positive = Field(
        32, description="sequences per device and forward pass; gradient accumulation makes up the rest of a batch"
    )
    optimizer: Literal["adamw", "muon"] = Field(
        "adamw", description="adamw, or muon for hidden matrices with AdamW for the rest"
    )
    learning_rate: Annotated[float, Field(gt=0)] = Field(3e-3, description="peak rate of AdamW")
    min_learning_rate_share: Share = Field(0.1, description="final rate, as a share of the peak")
    warmup_steps: Count = 60
    schedule: Literal["cosine", "wsd", "linear", "constant"] = Field(
        "cosine", description="cosine, wsd, linear (to zero) or constant"
    )
    decay_share: Share = Field(0.2, description="for schedule wsd: share of the steps after warmup")
    weight_decay: Annotated[float, Field(ge=0)] = 0.1
    beta1: Annotated[float, Field(ge=0, lt=1)] = 0.9
    beta2: Annotated[float, Field(ge=0, lt=1)] = 0.95
    muon_learning_rate: Annotated[float, Field(gt=0)] = 0.02
    muon_momentum: Annotated[float, Field(ge=0, lt=1)] = 0.95
    lr_scaling: Literal["none", "mup"] = Field(
        "none", description="none, or mup: scale AdamW's rate and initial weights of hidden matrices and head by width"
    )
    lr_base_width: Positive = Field(192, description="for mup: width that the rates were tuned at")
    document_mask: bool = Field(
        False, description="no attention across documents packed into one sequence, as in Llama 3"
    )
    z_loss: Annotated[float, Field(ge=0)] = Field(
        0.0, description="weight of the squared log of softmax's denominator; PaLM: 1e-4"
    )
    gradient_clip: Annotated[float, Field(gt=0)] | None = 1.0
    on_spike: Literal["none", "skip", "stop"] = Field(
        "none", description="none: stop at a NaN loss only; skip: skip spiking steps; stop: end the run at a spike"
    )
    spike_window: Annotated[int, Field(ge=8)] = Field(
        128, description="previous steps that loss and gradient norm are compared with"
    )
    spike_deviations: Annotated[float, Field(gt=0)] = Field(
        6.0, description="robust standard deviations above their median"
    )
    pad_vocabulary: Literal["auto", "on", "off"] = Field(
        "auto", description="pad the head to a multiple of 128, without changing the loss; auto: on GPUs"
    )
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        "auto",
        description="auto: bfloat16 on GPUs that have it; on CPUs with AVX512-BF16 or AMX it is faster too",
    )
    compile: Literal["auto", "on", "off"] = Field("auto", description="torch.compile; auto: on GPUs")
    accelerator: Literal["auto", "cpu", "gpu"] = "auto"
    devices: Positive | Literal["auto"] = Field("auto", description="per node")
    nodes: Positive = 1
    strategy: Literal["auto", "ddp", "fsdp"] = Field(
        "auto", description="auto: ddp on several devices; fsdp: each device holds a share of the weights"
    )
    activation_checkpointing: bool = Field(False, description="less memory for a third more computation")
    validate_every: Positive = Field(200, description="steps")
    validation_tokens: Positive = Field(65_536, description="at most, per validation")
    checkpoint_every: Positive = Field(200, description="steps; what a killed run loses at most")
    keep_checkpoints: Positive = Field(2, description="most recent ones; the best by validation loss is kept as well")
    export: Literal["last", "best"] = Field(
        "last", description="weights that the run leaves: the last or the best by validation loss"
    )
    evaluate_every: Positive | None = Field(
        None, description="steps between weights that are kept and scored; null: the final ones only"
    )

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
    suites: Annotated[list[str], Field(min_length=1)] = Field(
        ["sample"], description="sample, fineweb, gpt2, names of lm-eval tasks, folders of task files"
    )
    models: list[str] = Field(
        [], description="other models to score: Hugging Face names (gpt2) or folders in its layout"
    )
    limit: Positive | None = Field(None, description="items per task")
    batch_tokens: Positive = 16_384
    fewshot: Count | None = Field(None, description="examples before each question; null: the task's own number")
    seed: Count = 1
    items: Positive = Field(300, description="per task of the suite sample")
    device: Literal["auto", "cpu", "cuda"] = "auto"
    data_dir: str | None = Field(
        None, description="folder written by lab.evaluate.fetch: data sets without network access"
    )


class ContaminationParams(Section):
    """Overlap of evaluation items with the train split (Brown et al. 2020, appendix C)."""

    min_ngram: Positive = Field(
        8, description="words; n per task: the 5th percentile of its items' lengths, within these bounds"
    )
    max_ngram: Positive = 13
    max_covered_share: Annotated[float, Field(ge=0, lt=1)] = Field(
        0.0, description="of an item's words found in the train split; above it the item is contaminated"
    )

    @model_validator(mode="after")
    def _check(self) -> "ContaminationParams":
        if self.min_ngram > self.max_ngram:
            raise ValueError(
                f"contamination.min_ngram is {self.min_ngram}: more than contamination.max_ngram, {self.max_ngram}"
            )
        return self


class ReportParams(Section):
    examples: Count = Field(6, description="documents shown per stage and reason")
    example_characters: Positive = 600


class TrackingParams(Section):
    mode: Literal["auto", "online", "offline", "disabled"] = Field(
        "auto", description="auto: online if WANDB_API_KEY is set, else offline"
    )
    project: str = "pretraining-lab"
    entity: str | None = None
    group: str | None = None
    tags: list[str] = []
    sample_every: Positive | None = Field(None, description="steps between sample texts; null: at each validation")


def explain(error: ValidationError, model: type[Section], before: str = "") -> str:
    """What is wrong with values of `model`, in words. `before`: the keys that lead to these values."""
    return "; ".join(_in_words(problem, model, before) for problem in error.errors())


def _in_words(problem: Mapping[str, Any], model: type[Section], before: str) -> str:
    place = [str(part) for part in problem["loc"] if part != "[key]"]
    where = ".".join([*([before] if before else []), *place]) or "params"
    if problem["type"] == "value_error":
        message = str(problem["ctx"]["error"])
        return message if message.startswith((f"{where}.", f"{where}:")) else f"{where}: {message}"
    if problem["type"] == "extra_forbidden":
        known = _known_keys(model, place[:-1])
        listed = f"known keys: {', '.join(known)}" if known else ""
        return f"{where}: there is no such key; {did_you_mean(place[-1], known, 1)}{listed}".rstrip("; ")
    if problem["type"] == "missing":
        return f"{where}: is missing"
    return f"{where}: {problem['input']!r} can't be used: {problem['msg'].removeprefix('Input ')}"


def _known_keys(model: type[Section], sections: list[str]) -> list[str]:
    """The keys of a section within `model`; none for what is no section, such as an item of a list."""
    for section in sections:
        field = model.model_fields.get(section)
        if field is None or not (isinstance(field.annotation, type) and issubclass(field.annotation, Section)):
            return []
        model = field.annotation
    return list(model.model_fields)
