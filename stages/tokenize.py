"""tokenize: the dataset as shards of tokens."""

from lab.params import Params
from lab.tokens import tokenize
from stages import DATA, run


def main(params: Params) -> dict:
    return tokenize.run(DATA / "dataset", DATA / "tokenizer", DATA / "tokenize", params.tokenize, params.engine)


if __name__ == "__main__":
    run("tokenize", main)
