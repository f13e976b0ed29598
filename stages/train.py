"""train: a transformer on the token shards."""

from lab.params_yaml import Params
from lab.train.run import train
from stages import DATA, REPORTS, run


def main(params: Params) -> dict:
    return train(DATA / "tokenize", DATA / "tokenizer", DATA / "train", REPORTS / "train" / "curve.csv", params)


if __name__ == "__main__":
    run("train", main)
