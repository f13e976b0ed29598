"""language: documents in the wanted languages."""

from lab.curate.language import stage as language
from lab.params import Params
from stages import DATA, run


def main(params: Params) -> dict:
    return language.run(DATA / "extract", DATA / "language", params.language, params.engine)


if __name__ == "__main__":
    run("language", main)
