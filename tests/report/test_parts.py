"""If these fail, a part of the report shows other numbers than the stages wrote."""

import json
import shlex
from itertools import pairwise

import numpy as np
import pytest

from lab.documents import Counts
from lab.errors import InputError
from lab.evaluate.scores import higher_is_better
from lab.files import write_json
from lab.params_yaml import Params, load
from lab.pipeline import FILTERING
from lab.report.run import collect, funnel, page, reproduce, scores, tokens


def test_the_funnel_holds_every_document(finished):
    stages = funnel.stages(collect.collect(*finished))
    assert [stage.name for stage in stages] == list(FILTERING)
    for before, after in pairwise(stages):
        assert before.counts.documents_out == after.counts.documents_in
    assert all(s.removed == s.counts.documents_in - s.counts.documents_out for s in stages)


def test_many_reasons_become_few_branches_without_losing_any():
    removed = {f"reason_{i}": i + 1 for i in range(20)}
    stage = funnel.Stage("quality", Counts(300, 300 - sum(removed.values()), removed=removed))
    assert len(stage.branches) == funnel.LABELLED + 1
    assert sum(count for _, count in stage.branches) == stage.removed
    assert stage.branches[0] == ("reason 19", 20)


def test_an_empty_stage_can_be_drawn():
    assert "<svg" in funnel.picture([funnel.Stage("index", Counts())])


def test_counts_are_found_wherever_a_stage_put_them(tmp_path):
    counts = {"documents_in": 3, "documents_out": 2, "removed": {"x": 1}}
    run = collect.Run(tmp_path, tmp_path, {"a": {"counts": counts, "more": 1}, "b": {"other": 1}})
    assert run.counts("a").removed == {"x": 1}
    assert run.counts("b") is None and run.counts("c") is None


def test_the_curve_leaves_blanks_out(finished):
    curve = collect.read_curve(finished[1] / "train" / "curve.csv")
    assert len(curve.loss) == 300 and len(curve.validation_loss) == 6
    assert curve.validation_loss[0][0] == 50 * 8192


def test_token_statistics_are_those_of_the_shards(finished):
    statistics = tokens.read_tokens(finished[0])
    assert statistics.counted == statistics.splits[0].tokens == 393
    assert statistics.used == 2 and statistics.rare == 1
    assert statistics.frequent == [("␣the", 387), ("<|endoftext|>", 6)]
    # Documents of 0, 1, 5, 40, 41 and 300 tokens.
    assert {bar.name: bar.value for bar in statistics.lengths if bar.value} == {
        "0": 1,
        "1": 1,
        "4": 1,
        "32": 2,
        "256": 1,
    }


def test_documents_that_cross_pieces_keep_their_length(finished, monkeypatch):
    whole = tokens.read_tokens(finished[0])
    for piece in (1, 7, 100):
        monkeypatch.setattr(tokens, "PIECE", piece)
        assert tokens.read_tokens(finished[0]) == whole


def test_only_so_many_tokens_are_counted(finished, monkeypatch):
    monkeypatch.setattr(tokens, "MAX_TOKENS", 50)
    statistics = tokens.read_tokens(finished[0])
    assert statistics.counted == 50 and statistics.splits[0].tokens == 393


def test_a_token_outside_the_vocabulary_is_named(finished):
    path = finished[0] / "tokenize" / "train" / "shard-00000.bin"
    np.array([*[1] * 392, 60_000], dtype="<u2").tofile(path)
    with pytest.raises(InputError, match="60000"):
        tokens.read_tokens(finished[0])


def test_other_models_stand_beside_ours_and_the_best_is_marked(finished, tmp_path):
    run = collect.collect(*finished)
    assert scores.models_table(run) is None
    theirs = {"lab_agreement": {"acc": 0.9, "chance": 0.5}, "lab_bits": {"bits_per_byte": 1.4}, "wikitext": {"acc": 1}}
    run.metrics["evaluate"]["models"] = {"gpt2": {"scores": theirs}, "broken": 3}
    table = scores.models_table(run)
    assert table.names == ["ours", "gpt2"]
    best = {row.task: row.best for row in table.rows}
    assert best["lab_agreement"] == [1] and best["lab_bits"] == [0]  # fewer bits are better
    assert best["lab_entities"] == best["wikitext"] == []
    write_json(finished[1] / "evaluate.json", run.metrics["evaluate"])
    page.write(tmp_path / "page.html", *finished, Params(), tmp_path)
    assert ">gpt2</th>" in (tmp_path / "page.html").read_text("utf-8")


def test_scores_above_chance_are_counted_in_standard_errors(finished):
    every = scores.scores_of(collect.collect(*finished))
    best = scores.best_above_chance(every)
    assert [score.task for score in best] == ["lab_continuation", "lab_agreement"]
    assert best[0].above_chance == pytest.approx((0.61 - 0.25) / 0.028)
    entities = next(score for score in every if score.task == "lab_entities")
    assert entities.above_chance is None and higher_is_better(entities.metric)
    bits = next(score for score in every if score.metric == "bits_per_byte")
    assert not higher_is_better(bits.metric) and bits.chance is None


def test_contamination_is_told_with_the_score_that_is_left(finished):
    (row,) = scores.read_overlaps(collect.collect(*finished))
    assert [row[name] for name in ("overlapping", "items", "every", "clean")] == [43, 300, 0.61, 0.5859]


def test_items_show_what_the_model_chose(finished):
    groups = scores.read_questions(finished[0], 2)["lab_continuation"]
    assert len(groups["right"]) == len(groups["wrong"]) == 2
    wrong = groups["wrong"][0]
    assert wrong.prompt == "0: The ferry goes"
    assert [(correct, chosen) for _, _, correct, chosen in wrong.answers] == [
        (True, False),
        (False, False),
        (False, False),
        (False, True),
    ]


@pytest.mark.parametrize("row", [{}, {"acc": None}, {"acc": 1.0}, {"acc": 1.0, "arguments": [["a"]], "resps": "x"}])
def test_odd_items_do_no_harm(row, tmp_path):
    (tmp_path / "evaluate").mkdir()
    (tmp_path / "evaluate" / "task.jsonl").write_text(json.dumps(row) + "\n")
    assert set(scores.read_questions(tmp_path, 3)) <= {"task"}


def test_parameters_that_differ_make_the_command():
    params = Params.model_validate({"language": {"keep": ["de"]}, "train": {"budget": "60 seconds"}})
    values, defaults = params.model_dump(mode="json"), Params().model_dump(mode="json")
    expected = """dvc exp run -S 'language.keep=["de"]' -S 'train.budget="60 seconds"'"""
    assert reproduce.command(values, defaults) == expected
    assert reproduce.command(defaults, defaults) == "dvc repro"


AWKWARD = {
    "quality": {"languages": {"de": {"gopher": {"min_words": 30}}}, "repetition": {"max_top_ngram_share": {"2": 0.2}}},
    "url_filter": {"word_lists": "my lists/a=b (x), it's"},
    "tracking": {"group": "2024", "tags": ["a, b", "c"]},
}


def test_the_command_is_one_that_dvc_takes_and_makes_the_same_parameters(tmp_path):
    from dvc.utils.hydra import apply_overrides

    values = Params.model_validate(AWKWARD).model_dump(mode="json", exclude={"engine"})
    defaults = Params().model_dump(mode="json", exclude={"engine"})
    path = tmp_path / "params.yaml"
    path.write_text(json.dumps(defaults))
    _, _, _, *arguments = shlex.split(reproduce.command(values, defaults))
    apply_overrides(path, [argument for argument in arguments if argument != "-S"])
    assert load(path).model_dump(mode="json", exclude={"engine"}) == values


def test_hashes_follow_the_data(finished):
    data, _ = finished
    before = reproduce.hashes(data)
    (data / "train" / "model.safetensors").write_bytes(b"other weights")
    after = reproduce.hashes(data)
    assert {name for name in before if before[name] != after[name]} == {"model"}
    assert before["dataset, validation"] == "missing"
