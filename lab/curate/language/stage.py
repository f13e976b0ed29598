"""The language stage: documents in the wanted languages.

In: shards of documents. Out: those whose most probable language, by fastText's lid.176 (Joulin et al. 2016), is wanted
and scores at least `min_score`. As in FineWeb, the whole text is scored, with newlines replaced by spaces.
"""

import hashlib
import os
import struct
from dataclasses import replace
from functools import cache, partial
from pathlib import Path

import fasttext

from lab.documents import Document, Reason, sift
from lab.download import download
from lab.engine import run_stage
from lab.errors import InputError, ParameterError, did_you_mean
from lab.params import EngineParams, LanguageParams

SHIPPED = Path(__file__).with_name("lid.176.ftz")
CACHE = Path("~/.cache/lab")
CAPITALS_SAMPLE = 1000  # characters that tell whether a text is in capitals
DECIMALS = 6  # of a score; processors differ in further ones
END = "</s>"  # where the library stops to read, also within a text
_LABEL = "__label__"
_HEAD = struct.Struct("<8xi60xi")  # of a model file: the width of its vectors, the number of labels


class LanguageIdentifier:
    """A fastText model (path, URL, or the lab's lid.176.ftz); `labels`: its languages. InputError if there is none."""

    def __init__(self, path: str = SHIPPED.name):
        file = model_path(path)
        _require_whole(file)
        try:
            self._model = fasttext.load_model(str(file))
        except (ValueError, RuntimeError) as error:
            raise InputError(f"{file}: not a fastText model ({error}). Correct language.model.") from None
        self.labels = [label.removeprefix(_LABEL) for label in self._model.get_labels()]

    def score(self, text: str) -> tuple[str, float]:
        """The most probable language (ISO 639) and its probability; ("", 0.0) if the model knows no word of it.

        A text in capitals is scored in small letters: the model has hardly seen others, and takes English for Japanese.
        """
        begin = text[:CAPITALS_SAMPLE]
        in_capitals = sum(map(str.isupper, begin)) > sum(map(str.islower, begin))
        text = text.lower() if in_capitals else text
        line = text.replace("\n", " ").replace(END, " ").encode("utf-8", "replace").decode()  # no halves of surrogates
        labels, probabilities = self._model.predict(line)
        if not labels:
            return "", 0.0
        return labels[0].removeprefix(_LABEL), min(round(float(probabilities[0]), DECIMALS), 1.0)


def _require_whole(file: Path) -> None:
    """InputError unless the file is a classifier that ends with the output matrix [labels, width] that its head names.

    The library does not check that: it hangs or crashes on a part of a model. A quantised output matrix is refused.
    """
    try:
        with open(file, "rb") as model:
            width, labels = _HEAD.unpack(model.read(_HEAD.size))
            model.seek(-(16 + 4 * labels * width), os.SEEK_END)
            whole = model.read(16) == struct.pack("<2q", labels, width)
    except (struct.error, OSError):
        whole = False
    if not whole:
        raise InputError(
            f"{file}: not a fastText classifier, or only a part of one, or one whose output is quantised (-qout). "
            "Correct language.model."
        )


def model_path(name: str) -> Path:
    """The model's file; downloads it first if `name` is a URL. InputError if there is none."""
    if "://" in name:
        target = CACHE.expanduser() / f"{hashlib.sha256(name.encode()).hexdigest()[:12]}-{name.rsplit('/', 1)[-1]}"
        if not target.is_file():
            download(name, target, check=_require_whole)
        return target
    if Path(name).is_file():
        return Path(name)
    if name != SHIPPED.name:
        raise InputError(f"{name}: no such language model. Set language.model to lid.176.ftz, a path or a URL.")
    return SHIPPED


identifier = cache(LanguageIdentifier)


def judge(document: Document, params: LanguageParams) -> tuple[Document, Reason | None]:
    """The document with its language, and the reason to remove it; None: keep."""
    language, score = identifier(params.model).score(document.text)
    return replace(document, language=language, language_score=score), _refused(language, score, params)


def _refused(language: str, score: float, params: LanguageParams) -> Reason | None:
    if language not in params.keep:
        return Reason("language", language or "none", "not in", ",".join(params.keep))
    if score < params.min_score:
        return Reason("language_score", f"{language} {score:.4g}", "<", params.min_score)
    return None


def run(source: Path, out: Path, params: LanguageParams, engine: EngineParams) -> dict:
    """Filter every shard of `source` into `out`.

    EmptyCorpusError if nothing passes, InputError without a model, ParameterError for a language that it does not know.
    """
    return run_stage("language", _filter_shard, source, out, params, engine, inputs=[model_path(params.model)])


def _filter_shard(source: Path, folder: Path, name: str, *, params: LanguageParams) -> dict:
    labels = identifier(params.model).labels
    for code in params.keep:
        if code not in labels:
            raise ParameterError(
                f"language.keep: {code!r} is none of the {len(labels)} languages of {params.model}; "
                f"{did_you_mean(code, labels)}They are codes such as 'en'."
            )
    return sift(source, folder, name, partial(judge, params=params)).as_dict()
