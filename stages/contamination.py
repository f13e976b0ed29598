"""contamination: which evaluation items stand in the train split, and the scores without them."""

from lab.evaluate.contamination import measure
from lab.params_yaml import Params
from stages import DATA, run


def main(params: Params) -> dict:
    out = DATA / "contamination"
    return {"tasks": measure(DATA / "dataset" / "train", DATA / "evaluate", out, params.contamination, params.engine)}


if __name__ == "__main__":
    run("contamination", main)
