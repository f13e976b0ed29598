"""If these fail, an ablation that is tracked online shows nothing, or something else, in Weights & Biases."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from lab.errors import LabError
from lab.params import TrackingParams
from lab.report.studies import dashboard
from tests.report.test_ablation import results  # noqa: F401  (a fixture)

ONLINE = TrackingParams(mode="online", project="lab", entity="team")
SCORES = {
    "lab_entities": {"acc": 0.4, "acc_stderr": 0.1, "chance": 0.25, "items": 200, "version": 1},
    "lab_bits_town": {"bits_per_byte": 1.5, "bits_per_byte_stderr": None, "chance": None, "items": 50, "version": 1},
}


@pytest.fixture
def scored(results):  # noqa: F811
    runs = [replace(run, reports=run.reports | {"evaluate": {"scores": SCORES}}) for run in results.runs]
    return replace(results, runs=runs)


class Server:
    """What W&B answers: it keeps reports by id, as the client writes them."""

    def __init__(self) -> None:
        self.views: dict[str, dict] = {}

    def __call__(self, api: object, query: str, variables: dict) -> dict:
        if "projectInternalId" in query or "internalId" in query:
            return {"project": {"internalId": "7"}}
        if "upsertView" in query:
            number = variables["id"] or f"Vmlldzo{len(self.views) + 1}"
            project = {"id": "7", "name": variables["projectName"], "entityName": variables["entityName"]}
            self.views[number] = {
                "id": number,
                "name": variables["name"],
                "displayName": variables["displayName"],
                "description": variables["description"],
                "project": project,
                "createdAt": "2024-01-01T00:00:00Z",
                "updatedAt": "2024-01-01T00:00:00Z",
                "spec": variables["spec"],
            }
            return {"upsertView": {"view": self.views[number], "inserted": variables["id"] is None}}
        view = self.views.get(variables.get("reportId"))
        if view is None:
            raise ValueError("no such view")
        return {"view": view}


@pytest.fixture
def server(monkeypatch) -> Server:
    """wandb-workspaces as it is, but for the net."""
    pytest.importorskip("wandb_workspaces", reason="needs the extra `dashboards`")
    import wandb_workspaces.reports.v2.interface as interface

    class Api:
        default_entity = "team"

        def projects(self, entity: str) -> list:
            return []

        def create_project(self, name: str, entity: str) -> None:
            pass

    answers = Server()
    monkeypatch.setattr(interface, "execute_graphql", answers)
    monkeypatch.setattr(interface, "_get_api", Api)
    monkeypatch.setattr(interface, "get_app_url", lambda api: "https://wandb.test")
    return answers


def test_the_report_has_verdict_bars_and_curves_of_the_group_by_variant(scored, server, tmp_path):
    address = dashboard.publish(scored, ONLINE, tmp_path / "dashboard.json")
    assert address.startswith("https://wandb.test/team/lab/reports/")
    (view,) = server.views.values()
    assert view["displayName"] == "Ablation: filters" and view["description"] == "Do <filters> help?"
    text = json.dumps(json.loads(view["spec"]))
    assert "raw: worse on" in text
    for metric in ("scores/lab_entities/acc", "scores/lab_bits_town/bits_per_byte", "validation/loss"):
        assert metric in text
    assert text.count('"groupBy": "variant.value"') == 2 + len(dashboard.CURVES)
    assert text.count('"name": "group"}, "op": "=", "value": "filters"') == 2  # runs of this ablation only


def test_the_same_report_is_updated(scored, server, tmp_path):
    first = dashboard.publish(scored, ONLINE, tmp_path / "dashboard.json")
    assert dashboard.publish(scored, ONLINE, tmp_path / "dashboard.json") == first and len(server.views) == 1
    server.views.clear()  # somebody removed it
    dashboard.publish(scored, ONLINE, tmp_path / "dashboard.json")
    assert len(server.views) == 1


def test_offline_nothing_is_said_or_needed(scored, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "wandb_workspaces", None)
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    kept = tmp_path / "dashboard.json"
    assert dashboard.publish(scored, TrackingParams(), kept) is None
    assert dashboard.publish(scored, TrackingParams(mode="disabled"), kept) is None
    assert not kept.exists()


def test_what_hinders_it_is_said_in_a_line(scored, tmp_path, monkeypatch):
    for name in ("wandb_workspaces", "wandb_workspaces.reports", "wandb_workspaces.reports.v2"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(LabError, match=r"pip install 'pretraining-lab\[dashboards\]'"):
        dashboard.publish(scored, ONLINE, tmp_path / "dashboard.json")


def test_a_refusal_of_the_server_is_said_with_how_to_try_again(scored, server, tmp_path, monkeypatch):
    import wandb_workspaces.reports.v2.interface as interface

    def refuse(*_: object) -> None:
        raise ValueError("permission denied")

    monkeypatch.setattr(interface, "execute_graphql", refuse)
    with pytest.raises(LabError, match=r"permission denied.*lab ablate filters --report"):
        dashboard.publish(scored, ONLINE, Path(tmp_path) / "dashboard.json")
