"""export: the trained model as a Hugging Face folder."""

from lab.model import export
from lab.params import Params
from stages import DATA, run


def main(params: Params) -> dict:
    return export.run(DATA / "train", DATA / "tokenizer", DATA / "export", params.export, params.engine)


if __name__ == "__main__":
    run("export", main)
