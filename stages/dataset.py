"""dataset: the train and validation splits, with their card."""

from lab.curate.dataset import stage as dataset
from lab.params_yaml import Params
from stages import DATA, run


def main(params: Params) -> dict:
    return dataset.make(DATA / "pii", DATA / "dataset", params.dataset, params.engine)


if __name__ == "__main__":
    run("dataset", main)
