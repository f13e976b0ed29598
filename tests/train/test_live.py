"""If these fail, a user who watches a run sees nothing, or figures of something else."""

import io

import pytest
from rich.console import Console

from lab.tracking import Measured, Sizes
from lab.train import live
from lab.train.optim import Budget
from tests.train.conftest import params
from tests.train.test_run import run

SIZES = Sizes(flops_per_token=1e6, peak=4e9, bytes_per_token=4.0)


def text(panel: live.Panel) -> str:
    screen = Console(file=io.StringIO(), width=100)
    screen.print(panel.draw())
    return screen.file.getvalue()


def test_the_table_has_every_figure_and_keeps_the_last_validation(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(live.time, "monotonic", lambda: now[0])
    panel = live.Panel(Budget(400, None), SIZES, first=10)
    assert "first step" in text(panel)
    panel.show(Measured(11, 11_264, 5.0, 1e-3, 2.0, 4.5, tokens_per_second=900.0), 1.0)
    now[0] = 120.0
    panel.show(Measured(20, 20_480, 4.0, 2e-3, 0.5, None, tokens_per_second=1000.0), 11.0)
    shown = text(panel)
    for figure in ("20 of 400", "20,480", "4.000", "█▁", "4.500", "1.623", "2.00e-03", "0.50", "1,000", "25.0 %"):
        assert figure in shown, (figure, shown)
    assert "0:12:40" in shown  # 380 steps of two seconds


def test_a_budget_of_seconds_counts_down():
    panel = live.Panel(Budget(None, 90.0), SIZES)
    panel.show(Measured(3, 300, 4.0, 1e-3, 0.5), 25.0)
    assert "0:01:05" in text(panel) and " of " not in text(panel)


def test_a_long_run_s_loss_fits_into_a_line_from_its_beginning():
    history = live.History()
    for step in range(10_001):
        history.add(10_000.0 - step)
    assert live.MOST_SPARKS / 2 <= len(history.means) < live.MOST_SPARKS
    assert history.means == sorted(history.means, reverse=True) and history.means[0] > 9_800
    line = live.sparkline(history.means)
    assert line[0] == "█" and line[-1] == "▁" and len(set(line)) == 8
    assert live.sparkline([]) == "" and live.sparkline([2.0, 2.0]) == "▁▁"


@pytest.mark.parametrize("terminal", [True, False])
def test_a_run_shows_itself(project, monkeypatch, capfd, terminal):
    screen = Console(file=io.StringIO(), width=100, force_terminal=terminal)
    monkeypatch.setattr(live, "console", screen)
    run(params(budget="1024 tokens"))
    shown = screen.file.getvalue()
    assert ("gradient norm" in shown and "2 of 2" in shown) is terminal
    assert "train: 2 steps, 1,024 tokens" in capfd.readouterr().err + shown
