"""Rows of pools that a config does not lay out: a model of one's own is served with the shipped file as it is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.models.pool_names import deployments_of
from app.settings import Settings
from cluster.local import CONFIG, load_config
from cluster.pool_rows import with_rows
from cluster.rollout import problem
from deployments.build import build

SHAPES = {"id": "kinoray-shapes", "family": "embedded", "source": "embedded"}
WAN = {"id": "wan", "family": "wan2.1-t2v-1.3b", "source": "a/b"}
LTX = {"id": "ltx", "family": "ltx-video", "source": "a/b"}
FILES = ("serve_config.yaml", "cluster/serve_config.gpu.yaml")


def shipped(*models: dict[str, Any], file: str = FILES[0], **more: Any) -> dict[str, Any]:
    """A config that ships, with models of one's own."""
    config: dict[str, Any] = yaml.safe_load((CONFIG.parent / file).read_text())
    config["applications"][0]["args"] = {"models": list(models), **more}
    return config


def rows(config: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in config["applications"][0]["deployments"]}


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize(
    ("models", "wanted"),
    [
        ([WAN], {"Diffuser"}),
        ([{**WAN, "pool": "own"}], {"Diffuser-own"}),
        ([SHAPES], {"Diffuser"}),
        ([SHAPES, WAN], {"Diffuser", "Diffuser-wan"}),
        ([WAN, LTX], {"Diffuser-wan", "Diffuser-ltx"}),
        ([WAN, {**LTX, "pool": "main"}], {"Diffuser-wan", "Diffuser"}),
        ([{**WAN, "tiers": {"preview": {"pool": "draft"}}}], {"Diffuser", "Diffuser-draft"}),
    ],
)
def test_a_shipped_config_serves_any_models_that_are_put_into_it(
    models: list[dict[str, Any]], wanted: set[str], file: str
) -> None:
    config = with_rows(shipped(*models, file=file), from_environment=False)
    assert problem(config) is None
    found = {name: row for name, row in rows(config).items() if name.startswith("Diffuser")}
    assert set(found) == wanted
    pattern = {key: value for key, value in rows(shipped(file=file))["Diffuser"].items() if key != "name"}
    assert all({**row, "name": ""} == {**pattern, "name": ""} for row in found.values())


def test_models_of_the_environment_are_served_by_the_shipped_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KINORAY_MODELS", json.dumps([WAN, LTX]))
    found = {name for name in rows(load_config(CONFIG, Settings())) if name.startswith("Diffuser")}
    assert found == {"Diffuser-wan", "Diffuser-ltx"}


def test_a_row_that_is_there_stays_as_it_is_and_those_that_are_not_follow_the_first() -> None:
    config = shipped(SHAPES, WAN, LTX)
    config["applications"][0]["deployments"].append({"name": "Diffuser-wan", "ray_actor_options": {"num_gpus": 1}})
    found = rows(with_rows(config, from_environment=False))
    assert found["Diffuser-wan"] == {"name": "Diffuser-wan", "ray_actor_options": {"num_gpus": 1}}
    assert found["Diffuser-ltx"]["graceful_shutdown_timeout_s"] == 600


def test_a_shared_encoder_is_laid_out_as_the_row_of_encoders_says() -> None:
    config = shipped(SHAPES, {**WAN, "text_encoder": "shared"})
    config["applications"][0]["deployments"].append({"name": "TextEncoder", "ray_actor_options": {"num_gpus": 0.25}})
    config = with_rows(config, from_environment=False)
    assert problem(config) is None
    assert rows(config)["TextEncoder-wan"]["ray_actor_options"] == {"num_gpus": 0.25}
    assert "TextEncoder" not in rows(config)


def test_where_nodes_name_the_models_a_clusters_config_is_left_alone() -> None:
    config = yaml.safe_load(CONFIG.read_text())
    assert with_rows(config, from_environment=False) == config


def test_a_row_of_a_pool_that_there_is_not_is_refused_with_those_that_there_are() -> None:
    config = shipped(WAN)
    config["applications"][0]["deployments"].append({"name": "Diffuser-wan"})
    assert problem(with_rows(config, from_environment=False)) == (
        "applications[0].deployments[6] names a deployment 'Diffuser-wan' that there is not. The models' pools are "
        "served by Diffuser; an entry's `pool` names its pool."
    )


@pytest.mark.parametrize("text_encoder", ["replica", "shared"])
def test_the_deployments_that_are_built_are_those_that_have_rows(tmp_path: Path, text_encoder: str) -> None:
    from tests.engine.families.saved import save_t2v  # who needs it waits for diffusers

    save_t2v(tmp_path)
    for models in ([local(tmp_path)], [local(tmp_path), {**local(tmp_path), "id": "two"}]):
        settings = Settings(models=models, text_encoder=text_encoder, redis_url="redis://127.0.0.1:1")
        router = build(settings)._bound_deployment
        diffusers = router.init_args[4]._bound_deployment.init_args[1]
        bound = [each._bound_deployment for each in diffusers.values()]
        encoders = [part.init_args[7]._bound_deployment for part in bound if part.init_args[7] is not None]
        assert {part.name for part in (*bound, *encoders)} == deployments_of(settings)


def local(folder: Path) -> dict[str, Any]:
    return {**WAN, "source": str(folder)}
