"""quality: the documents that pass Gopher's, C4's and FineWeb's filters."""

from lab.curate.quality import stage as quality
from lab.params_yaml import Params
from stages import DATA, run


def main(params: Params) -> dict:
    return quality.run(DATA / "language", DATA / "quality", params.quality, params.engine)


if __name__ == "__main__":
    run("quality", main)
