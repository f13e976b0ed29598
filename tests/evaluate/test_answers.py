"""If these fail, the report, a table of answers or a comparison reads another answer than the model gave."""

import json

from lab.evaluate.answers import TABLE_CHARACTERS, TABLE_ROWS, chance_level, item_tables, once, read_answer, task_files


def write(path, rows: list[dict]) -> None:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")


def test_choices_texts_and_likelihoods(tmp_path):
    choice = {
        "doc_id": 3,
        "doc_hash": "x",
        "target": 1,
        "arguments": [["Who has the key?\u2028", " Tom"], ["Who has the key?\u2028", " Anna"]],
        "filtered_resps": [[-1.5, False], [-2.5, True]],
        "acc": 0.0,
    }
    pair = choice | {"arguments": [["", " The cats are."], ["The", " cats is."]], "target": 0, "acc": 1.0}
    text = {
        "doc_id": 0,
        "target": "long " * 500,
        "arguments": [["long " * 500]],
        "filtered_resps": [-30.0],
        "bits_per_byte": [-30.0, 60],
    }
    write(tmp_path / "choice.jsonl", [choice] * (TABLE_ROWS + 50))
    write(tmp_path / "pair.jsonl", [pair])
    write(tmp_path / "text.jsonl", [text])
    (tmp_path / "models" / "gpt2").mkdir(parents=True)
    write(tmp_path / "models" / "gpt2" / "choice.jsonl", [choice])
    tables = item_tables(task_files(tmp_path))
    assert list(tables) == ["choice", "pair", "text"] and len(tables["choice"][1]) == TABLE_ROWS
    columns, rows = tables["choice"]
    assert columns == ["item", "asked", "right", "answered", "acc"]
    assert rows[0] == [3, "Who has the key?\u2028", " Anna", " Tom", 0.0]
    assert tables["pair"][1] == [[3, "", " The cats are.", " The cats are.", 1.0]]
    (row,) = tables["text"][1]
    assert row[-1] == -0.5 and len(row[2]) == TABLE_CHARACTERS + 1


def test_other_models_answers_are_read_from_the_folder_and_from_dvcs_cache_alike(tmp_path):
    for name in ("a.jsonl", "models/some--other/a.jsonl", "models/some--other/b.jsonl", "steps/10/a.jsonl"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    cached = {path.relative_to(tmp_path).as_posix(): path for path in tmp_path.rglob("*.jsonl")}
    for output in (tmp_path, cached):
        assert task_files(output) == {"a": tmp_path / "a.jsonl"}
        assert list(task_files(output, "some/other")) == ["a", "b"]
    assert task_files(tmp_path / "nowhere") == {}


def test_choices_asked_for_twice_count_once():
    """Mutual information asks for each choice with and without its context: the second time is no choice."""
    row = {
        "target": "1",
        "arguments": [["Q:", " a"], ["Q:", " b"], ["", "a"], ["", "b"]],
        "filtered_resps": [[-3.0, False], [-2.0, False], [-1.0, False], [-4.0, False]],
        "acc": 1.0,
        "acc_mutual_info": 1.0,
    }
    answer = read_answer(row)
    assert (answer.context, answer.choices) == ("Q:", [" a", " b"])
    assert (answer.right, answer.chosen, answer.likelihoods) == (1, 1, [-3.0, -2.0])
    assert chance_level([row]) == 0.5


def test_an_item_with_several_filters_is_read_once():
    rows = [{"doc_id": n, "filter": name} for n in range(2) for name in ("strict", "flexible")]
    assert [row["doc_id"] for row in once(rows)] == [0, 1] and once([]) == []
