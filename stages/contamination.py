"""contamination: which evaluation items stand in the train split, and the scores without them."""

from lab.evaluate.contamination import run as measure
from lab.params import Params
from stages import DATA, run


def main(params: Params) -> dict:
    sources = (DATA / name for name in ("dataset", "evaluate"))
    return measure(*sources, DATA / "contamination", params.contamination, params.engine)


if __name__ == "__main__":
    run("contamination", main)
