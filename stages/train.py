"""train: a transformer on the token shards."""

from lab.params import Params
from lab.train import run as training
from stages import DATA, REPORTS, run


def main(params: Params) -> dict:
    return training.run(DATA / "tokenize", DATA / "tokenizer", DATA / "train", params, params.engine, REPORTS)


if __name__ == "__main__":
    run("train", main)
