"""pii: the documents with stand-ins for addresses and numbers of persons."""

from lab.curate import pii
from lab.params import Params
from stages import DATA, run


def main(params: Params) -> dict:
    return pii.run(DATA / "dedup", DATA / "pii", params.pii, params.engine)


if __name__ == "__main__":
    run("pii", main)
