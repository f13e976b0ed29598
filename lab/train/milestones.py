"""Weights in the middle of a run, kept so that the stage `evaluate` can score them: how scores grow with training.

In: a model every train.evaluate_every steps. Out: steps/<step>/model.safetensors and model.json in the training's
output, read by what reads the last ones (lab.model.export.read_trained). Until the run ends they lie beside its
checkpoints, where a killed run finds them again.
"""

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from safetensors.torch import save_file
from torch import nn

from lab.files import link, write_json, written_whole
from lab.train.sharded import whole_weights

FOLDER = "steps"


def keep(work: Path, step: int, model: nn.Module, *, writes: bool) -> None:
    """Write the weights after `step`. Where they are sharded all processes call this, and one writes."""
    weights = whole_weights(model)
    if writes:
        with written_whole(work / FOLDER / f"{step:09d}.safetensors") as temporary:
            save_file(weights, temporary)


def hand_over(work: Path, out: Path, about: Mapping, tokens_of: Callable[[int], int]) -> None:
    """Lay the weights that were kept into `out`, each described by `about` with its own steps and tokens.

    `tokens_of`: the tokens of so many steps. They stay in `work`, too, so that a run killed before its end finds them.
    """
    shutil.rmtree(out / FOLDER, ignore_errors=True)
    for path in sorted((work / FOLDER).glob("*.safetensors")):
        step, folder = int(path.stem), out / FOLDER / path.stem
        folder.mkdir(parents=True)
        link(path, folder / "model.safetensors")
        write_json(folder / "model.json", {**about, "tokens": tokens_of(step), "steps": step})
