"""index: one row for each response record of the crawl's WARC files."""

from lab.crawl import warc
from lab.params_yaml import Params
from stages import DATA, run


def main(params: Params) -> dict:
    return warc.index(DATA / "crawl", DATA / "index", params.index, params.engine).as_dict()


if __name__ == "__main__":
    run("index", main)
