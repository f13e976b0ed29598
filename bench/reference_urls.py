"""What datatrove's URL filter decides. Runs in datatrove's own environment, without the lab.

In (argument): a folder with blacklists in UT1's layout; (stdin): URLs, one per line. Out (stdout): the reason for each,
or an empty line if it is kept. The word lists are those in datatrove's package.
"""

import sys
import warnings
from functools import partial
from pathlib import Path

import tldextract

# The package's snapshot of the public suffix list: no download in the middle of a run.
tldextract.TLDExtract = partial(tldextract.TLDExtract, suffix_list_urls=(), cache_dir=None)

from datatrove.data import Document  # noqa: E402
from datatrove.pipeline.filters import URLFilter  # noqa: E402
from datatrove.utils._import_utils import ASSETS_PATH  # noqa: E402


def entries(paths: list[Path]) -> list[str]:
    return [line for path in paths for line in path.read_text("utf-8", "replace").splitlines() if line.strip()]


def main(folder: str) -> None:
    warnings.simplefilter("ignore")
    words = ("banned_words", "soft_banned_words", "banned_subwords")
    urls = URLFilter(
        use_integrated_lists=False,
        extra_domains=entries(sorted(Path(folder).rglob("domains"))),
        extra_urls=entries(sorted(Path(folder).rglob("urls"))),
        **{name: entries([Path(ASSETS_PATH) / f"{name}.txt"]) for name in words},
    )
    for line in sys.stdin.buffer.read().decode("utf-8").splitlines():
        verdict = urls.filter(Document(text="", id="", metadata={"url": line}))
        print("" if verdict is True else verdict[1])


if __name__ == "__main__":
    main(*sys.argv[1:])
