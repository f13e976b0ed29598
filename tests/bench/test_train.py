"""If these fail, the benchmark of training compares other work than it says, or times something else."""

import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from bench import own_training, reference_training
from bench.train import Contender, table, tricks_table
from bench.training_peers import nanogpt_folder
from bench.training_work import SETTLING, Result, Stopwatch, Work
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


def test_ours_is_compared_with_the_fastest_of_the_others_as_it_is_and_compiled(work):
    def result(seconds: float) -> Result:
        return Result(1, [seconds], [9.0, 8.0], 0, peak=1.0, flops_per_token=1)

    compiled = replace(work, compiled=True)
    found = {
        Contender(name, one): [result(seconds)]
        for name, one, seconds in [
            ("ours", work, 2.0), ("litgpt", work, 3.0), ("Trainer", work, 4.0),
            ("ours", compiled, 1.0), ("litgpt", compiled, 1.25),
        ]
    }  # fmt: skip
    expected = "Ours is **1.50 times**; compiled all, **1.25 times** as fast as the fastest of the others."
    assert expected in table(found)


@pytest.mark.parametrize("style", ["llama", "gpt2"])
def test_the_types_are_what_they_say_and_learn_the_same(work, style):
    work = replace(work, style=style)
    found = [own_training.run(replace(work, dtype=dtype)).losses for dtype in ("float32", "bfloat16")]
    assert found[0] != found[1] and found[0] == pytest.approx(found[1], abs=0.02)


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
