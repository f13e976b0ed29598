"""Small JSON files, written whole or not at all, and read with errors that say what to do."""

import json
from pathlib import Path
from typing import Any

from lab.errors import InputError


def write_json(path: Path, value: Any) -> None:
    """Write to a temporary name and rename, so that a file that exists is whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    temporary.replace(path)


def read_json(path: Path) -> Any:
    """The value of a JSON file. InputError where it is missing or broken."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path}: no such file. Run `dvc repro` to make it.") from None
    except ValueError as error:
        raise InputError(f"{path}: not JSON ({error}). Remove it and run `dvc repro` to make it again.") from None
