"""What the report's tests share."""

import pytest

from tests.report.fake_run import write_run


@pytest.fixture
def finished(tmp_path):
    """data/ and reports/ of a whole run."""
    return write_run(tmp_path)
