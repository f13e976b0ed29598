"""If these fail, a failed experiment shows DVC's general words instead of the line that says what to do."""

import pytest

from lab.experiments.workspace import error_line, logged_stages

LOG = """Reproducing experiment 'a-b-s1'
Stage 'crawl' is cached - skipping run, checking out outputs
Updating lock file 'dvc.lock'

Stage 'index' didn't change, skipping
Running stage 'quality':
> python -m stages quality
quality: 1/2
"""


def test_log_tells_the_stage_and_what_is_made():
    assert logged_stages(LOG) == (["crawl", "index"], "quality")
    assert logged_stages("") == ([], "")
    assert logged_stages(LOG.split("Running")[0]) == (["crawl", "index"], "index")


@pytest.mark.parametrize(
    ("more", "line"),
    [
        ("error: quality: nothing is left\nERROR: failed to reproduce 'quality': x\n", "quality: nothing is left"),
        ("Traceback (most recent call last):\n  File\nValueError: no\nERROR: failed to reproduce\n", "ValueError: no"),
        ("ERROR: failed to reproduce 'quality': exited with -9\n", "failed to reproduce 'quality': exited with -9"),
        ("ERROR: unexpected error\nERROR: failed to reproduce 'quality'\n", "unexpected error"),
        ("", "quality: 1/2"),
    ],
)
def test_error_line_is_the_one_that_helps(more, line):
    assert error_line(LOG + more) == line


def test_an_empty_log_has_a_message():
    assert error_line("") == "it ended without a message"
