"""extract: the main text of the pages that are left."""

from lab.curate.extract import stage as extract
from lab.params_yaml import Params
from stages import DATA, run


def main(params: Params) -> dict:
    return extract.extract_index(DATA / "url_filter", DATA / "extract", params.extract, params.engine).as_dict()


if __name__ == "__main__":
    run("extract", main)
