"""dedup: one document of each group that says the same."""

from lab.curate.dedup import stage as dedup
from lab.params_yaml import Params
from stages import DATA, run


def main(params: Params) -> dict:
    return dedup.deduplicate(DATA / "quality", DATA / "dedup", params.dedup, params.engine)


if __name__ == "__main__":
    run("dedup", main)
