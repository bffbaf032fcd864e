"""The files that bring Kinoray to machines are such as Docker, Compose, KubeRay and Ray take, and fit the code."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import ray
import yaml
from compose_spec import PyCompose
from ray.serve.schema import ServeDeploySchema

from app.settings import Settings
from cluster.local import CONFIG
from deployments.build import build

ROOT = Path(__file__).resolve().parents[2]
CLUSTER = ROOT / "cluster"
COMPOSE = ("compose.yaml", "compose.gpu.yaml", "compose.sentinel.yaml")
GPU_CONFIG = CLUSTER / "serve_config.gpu.yaml"
GIVEN = {"REDIS_PASSWORD": "secret", "RAY_AUTH_TOKEN": "token", "GRAFANA_PASSWORD": "secret"}


def compose(name: str) -> dict[str, Any]:
    """A compose file with its variables filled in."""

    def value(found: re.Match[str]) -> str:
        variable, default = re.fullmatch(r"(\w+)(?::?[-?](.*))?", found[1]).groups()  # type: ignore[union-attr]
        return GIVEN.get(variable, default or "")

    text = re.sub(r"(?<!\$)\$\{([^}]*)\}", value, (CLUSTER / name).read_text())
    filled: dict[str, Any] = yaml.safe_load(text)
    return filled


def documents(name: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((CLUSTER / "kuberay" / "base" / name).read_text()))


def rayservice() -> dict[str, Any]:
    (found,) = documents("rayservice.yaml")
    return found


def serve() -> dict[str, Any]:
    config: dict[str, Any] = yaml.safe_load(rayservice()["spec"]["serveConfigV2"])
    return config


def groups() -> dict[str, dict[str, Any]]:
    """The pod templates by group."""
    spec = rayservice()["spec"]["rayClusterConfig"]
    named = {group["groupName"]: group["template"] for group in spec["workerGroupSpecs"]}
    return {"head": spec["headGroupSpec"]["template"], **named}


def built() -> set[str]:
    """The names of the deployments that the builder binds."""
    seen: dict[int, str] = {}

    def walk(node: Any) -> None:
        bound = getattr(node, "_bound_deployment", None)
        if bound is None:
            for each in node.values() if isinstance(node, dict) else node if isinstance(node, list | tuple) else ():
                walk(each)
        elif id(bound) not in seen:
            seen[id(bound)] = bound.name
            walk([*bound.init_args, *bound.init_kwargs.values()])

    walk(build(Settings(redis_url="redis://127.0.0.1:1")))
    return set(seen.values())


def test_the_image_has_nothing_to_complain_of() -> None:
    linter = Path(sys.executable).parent / "hadolint"
    found = subprocess.run([linter, CLUSTER / "Dockerfile"], capture_output=True, text=True, check=False)
    assert (found.returncode, found.stdout) == (0, "")


def test_the_image_is_of_pinned_packages_and_not_roots() -> None:
    text = (CLUSTER / "Dockerfile").read_text()
    assert set(re.findall(r"^FROM .* AS (\w+)$", text, flags=re.M)) >= {"cpu", "gpu"}
    assert re.findall(r"^USER (.*)$", text, flags=re.M) == ["1000:1000"]
    installs = re.findall(r"pip install (.*)", text)
    assert installs
    assert all("-c constraints.txt" in line or "constraints.txt)" in line for line in installs)
    copied = {word for line in re.findall(r"^COPY (?!--from)(.*) \S+$", text, flags=re.M) for word in line.split()}
    assert [name for name in copied if not (ROOT / name).exists()] == []
    kept = set(re.findall(r"^!(\S+)", (ROOT / ".dockerignore").read_text(), flags=re.M))
    assert copied == kept


@pytest.mark.parametrize("name", COMPOSE)
def test_compose_files_are_valid(name: str) -> None:
    PyCompose.from_yaml(yaml.safe_dump(compose(name)))


def test_a_wrong_compose_file_is_noticed() -> None:
    with pytest.raises(ValueError, match="imag"):
        PyCompose.from_yaml("services: {a: {imag: x}}")


@pytest.mark.parametrize("name", COMPOSE)
def test_compose_files_name_settings_files_and_images_that_are_there(name: str) -> None:
    for service, row in compose(name)["services"].items():
        for variable in row.get("environment", {}):
            if variable.startswith("KINORAY_"):
                assert variable.removeprefix("KINORAY_").lower() in Settings.model_fields, (service, variable)
        for volume in row.get("volumes", []):
            source = volume.split(":")[0]
            assert not source.startswith(".") or (CLUSTER / source).exists(), (service, source)
        assert re.search(r":\S*\d|:local", row.get("image", ":local")), (service, row["image"])


def test_the_composed_redis_keeps_jobs() -> None:
    command = " ".join(compose("compose.yaml")["services"]["redis"]["command"])
    assert "--appendonly yes --appendfsync always" in command
    assert "--maxmemory-policy noeviction" in command


def test_only_the_service_is_open_to_other_machines() -> None:
    services = compose("compose.yaml")["services"]
    ports = [port for row in services.values() for port in row.get("ports", [])]
    assert [port for port in ports if not port.startswith("127.0.0.1:")] == ["8000:8000"]


@pytest.mark.parametrize(
    "config",
    [CONFIG.read_text(), GPU_CONFIG.read_text(), yaml.safe_dump(serve())],
    ids=["serve_config", "serve_config.gpu", "rayservice"],
)
def test_serve_configs_are_valid_and_name_what_is_built(config: str) -> None:
    (application,) = ServeDeploySchema(**yaml.safe_load(config)).applications
    assert {row.name for row in application.deployments} == built()
    Settings(**application.args)


def test_the_rayservice_differs_from_the_shipped_config_only_where_machines_do() -> None:
    shipped = {row["name"]: row for row in yaml.safe_load(CONFIG.read_text())["applications"][0]["deployments"]}
    for row in serve()["applications"][0]["deployments"]:
        theirs, ours = dict(row), dict(shipped[row["name"]])
        for machine in ("ray_actor_options", "autoscaling_config"):
            theirs.pop(machine, None)
            ours.pop(machine, None)
        assert theirs == ours


def test_with_gpus_each_replica_has_one_of_its_own_and_all_else_is_as_shipped() -> None:
    ours, shipped = (yaml.safe_load(path.read_text()) for path in (GPU_CONFIG, CONFIG))
    (diffuser,) = (row for row in ours["applications"][0]["deployments"] if row["name"] == "Diffuser")
    assert diffuser["ray_actor_options"].pop("num_gpus") == 1
    assert ours == shipped
    service = compose("compose.gpu.yaml")["services"]["kinoray"]
    (mounted,) = service["volumes"]
    theirs = [each.split(":")[1] for each in compose("compose.yaml")["services"]["kinoray"]["volumes"]]
    assert mounted.split(":")[0] == "./serve_config.gpu.yaml"
    assert mounted.split(":")[1] in theirs  # in the place of the one without GPUs


@pytest.mark.parametrize("name", COMPOSE)
def test_every_composed_service_has_a_limit_of_memory_and_comes_back(name: str) -> None:
    for service, row in compose(name)["services"].items():
        known = compose("compose.yaml")["services"].get(service, {}) | row
        assert re.fullmatch(r"\d+[mg]b", known["mem_limit"]), service
        assert known["restart"] == "unless-stopped", service


def test_redis_may_have_more_memory_than_it_fills() -> None:
    row = compose("compose.yaml")["services"]["redis"]
    limit, filled = (int(text.removesuffix("gb")) for text in (row["mem_limit"], row["command"][6]))
    assert limit >= 2 * filled


def test_pods_wait_for_the_jobs_of_what_they_run() -> None:
    rows = {row["name"]: row for row in serve()["applications"][0]["deployments"]}
    for group, deployment in (("gpu", "Diffuser"), ("cpu", "Finisher")):
        patience = groups()[group]["spec"]["terminationGracePeriodSeconds"]
        assert patience > rows[deployment]["graceful_shutdown_timeout_s"]
    assert rayservice()["spec"]["rayClusterDeletionDelaySeconds"] >= Settings().job_timeout_s


def test_pods_have_the_image_of_their_group_and_settings_that_exist() -> None:
    for name, template in groups().items():
        (container,) = template["spec"]["containers"]
        assert container["image"].endswith("-gpu" if name == "gpu" else "-cpu")
        names = [row["name"].removeprefix("KINORAY_").lower() for row in container["env"] if "KINORAY" in row["name"]]
        assert set(names) <= set(Settings.model_fields)
        assert not any(
            "password" in str(row.get("value", "")).lower() and "$(" not in row["value"] for row in container["env"]
        )


def test_one_ray_for_all() -> None:
    assert rayservice()["spec"]["rayClusterConfig"]["rayVersion"] == ray.__version__
    assert f"ray=={ray.__version__}" in (ROOT / "constraints.txt").read_text().splitlines()


def test_the_file_for_ray_up_is_valid() -> None:
    schema = json.loads((Path(ray.__file__).parent / "autoscaler" / "ray-schema.json").read_text())
    config = yaml.safe_load((CLUSTER / "ray_up.yaml").read_text())
    jsonschema.validate(config, schema)
    assert config["head_node_type"] in config["available_node_types"]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(config | {"no_such_key": 1}, schema)
