"""A service of tiny models of the real classes, asked by `openai` and the client, while one of it cannot start."""

from __future__ import annotations

import asyncio
import base64
import io
from pathlib import Path
from typing import Any

import anyio.to_thread
import av
import httpx
import pytest
import yaml
from openai import APIStatusError, AsyncOpenAI
from PIL import Image
from typer.testing import CliRunner

from app.client.client import Kinoray
from cluster.deploy import app
from cluster.gate import Place
from cluster.local import LocalService
from cluster.rollout import Exit, former
from tests import waiting
from tests.deployments.several import SIZE, picture
from tests.drills.test_pools import broken_entry

pytestmark = [pytest.mark.anyio, pytest.mark.nightly]  # every pool starts three times
ODD = "odd-one"
PATIENCE_S = 300.0  # every pool starts anew, since all are told of the new model


def with_a_bad_model(folder: Path, config: dict[str, Any]) -> Path:
    """The config with one model more, which passes every check and cannot be loaded."""
    wanted: dict[str, Any] = yaml.safe_load(yaml.safe_dump(config))
    (application,) = wanted["applications"]
    application["args"]["models"].append({**broken_entry(folder), "id": ODD})
    application["deployments"].append({"name": f"Diffuser-{ODD}", "ray_actor_options": {"num_cpus": 0.05}})
    path = folder / "wanted.yaml"
    path.write_text(yaml.safe_dump(wanted))
    return path


async def by_openai(openai: AsyncOpenAI, model: str, **options: Any) -> dict[str, Any]:
    """What a video's file holds: frames, size, and the streams by their codecs."""
    video = await openai.videos.create_and_poll(
        prompt="a red ball", model=model, extra_body={"tier": "preview", "seed": -1, **options}
    )
    assert video.status == "completed", video.error
    content = await (await openai.videos.download_content(video.id)).aread()
    with av.open(io.BytesIO(content)) as file:
        codecs = sorted(each.codec_context.name for each in (*file.streams.video, *file.streams.audio))
        pictures = [(frame.width, frame.height) for frame in file.decode(video=0)]
    return {"codecs": codecs, "frames": len(pictures), "size": pictures[0]}


async def everyone_serves(openai: AsyncOpenAI, client: Kinoray) -> None:
    sounds = await by_openai(openai, "sounds")
    assert sounds == {"codecs": ["aac", "h264"], "frames": 9, "size": (64, 32)}
    looks = await by_openai(openai, "looks", input_reference=picture(), num_frames=5)
    assert looks == {"codecs": ["h264"], "frames": 5, "size": SIZE}
    images = await openai.images.generate(model="stills", prompt="a red ball", size="32x16")
    assert [Image.open(io.BytesIO(base64.b64decode(row.b64_json or ""))).size for row in images.data or []] == [SIZE]
    made = await client.wait((await client.create("a red ball", tier="preview", seed=-1)).id, timeout_s=60)
    assert (made.status, made.model) == ("completed", "kinoray-shapes")


@pytest.mark.timeout(5 * PATIENCE_S)  # deploying waits that long for the new, and again for the former
async def test_the_others_serve_while_one_that_cannot_start_is_named(
    several_models: None, shared_ray: LocalService, openai: AsyncOpenAI, client: Kinoray, tmp_path: Path
) -> None:
    assert shared_ray.dashboard_url is not None
    assert shared_ray.redis is not None
    place = Place(shared_ray.dashboard_url, shared_ray.url)
    before = former(await place.details())
    assert before is not None
    path = with_a_bad_model(tmp_path, before)
    where = ["--address", place.dashboard, "--url", place.url, "--redis-url", shared_ray.redis.url]
    words = ["apply", str(path), *where, "--folder", str(tmp_path / "backups"), "--timeout-s", str(PATIENCE_S)]
    deploying = asyncio.create_task(anyio.to_thread.run_sync(lambda: CliRunner().invoke(app, words)))
    async with httpx.AsyncClient(base_url=place.url, timeout=10) as http:

        async def told() -> dict[str, Any] | None:
            assert not deploying.done(), deploying.result().output
            try:
                rows = (await http.get("/v1/models")).json()["data"]
            except (httpx.HTTPError, ValueError):  # a Router is being replaced
                return None
            found = {row["id"]: row for row in rows}
            named = found.get(ODD, {}).get("unavailable") or ""
            return found if "the LoRA odd" in named else None

        models = await waiting.until(told, PATIENCE_S, every_s=0.1)
        assert models is not None
        assert not models[ODD]["ready"]
        with pytest.raises(APIStatusError) as caught:
            await openai.videos.create(prompt="a red ball", model=ODD)
        assert (caught.value.status_code, caught.value.code) == (503, "model_unavailable")
        assert "the LoRA odd" in caught.value.message
        asked = [models[name] for name in ("sounds", "looks", "stills", "kinoray-shapes")]
        assert [row["makes_sound"] for row in asked] == [True, False, False, False]
        assert [row["needs_image"] for row in asked] == [False, True, False, False]
        assert [role["role"] for role in models["looks"]["inputs"]] == ["first"]
        assert (models["sounds"]["cfg_zero_star"], models["sounds"]["guidance_interval"]) == (False, True)
        await everyone_serves(openai, client)
        ended = await deploying
        assert ended.exit_code == Exit.ROLLED_BACK, ended.output
        assert "the LoRA odd" in ended.output
