"""extract: the main text of the pages that are left."""

from lab.curate.extract import stage as extract
from lab.params import Params
from stages import DATA, run


def main(params: Params) -> dict:
    return extract.run(DATA / "url_filter", DATA / "crawl", DATA / "extract", params.extract, params.engine)


if __name__ == "__main__":
    run("extract", main)
