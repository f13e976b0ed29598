"""Where models, lists and tokenizers come from, and where training runs are logged. In: the project's parameters and
the environment. Out: Findings for `lab doctor`. No key is ever shown.
"""

import hashlib
import os
import tempfile
from pathlib import Path

from lab import formatting as words
from lab.cli.findings import Finding
from lab.cli.project import Project
from lab.curate.language.stage import model_path
from lab.errors import LabError
from lab.params import TrackingParams
from lab.params_yaml import Params
from lab.tokens.foreign import GPT2_FILES, NAMED

_RANKS = "https://openaipublic.blob.core.windows.net/encodings/{}.tiktoken"


def found(project: Project, params: Params) -> list[Finding]:
    """Language model, blacklist, tokenizers, hub."""
    return [
        language_model(project, params.language.model),
        blacklist(project, params.url_filter.blacklist),
        *tokenizers(params.tokenizer.kind),
        hub(),
    ]


def language_model(project: Project, name: str) -> Finding:
    if "://" in name:
        return Finding("language.model", f"{name}, downloaded when the stage runs")
    own = project.root / name
    try:
        path = own if own.is_file() else model_path(name)
    except LabError as error:
        return Finding("language.model", str(error), remedy="set language.model of params.yaml to lid.176.ftz.")
    return Finding("language.model", f"{path} ({words.size(path.stat().st_size)})")


def blacklist(project: Project, setting: str | None) -> Finding:
    name = "url_filter.blacklist"
    if setting is None:
        return Finding(name, "none")
    if setting == "auto":
        own = project.data / "crawl" / "blacklist"
        return Finding(name, f"auto: {own}" if own.exists() else "auto: the crawl's own, if it has one")
    if (project.root / setting).exists():
        return Finding(name, setting)
    remedy = f"put a list in UT1's layout at {setting}, or set {name} of params.yaml to auto."
    return Finding(name, f"{setting}: not there", remedy=remedy)


def tokenizers(kind: str) -> list[Finding]:
    """tiktoken's cache, and which well-known tokenizers it has; a warning where the run needs another one."""
    setting = os.environ.get("TIKTOKEN_CACHE_DIR") or os.environ.get("DATA_GYM_CACHE_DIR")
    folder = Path(setting or Path(tempfile.gettempdir()) / "data-gym-cache")
    there = [name for name in NAMED if all((folder / _cache_name(url)).is_file() for url in _urls(name))]
    missing = kind in NAMED and kind not in there
    note = f"; {kind}, which tokenizer.kind asks for, will be downloaded" if missing else ""
    return [
        Finding("TIKTOKEN_CACHE_DIR", setting or f"not set: {folder}"),
        Finding("tokenizers in it", (", ".join(there) or "none") + note, warning=missing),
    ]


def hub() -> Finding:
    """Hugging Face's cache, which benchmarks other than the sample suite are downloaded to."""
    setting = os.environ.get("HF_HOME")
    offline = " (offline: HF_HUB_OFFLINE is set)" if os.environ.get("HF_HUB_OFFLINE") else ""
    return Finding("HF_HOME", (setting or f"not set: {Path('~/.cache/huggingface').expanduser()}") + offline)


def tracking(params: TrackingParams) -> list[Finding]:
    """Where training runs are logged, and whether there is a key for it."""
    key = bool(os.environ.get("WANDB_API_KEY"))
    offline = "offline, to .lab/wandb (`wandb sync` sends it later)"
    where = {"auto": "online" if key else offline, "online": "online", "offline": offline, "disabled": "not at all"}
    keyless = params.mode == "online" and not key
    remedy = "set WANDB_API_KEY, or tracking.mode of params.yaml to auto." if keyless else None
    return [
        Finding("WANDB_API_KEY", "set" if key else "not set", remedy=remedy),
        Finding("training runs are logged", where[params.mode]),
    ]


def _urls(name: str) -> list[str]:
    return GPT2_FILES if name == "gpt2" else [_RANKS.format(name)]


def _cache_name(url: str) -> str:
    """As tiktoken.load names it."""
    return hashlib.sha1(url.encode()).hexdigest()
