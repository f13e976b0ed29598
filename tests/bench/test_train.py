"""If these fail, the benchmark of training compares other work than it says, or times something else."""

import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from lab.bench import own_training, reference_training
from lab.bench.train import Contender, table, tricks_table
from lab.bench.training_peers import nanogpt_folder
from lab.bench.training_work import SETTLING, Stopwatch, Work
from lab.errors import LabError
from lab.tokens import bpe
from tests.train.conftest import TEXTS, VOCABULARY, write_shards


@pytest.fixture(scope="module")
def work(tmp_path_factory) -> Work:
    folder = tmp_path_factory.mktemp("bench")
    bpe.save(bpe.train(TEXTS, VOCABULARY, 10_000_000), folder / "tokenizer")
    write_shards(folder / "tokens", bpe.load(folder / "tokenizer"), folder / "tokenizer")
    return Work("llama", str(folder / "tokens"), 1, 32, 2, 64, VOCABULARY, 32, 4, 2, SETTLING + 3)


def test_ours_and_trainer_do_the_same_work_on_the_same_tokens(work):
    ours = own_training.run(work)
    theirs = reference_training.run("Trainer", work, Path())
    assert ours.parameters == theirs.parameters
    assert len(ours.losses) == len(theirs.losses) == work.steps
    assert len(ours.seconds) == len(theirs.seconds) == work.steps - SETTLING
    assert ours.losses[-1] < ours.losses[0] == pytest.approx(theirs.losses[0], abs=0.2)
    assert ours.losses[-1] == pytest.approx(theirs.losses[-1], abs=0.2)
    assert 0 < ours.data_seconds < min(ours.seconds) and ours.peak > 0
    found = {Contender("ours", work): [ours], Contender("Trainer", work): [theirs]}
    text = "\n".join(table(found))
    assert "| ours | " in text and "| Trainer | " in text and f"| {ours.parameters:,} |" in text


@pytest.mark.parametrize("style", ["llama", "gpt2"])
def test_no_trick_changes_what_is_learnt(work, style):
    work = replace(work, style=style)
    runs = {name: own_training.run(replace(work, variant=name)) for name in own_training.VARIANTS}
    base = runs[""].losses
    for name, result in runs.items():
        if name != "document mask":  # which hides tokens
            assert result.losses == pytest.approx(base, abs=1e-4), name
    found = {Contender("ours", replace(work, variant=name)): [result] for name, result in runs.items()}
    assert "| ours AdamW not fused | " in "\n".join(tricks_table(found))


def test_the_stopwatch_counts_all_that_happens_between_two_steps():
    weight = torch.nn.Parameter(torch.ones(1))
    optimizer, watch = torch.optim.SGD([weight]), Stopwatch("cpu")
    with watch.running():
        for _ in range(SETTLING + 2):
            time.sleep(0.01)
            optimizer.step()
    optimizer.step()  # no longer counted
    assert len(watch.seconds()) == 2 and all(0.01 <= seconds < 1 for seconds in watch.seconds())


def test_a_folder_that_is_not_nanogpt(tmp_path):
    with pytest.raises(LabError, match=r"no train.py, model.py, configurator.py. --nanogpt"):
        nanogpt_folder(tmp_path)
