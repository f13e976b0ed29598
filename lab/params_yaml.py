"""params.yaml as a whole: all sections of one file, read and checked.

In: params.yaml. Out: `Params`, the sections as data classes. Unknown keys and bad values are refused before anything
runs: ParameterError names section, key, value and what is allowed.
"""

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from lab import params
from lab.curate.quality.params import QualityParams
from lab.errors import ParameterError
from lab.files import read_yaml
from lab.params import Section, explain


class Params(Section):
    crawl: params.CrawlParams = params.CrawlParams()
    index: params.IndexParams = params.IndexParams()
    url_filter: params.UrlFilterParams = params.UrlFilterParams()
    extract: params.ExtractParams = params.ExtractParams()
    language: params.LanguageParams = params.LanguageParams()
    quality: QualityParams = QualityParams()
    dedup: params.DedupParams = params.DedupParams()
    pii: params.PiiParams = params.PiiParams()
    dataset: params.DatasetParams = params.DatasetParams()
    tokenizer: params.TokenizerParams = params.TokenizerParams()
    tokenize: params.TokenizeParams = params.TokenizeParams()
    model: params.ModelParams = params.ModelParams()
    train: params.TrainParams = params.TrainParams()
    export: params.ExportParams = params.ExportParams()
    evaluate: params.EvaluateParams = params.EvaluateParams()
    contamination: params.ContaminationParams = params.ContaminationParams()
    report: params.ReportParams = params.ReportParams()
    tracking: params.TrackingParams = params.TrackingParams()
    engine: params.EngineParams = params.EngineParams()


def load(path: Path) -> Params:
    """Read and check a params.yaml."""
    return check(read(path), str(path))


def read(path: Path) -> dict[str, Any]:
    """The values of a params.yaml, unchecked. InputError if the file is missing or not YAML."""
    return read_yaml(Path(path), "sections")


def check(values: object, where: str) -> Params:
    """The values of a params.yaml as data classes. The message of a ParameterError begins with `where`."""
    try:
        return Params.model_validate(values)
    except ValidationError as error:
        raise ParameterError(f"{where}: {explain(error, Params)}") from None
