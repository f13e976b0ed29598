"""If these fail, a table of answers shows another answer than the model gave."""

import json

from lab.evaluate.item_table import MOST_CHARACTERS, MOST_ROWS, item_tables


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
    write(tmp_path / "choice.jsonl", [choice] * (MOST_ROWS + 50))
    write(tmp_path / "pair.jsonl", [pair])
    write(tmp_path / "text.jsonl", [text])
    (tmp_path / "models" / "gpt2").mkdir(parents=True)
    write(tmp_path / "models" / "gpt2" / "choice.jsonl", [choice])
    found = item_tables(tmp_path)
    assert list(found) == ["choice", "pair", "text"] and len(found["choice"].rows) == MOST_ROWS
    assert found["choice"].columns == ["item", "asked", "right", "answered", "acc"]
    assert found["choice"].rows[0] == [3, "Who has the key?\u2028", " Anna", " Tom", 0.0]
    assert found["pair"].rows == [[3, "", " The cats are.", " The cats are.", 1.0]]
    (row,) = found["text"].rows
    assert row[-1] == -0.5 and len(row[2]) == MOST_CHARACTERS + 1
