"""pii: the documents with stand-ins for addresses and numbers of persons."""

from lab.curate import pii
from lab.params_yaml import Params
from stages import DATA, run


def main(params: Params) -> dict:
    return pii.scrub_documents(DATA / "dedup", DATA / "pii", params.pii, params.engine).as_dict()


if __name__ == "__main__":
    run("pii", main)
