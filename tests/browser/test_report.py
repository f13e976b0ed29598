"""If these fail, the report looks whole in its source but does not work in a browser."""

import os
import re
import shutil
import signal
import subprocess

import pytest

from lab.params_yaml import Params
from lab.report.run import page
from tests.report.fake_run import write_run

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    root = tmp_path_factory.mktemp("report")
    data, reports = write_run(root)
    page.write(reports / "index.html", data, reports, Params(), root)
    return reports / "index.html"


@pytest.fixture
def visit(tmp_path):
    """Opens a file in headless Chromium and returns the document as its scripts left it, and what it logged."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        pytest.skip(f"no browser here ({', '.join(BROWSERS)})")

    def open_page(path, hash_="", *options):
        command = [browser, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}"]
        command += ["--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"]
        command += ["--enable-logging=stderr", "--virtual-time-budget=2000", "--window-size=400,800", *options]
        process = subprocess.Popen(
            [*command, "--dump-dom", f"{path.as_uri()}{hash_}"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        try:
            document, log = process.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            pytest.fail("the browser did not answer")
        return document, [line for line in log.splitlines() if "CONSOLE" in line]

    return open_page


def panel(document: str, stage: str) -> str:
    """The opening tag of a stage's panel."""
    return re.search(rf'<div[^>]*id="examples-{stage}"[^>]*>', document)[0]


def shown_cards(document: str, stage: str) -> list[str]:
    """The verdicts of a stage's cards that are not hidden."""
    inside = document[document.index(panel(document, stage)) :].split('role="tabpanel"', 2)[1]
    cards = re.findall(r"<article[^>]*>", inside)
    return [re.search(r'data-verdict="([^"]*)"', card)[1] for card in cards if " hidden" not in card]


def test_the_page_runs_without_errors(report, visit):
    document, console = visit(report)
    assert console == []
    assert 'data-ready="yes"' in document
    assert all(f'<section class="part" id="{name}"' in document for name in page.CONTENTS)
    assert "<title>A pretraining run" in document  # the hostile page did not change it
    assert " hidden" not in panel(document, "index") and " hidden" in panel(document, "quality")


def test_an_address_opens_a_stage_and_a_reason(report, visit):
    document, console = visit(report, "#examples/quality/top_2_gram")
    assert console == []
    assert " hidden" not in panel(document, "quality") and " hidden" in panel(document, "index")
    assert shown_cards(document, "quality") == ["top_2_gram"] * 6


def test_a_stage_opens_with_one_example_of_each_verdict(report, visit):
    document, _ = visit(report, "#examples/quality")
    assert shown_cards(document, "quality") == ["kept", "top_2_gram", "curly_bracket"]


def test_nothing_is_wider_than_a_phone(report, visit, tmp_path):
    """Measured by the browser itself: a copy of the page whose script also notes the document's width."""
    html = report.read_text("utf-8")
    note = "document.documentElement.dataset.wide = document.documentElement.scrollWidth + ' of ' + innerWidth;"
    copy = tmp_path / "measured.html"
    copy.write_text(
        re.sub(r'<meta http-equiv="Content-Security.*?>', "", html).replace("</script>", note + "</script>")
    )
    document, _ = visit(copy)
    wide, screen = re.search(r'data-wide="(\d+) of (\d+)"', document).groups()
    assert int(wide) <= int(screen)


def test_an_injected_script_would_be_refused_and_noticed(report, visit, tmp_path):
    """The content security policy is the second lock behind escaping; and these tests do see errors."""
    copy = tmp_path / "injected.html"
    injected = "<script>document.title = 'taken over'</script></body>"
    copy.write_text(report.read_text("utf-8").replace("</body>", injected))
    document, console = visit(copy)
    assert "taken over</title>" not in document
    assert any("Content Security Policy" in line for line in console)
