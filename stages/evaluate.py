"""evaluate: the exported model's scores, by lm-eval."""

from lab.evaluate.run import run as evaluate
from lab.params import Params
from stages import DATA, run


def main(params: Params) -> dict:
    sources = (DATA / name for name in ("export", "train", "dataset"))
    return evaluate(*sources, DATA / "evaluate", params, params.engine)


if __name__ == "__main__":
    run("evaluate", main)
