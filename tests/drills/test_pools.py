"""A model that passes every check and cannot be loaded: a start of its own ends at once, one beside others is told."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import anyio.to_thread
import httpx
import pytest
import torch
import yaml
from safetensors.torch import save_file
from typer.testing import CliRunner

from app.client.client import Kinoray
from cluster.deploy import app
from cluster.gate import Place
from cluster.local import CONFIG, LocalService
from cluster.rollout import Exit, former
from tests import waiting
from tests.engine.families.saved import save_t2v
from tests.ports import free_port

PATIENCE_S = 150.0  # less than what a start that stands still is given


def broken_entry(folder: Path) -> dict[str, Any]:
    """A sound model with an adapter that can be read, and of which no layer is the model's."""
    save_t2v(folder / "model")
    layers = {f"transformer.nowhere.{side}.weight": torch.ones(4, 4) for side in ("lora_A", "lora_B")}
    save_file(layers, folder / "strange.safetensors")
    adapter = {"source": str(folder / "strange.safetensors")}
    source = str(folder / "model")
    return {
        "id": "words",
        "family": "wan2.1-t2v-1.3b",
        "source": source,
        "sizes": [[32, 16]],
        "loras": {"odd": adapter},
    }


def beside_the_built_in(entry: dict[str, Any], config: dict[str, Any]) -> dict[str, Any]:
    """The config with that model beside the one it has."""
    wanted: dict[str, Any] = yaml.safe_load(yaml.safe_dump(config))
    (application,) = wanted["applications"]
    shapes = {"id": "kinoray-shapes", "family": "embedded", "source": "embedded"}
    application["args"] = {**application["args"], "models": [shapes, entry]}
    application["deployments"].append({"name": "Diffuser-words", "ray_actor_options": {"num_cpus": 0.05}})
    return wanted


def test_serve_ends_with_the_entrys_name_long_before_it_would_have_stood_still(tmp_path: Path) -> None:
    config = tmp_path / "serve.yaml"
    config.write_text(yaml.safe_dump(beside_the_built_in(broken_entry(tmp_path), yaml.safe_load(CONFIG.read_text()))))
    where = ["--port", str(free_port()), "--state-dir", str(tmp_path / "state"), "--config", str(config)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("KINORAY_")}
    began = time.monotonic()
    ended = subprocess.run(
        [sys.executable, "-m", "cluster.local", *where],
        env={**environment, "RAY_AUTH_MODE": "disabled", "COLUMNS": "400"},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    said = ended.stdout + ended.stderr
    assert ended.returncode == 1, said
    assert "words: the LoRA odd" in said
    assert "ready" not in said
    assert "Traceback" not in said
    print(f"ended after {time.monotonic() - began:.0f} s")  # noqa: T201


@pytest.mark.anyio
async def test_beside_others_it_is_told_everywhere_and_its_deploy_is_taken_back(
    shared_ray: LocalService, tmp_path: Path
) -> None:
    assert shared_ray.dashboard_url is not None
    assert shared_ray.redis is not None
    place = Place(shared_ray.dashboard_url, shared_ray.url)
    before = former(await place.details())
    assert before is not None
    path = tmp_path / "wanted.yaml"
    path.write_text(yaml.safe_dump(beside_the_built_in(broken_entry(tmp_path), before)))
    where = ["--address", place.dashboard, "--url", place.url, "--redis-url", shared_ray.redis.url]
    words = ["apply", str(path), *where, "--folder", str(tmp_path / "backups"), "--timeout-s", "120"]
    deploying = asyncio.create_task(anyio.to_thread.run_sync(lambda: CliRunner().invoke(app, words)))
    async with httpx.AsyncClient(base_url=place.url, timeout=10) as http, Kinoray(place.url) as client:

        async def told() -> dict[str, Any] | None:
            assert not deploying.done(), deploying.result().output
            try:
                body: dict[str, Any] = (await http.get("/health")).json()
            except (httpx.HTTPError, ValueError):  # a Router is being replaced
                return None
            pools = body["components"]["diffuser"].get("pools", {})
            states = [pools.get(name, {}).get("state") for name in ("main", "words")]
            return body if states == ["ready", "failed"] else None

        body = await waiting.until(told, PATIENCE_S, every_s=0.1)
        assert body is not None
        assert (body["status"], body["failing"]) == ("degraded", ["diffuser"])
        assert "words: the LoRA odd" in body["components"]["diffuser"]["error"]
        refused = await http.post("/v1/videos", json={"prompt": "a red ball", "model": "words"})
        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "model_unavailable")
        assert "the LoRA odd" in refused.json()["error"]["message"]
        made = await client.wait((await client.create("a red ball", tier="preview", seed=-1)).id, timeout_s=60)
        assert made.status == "completed", "the other pool goes on"
        ended = await deploying
        assert ended.exit_code == Exit.ROLLED_BACK, ended.output
        assert "the LoRA odd" in ended.output
        assert (await http.get("/health")).json()["status"] == "ok", "the former config has no such pool"
    logs = [each.read_text() for each in shared_ray.logs.glob("serve/replica_kinoray_Diffuser-words_*.log")]
    assert any("This replica cannot start. words: the LoRA odd" in log for log in logs), "its own log says why"
    assert not any("AttributeError" in log for log in logs), "and it left cleanly"
