"""nanoGPT and litgpt, which training is measured against, each in a folder of its own under .lab/bench.

In: nothing. Out: the folders. nanoGPT's three files are downloaded at a pinned commit and checked by hash; litgpt is
installed by pip without what it depends on, so that it runs on this environment's torch and Lightning. Neither is ever
a dependency of the lab.
"""

import hashlib
import shutil
import sys
import urllib.error
import urllib.request
from pathlib import Path

from bench.processes import pip_install
from lab.errors import LabError

FOLDER = Path(".lab/bench")
LITGPT = "litgpt==0.5.13"
NANOGPT = "3adf61e154c3fe3fca428ad6bc3818b27a3b8291"  # commit of karpathy/nanoGPT, 2025-11-12
NANOGPT_FILES = {
    "train.py": "413bd97b40bb400a2a0d01230e2946f056c263ebac1b7281c2367d964a123085",
    "model.py": "7c01703240dbec5d554527dc666e35b3df8391d0b117fddc07afcf325a21d11c",
    "configurator.py": "5cc23aca26b4ab3c0d9e5f82740f4781f9444f42718c15abcee70d93c5aabe8f",
}
SECONDS_TO_WAIT = 20


def nanogpt_folder(checkout: Path | None) -> Path:
    """A folder with nanoGPT's files: the given one, or one downloaded. LabError where there is neither."""
    if checkout is not None:
        missing = [name for name in NANOGPT_FILES if not (checkout / name).is_file()]
        if missing:
            raise LabError(f"{checkout}: no {', '.join(missing)}. --nanogpt is a checkout of karpathy/nanoGPT.")
        return checkout.absolute()
    folder = FOLDER / f"nanogpt-{NANOGPT[:12]}"
    for name, expected in NANOGPT_FILES.items():
        path = folder / name
        if path.is_file():
            continue
        url = f"https://raw.githubusercontent.com/karpathy/nanoGPT/{NANOGPT}/{name}"
        try:
            with urllib.request.urlopen(url, timeout=SECONDS_TO_WAIT) as answer:
                content = answer.read()
        except (urllib.error.URLError, OSError) as error:
            raise LabError(f"{url}: {error}. Name a checkout of karpathy/nanoGPT by --nanogpt.") from error
        if hashlib.sha256(content).hexdigest() != expected:
            raise LabError(f"{url}: not the file that the benchmark knows. Name a checkout by --nanogpt.")
        folder.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder.absolute()


def litgpt_folder() -> Path:
    """A folder with the package litgpt, to be put on sys.path. LabError where pip can't get it."""
    folder = FOLDER / LITGPT.replace("==", "-")
    if not folder.is_dir():
        unfinished = folder.with_suffix(".tmp")
        shutil.rmtree(unfinished, ignore_errors=True)
        pip_install(sys.executable, LITGPT, folder, "--no-deps", "--target", unfinished, LITGPT)
        unfinished.rename(folder)
    return folder.absolute()
