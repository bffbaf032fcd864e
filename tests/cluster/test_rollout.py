"""What a deploy decides: what is refused, what is kept for a rollback, and when a rollout is well."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from ray.serve.schema import ServeDeploySchema

from app.settings.strict_yaml import loaded
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


def test_a_traceback_of_serve_is_told_by_what_was_raised() -> None:
    trace = (
        "It failed 3 times. Error:\nTraceback (most recent call last):\n  File 'x', line 1\nValueError: no such file\n"
    )
    details = told("DEPLOY_FAILED", message=trace)
    assert judge(details, ["kinoray"], {}).why == (
        "kinoray cannot be deployed: It failed 3 times. Error: ValueError: no such file"
    )


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


def shipped() -> dict[str, Any]:
    config: dict[str, Any] = yaml.safe_load(CONFIG.read_text())
    return config


def put(config: dict[str, Any], path: str, key: str, value: object) -> dict[str, Any]:
    """The config with one more key, at a path of names and indices."""
    place: Any = config
    for step in filter(None, path.split(".")):
        place = place[int(step)] if step.isdigit() else place.setdefault(step, {})
    place[key] = value
    return config


ROUTER, DIFFUSER = "applications.0.deployments.0", "applications.0.deployments.5"


@pytest.mark.parametrize(
    ("path", "key", "near"),
    [
        ("", "http_option", "http_options"),
        ("http_options", "keepalive_timeout_s", "keep_alive_timeout_s"),
        ("logging_config", "loglevel", "log_level"),
        ("applications.0", "import_paths", "import_path"),
        ("applications.0", "autoscaling_polcy", "autoscaling_policy"),
        ("applications.0.autoscaling_policy", "policy_fn", "policy_function"),
        (DIFFUSER, "max_ongoing_request", "max_ongoing_requests"),
        (DIFFUSER, "health_check_periods_s", "health_check_period_s"),
        (f"{DIFFUSER}.ray_actor_options", "num_gpu", "num_gpus"),
        (f"{DIFFUSER}.ray_actor_options.runtime_env", "envvars", "env_vars"),
        (f"{DIFFUSER}.ray_actor_options.runtime_env.env_vars", "KINORAY_SLOT", "KINORAY_SLOTS"),
        (f"{ROUTER}.autoscaling_config", "min_replica", "min_replicas"),
        ("applications.0.deployments.2.request_router_config", "request_router_clas", "request_router_class"),
        ("applications.0.args", "max_batches", "max_batch"),
    ],
)
def test_a_slip_anywhere_in_a_config_is_refused_with_what_was_meant(path: str, key: str, near: str) -> None:
    found = problem(put(shipped(), path, key, 1))
    assert found is not None
    assert key in found
    assert near in found


def test_a_row_for_a_deployment_that_there_is_not_is_refused() -> None:
    found = problem(put(shipped(), DIFFUSER, "name", "Difuser"))
    assert found == (
        "applications[0].deployments[5] names a deployment 'Difuser' that there is not. Did you mean 'Diffuser'?"
    )


def test_a_bundle_of_what_no_node_has_is_refused() -> None:
    found = problem(put(shipped(), DIFFUSER, "placement_group_bundles", [{"cpu": 2}]))
    assert "placement_group_bundles[0].cpu is no resource of any node. Did you mean 'CPU'?" in str(found)


@pytest.mark.parametrize(
    ("requests", "slots", "refused"), [(64, 8, False), (24, 8, False), (23, 8, True), (64, 60, True)]
)
def test_a_diffuser_that_would_be_sent_fewer_jobs_than_it_holds_is_refused(
    requests: int, slots: int, refused: bool
) -> None:
    config = put(put(shipped(), DIFFUSER, "max_ongoing_requests", requests), "applications.0", "args", {"slots": slots})
    assert ("is too few" in str(problem(config))) is refused


@pytest.mark.parametrize(
    "name",
    [
        "serve_config.yaml",
        "serve_config.cluster.yaml",
        "cluster/serve_config.gpu.yaml",
        "cluster/kuberay/base/rayservice.yaml",
    ],
)
def test_all_shipped_configs_have_keys_that_somebody_reads(name: str) -> None:
    config = loaded((CONFIG.parent / name).read_text())
    assert problem(yaml.safe_load(config["spec"]["serveConfigV2"]) if "spec" in config else config) is None
