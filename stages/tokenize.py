"""tokenize: the dataset as shards of tokens."""

from lab.params_yaml import Params
from lab.tokens import shards
from stages import DATA, run


def main(params: Params) -> dict:
    return shards.tokenize(DATA / "dataset", DATA / "tokenizer", DATA / "tokenize", params.tokenize, params.engine)


if __name__ == "__main__":
    run("tokenize", main)
