"""crawl: a manifest of WARC files; the source `sample` makes its own."""

from lab.crawl import source
from lab.params import Params
from stages import DATA, run


def main(params: Params) -> dict:
    return source.run(DATA / "crawl", params.crawl, params.engine)


if __name__ == "__main__":
    run("crawl", main)
