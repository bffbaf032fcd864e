"""What a deploy decides: what is refused, what is kept for a rollback, and when a rollout is well."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from ray.serve.schema import ServeDeploySchema

from cluster.local import CONFIG
from cluster.rollout import Verdict, deployed_at, former, judge, problem

NAMES = ("Router", "Diffuser")


def told(status: str = "RUNNING", at: float = 2.0, message: str = "", **parts: str) -> dict[str, Any]:
    """What Serve tells of an application with such deployments."""
    rows = {name: {"status": parts.get(name, "HEALTHY"), "message": f"{name} says"} for name in NAMES}
    row = {"status": status, "message": message, "last_deployed_time_s": at, "deployments": rows}
    return {"applications": {"kinoray": row}}


def verdict(details: dict[str, Any]) -> Verdict:
    return judge(details, ["kinoray"], {"kinoray": 1.0}).verdict


def test_the_shipped_config_may_be_deployed() -> None:
    assert problem(yaml.safe_load(CONFIG.read_text())) is None


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"applications": []}, "names no application"),
        ({"applications": [{"name": "kinoray"}]}, "import_path"),
        ({"applications": [{"import_path": "deployments.build:build", "args": {"max_batch": 0}}]}, "max_batch"),
        ({"applications": [{"import_path": "deployments.build:build", "args": {"no_such": 1}}]}, "no_such"),
        ({"applications": "kinoray"}, "applications"),
        ({"no_such_key": 1, "applications": []}, "no_such_key|names no application"),
    ],
)
def test_a_wrong_config_is_refused_before_anything_is_changed(wrong: dict[str, Any], why: str) -> None:
    found = problem(wrong)
    assert found is not None
    assert any(each in found for each in why.split("|"))


def test_a_rollout_is_well_when_all_of_it_is_new_and_healthy() -> None:
    assert verdict(told()) is Verdict.WELL


@pytest.mark.parametrize(
    "details",
    [
        {"applications": {}},
        told(at=1.0),  # still the former rollout
        told("DEPLOYING"),
        told("UNHEALTHY", Diffuser="UNHEALTHY"),
        told("RUNNING", Diffuser="UPDATING"),
    ],
)
def test_a_rollout_under_way_is_waited_for(details: dict[str, Any]) -> None:
    assert verdict(details) is Verdict.WAIT


@pytest.mark.parametrize(
    ("details", "why"),
    [
        (told("DEPLOY_FAILED", message="no module"), "no module"),
        (told("DEPLOYING", Diffuser="DEPLOY_FAILED"), "Diffuser says"),
    ],
)
def test_a_failed_rollout_says_why(details: dict[str, Any], why: str) -> None:
    finding = judge(details, ["kinoray"], {})
    assert finding.verdict is Verdict.FAILED
    assert why in finding.why


def test_a_failure_of_the_former_rollout_is_not_taken_for_the_new_one() -> None:
    assert verdict(told("DEPLOY_FAILED", at=1.0)) is Verdict.WAIT


def test_the_former_config_is_one_that_can_be_deployed_again() -> None:
    application = {"name": "kinoray", "import_path": "deployments.build:build", "args": {"max_batch": 2}}
    http = {"host": "0.0.0.0", "port": 9000, "root_url": None, "unknown": 1}
    details = {
        "proxy_location": "HeadOnly",
        "http_options": http,
        "applications": {"kinoray": {"deployed_app_config": application, "last_deployed_time_s": 5}},
    }
    found = former(details)
    assert found == {
        "applications": [application],
        "proxy_location": "HeadOnly",
        "http_options": {"host": "0.0.0.0", "port": 9000},
    }
    ServeDeploySchema(**found)
    assert deployed_at(details) == {"kinoray": 5.0}


def test_an_empty_cluster_has_no_former_config() -> None:
    assert former({"applications": {}}) is None
    assert former({"applications": {"x": {"deployed_app_config": None}}}) is None
