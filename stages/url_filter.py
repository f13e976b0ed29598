"""url_filter: the index without what its URL or headers rule out."""

from lab.curate.urls import stage as urls
from lab.params import Params
from stages import DATA, run


def main(params: Params) -> dict:
    return urls.run(DATA / "index", DATA / "crawl", DATA / "url_filter", params.url_filter, params.engine)


if __name__ == "__main__":
    run("url_filter", main)
