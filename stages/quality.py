"""quality: the documents that pass Gopher's, C4's and FineWeb's filters."""

from lab.curate.quality import stage as quality
from lab.params import Params
from stages import DATA, run


def main(params: Params) -> dict:
    return quality.filter_documents(DATA / "language", DATA / "quality", params.quality, params.engine).as_dict()


if __name__ == "__main__":
    run("quality", main)
