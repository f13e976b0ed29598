"""What tests share: the optional real data under $LAB_SHARED, and how hypothesis looks for counterexamples.

By default every run tries the same examples, without time limits, so that a submission is judged by its change alone;
HYPOTHESIS_PROFILE=search tries new ones, many more.
"""

import os
import signal
from pathlib import Path

import pytest
from hypothesis import settings

ROOT = Path(__file__).resolve().parents[1]

settings.register_profile("same", derandomize=True, deadline=None)
settings.register_profile("search", max_examples=2000, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real test data; tests that need it are skipped where it is absent."""
    folder = Path(os.environ.get("LAB_SHARED", ROOT.parent / "shared")) / "data"
    if not folder.is_dir():
        pytest.skip(f"no shared test data at {folder} (set LAB_SHARED)")
    return folder


def hear_ctrl_c() -> None:
    """For a child, before its program starts: a shell that runs the tests in the background makes all of them deaf."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
