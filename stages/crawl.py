"""crawl: a manifest of WARC files; the source `sample` makes its own."""

from importlib import import_module

from lab.params import Params
from stages import DATA, run


def main(params: Params) -> dict:
    name = params.crawl.source
    source = import_module("lab.sample.crawl" if name == "sample" else f"lab.crawl.{name}")
    return source.crawl(DATA / "crawl", params.crawl, params.engine)


if __name__ == "__main__":
    run("crawl", main)
