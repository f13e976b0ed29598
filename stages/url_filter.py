"""url_filter: the index less what its URL or headers rule out."""

from lab.curate.urls import stage as urls
from lab.params_yaml import Params
from stages import DATA, run


def main(params: Params) -> dict:
    return urls.filter_index(DATA / "index", DATA / "url_filter", params.url_filter, params.engine).as_dict()


if __name__ == "__main__":
    run("url_filter", main)
