"""export: the trained model as a Hugging Face folder."""

from lab.model.export import export
from lab.params_yaml import Params
from stages import DATA, run


def main(params: Params) -> dict:
    return export(DATA / "train", DATA / "tokenizer", DATA / "export", params.export)


if __name__ == "__main__":
    run("export", main)
