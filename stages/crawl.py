"""crawl: a manifest of WARC files; the source `sample` makes its own."""

from importlib import import_module

from lab.params_yaml import Params
from stages import DATA, run


def main(params: Params) -> dict:
    source = import_module(f"lab.crawl.{params.crawl.source}")
    return source.crawl(DATA / "crawl", params.crawl, params.engine)


if __name__ == "__main__":
    run("crawl", main)
