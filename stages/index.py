"""index: one row for each response record of the crawl's WARC files."""

from lab.crawl import index
from lab.params import Params
from stages import DATA, run


def main(params: Params) -> dict:
    return index.run(DATA / "crawl", DATA / "index", params.index, params.engine)


if __name__ == "__main__":
    run("index", main)
