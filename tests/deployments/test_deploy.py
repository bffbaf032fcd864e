"""Deploys to a real cluster: a good config is kept, one that is not well is taken back while the service goes on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anyio.to_thread
import httpx
import pytest
import yaml
from typer.testing import CliRunner, Result

from app.client.client import Kinoray
from cluster.deploy import app
from cluster.gate import Place
from cluster.local import LocalService
from cluster.rollout import Exit, former

pytestmark = [pytest.mark.anyio, pytest.mark.cluster]


@pytest.fixture
def place(service: LocalService) -> Place:
    assert service.dashboard_url is not None
    return Place(service.dashboard_url, service.url)


@pytest.fixture
def backups(tmp_path: Path) -> Path:
    return tmp_path / "backups"


async def serving(place: Place) -> dict[str, Any]:
    """The config that serves now."""
    found = former(await place.details())
    assert found is not None
    return found


async def deploy(service: LocalService, place: Place, config: dict[str, Any], backups: Path, *more: str) -> Result:
    """What an operator types."""
    path = backups.with_name("wanted.yaml")
    path.write_text(yaml.safe_dump(config))
    assert service.redis is not None
    where = ["--address", place.dashboard, "--url", place.url, "--redis-url", service.redis.url]
    words = ["apply", str(path), *where, "--folder", str(backups), *more]
    return await anyio.to_thread.run_sync(lambda: CliRunner().invoke(app, words))


def part(config: dict[str, Any], name: str) -> dict[str, Any]:
    (row,) = [row for row in config["applications"][0]["deployments"] if row["name"] == name]
    found: dict[str, Any] = row
    return found


async def test_a_good_config_is_deployed_and_the_former_one_and_the_jobs_are_kept(
    service: LocalService, client: Kinoray, place: Place, backups: Path
) -> None:
    before = await serving(place)
    await client.wait((await client.create("a green box before the deploy", tier="preview")).id)
    wanted = yaml.safe_load(yaml.safe_dump(before))
    part(wanted, "Finisher")["max_ongoing_requests"] = 9
    ended = await deploy(service, place, wanted, backups, "--timeout-s", "120")
    assert ended.exit_code == Exit.DEPLOYED, ended.output
    assert part(await serving(place), "Finisher")["max_ongoing_requests"] == 9
    (kept,) = backups.iterdir()
    assert yaml.safe_load((kept / "serve_config.yaml").read_text()) == before
    assert (kept / "redis.jsonl.zst").stat().st_size > 100


async def test_a_config_that_is_not_well_is_taken_back(service: LocalService, place: Place, backups: Path) -> None:
    before = await serving(place)
    wanted = yaml.safe_load(yaml.safe_dump(before))
    part(wanted, "Finisher")["ray_actor_options"] = {"num_cpus": 4000}  # no node of the cluster has so many
    ended = await deploy(service, place, wanted, backups, "--timeout-s", "20")
    assert ended.exit_code == Exit.ROLLED_BACK, ended.output
    assert await serving(place) == before
    async with httpx.AsyncClient() as http:
        assert (await http.get(f"{place.url}/health")).status_code == 200


async def test_a_config_that_cannot_be_built_is_taken_back_without_waiting(
    service: LocalService, place: Place, backups: Path
) -> None:
    before = await serving(place)
    wanted = yaml.safe_load(yaml.safe_dump(before))
    wanted["applications"][0]["import_path"] = "deployments.nowhere:build"
    ended = await deploy(service, place, wanted, backups, "--timeout-s", "120")
    assert ended.exit_code == Exit.ROLLED_BACK, ended.output
    assert "deployments.nowhere" in ended.output
    assert await serving(place) == before


async def test_nothing_is_changed_without_a_backup(service: LocalService, place: Place, backups: Path) -> None:
    before = await place.details()
    ended = await deploy(service, place, await serving(place), backups, "--redis-url", "redis://127.0.0.1:1")
    assert ended.exit_code == Exit.REFUSED
    assert "Nothing was changed" in ended.output
    assert (await place.details())["applications"]["kinoray"]["last_deployed_time_s"] == (
        before["applications"]["kinoray"]["last_deployed_time_s"]
    )
