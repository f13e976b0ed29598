"""params.yaml as a whole: all sections of one file, read and checked.

In: params.yaml. Out: `Params`, the sections as data classes. Unknown keys and bad values are refused before anything
runs: ParameterError names section, key, value and what is allowed.
"""

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from lab.curate.quality.params import QualityParams
from lab.errors import InputError, ParameterError
from lab.files import parse_yaml
from lab.params import (
    ContaminationParams,
    CrawlParams,
    DatasetParams,
    DedupParams,
    EngineParams,
    EvaluateParams,
    ExportParams,
    ExtractParams,
    IndexParams,
    LanguageParams,
    ModelParams,
    PiiParams,
    ReportParams,
    Section,
    TokenizeParams,
    TokenizerParams,
    TrackingParams,
    TrainParams,
    UrlFilterParams,
    explain,
)


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
    """Read and check a params.yaml."""
    return check(read(path), str(path))


def read(path: Path) -> dict[str, Any]:
    """The values of a params.yaml, unchecked. InputError if the file is missing or not YAML."""
    try:
        return parse_yaml(Path(path).read_text("utf-8"), str(path), "sections")
    except FileNotFoundError:
        raise InputError(f"{path}: no such file. Run from the repository root.") from None


def check(values: object, where: str) -> Params:
    """The values of a params.yaml as data classes. The message of a ParameterError begins with `where`."""
    try:
        return Params.model_validate(values)
    except ValidationError as error:
        raise ParameterError(f"{where}: " + "; ".join(explain(problem, Params) for problem in error.errors())) from None
