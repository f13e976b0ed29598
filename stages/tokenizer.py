"""tokenizer: a byte-level BPE, trained on the train split or taken by name."""

from lab.params import Params
from lab.tokens import tokenizer
from stages import DATA, run


def main(params: Params) -> dict:
    return tokenizer.run(DATA / "dataset", DATA / "tokenizer", params.tokenizer, params.engine)


if __name__ == "__main__":
    run("tokenizer", main)
