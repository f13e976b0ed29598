"""language: documents in the languages wanted."""

from lab.curate.language import stage as language
from lab.params_yaml import Params
from stages import DATA, run


def main(params: Params) -> dict:
    return language.filter_documents(DATA / "extract", DATA / "language", params.language, params.engine).as_dict()


if __name__ == "__main__":
    run("language", main)
