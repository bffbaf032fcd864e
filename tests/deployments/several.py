"""Models beside the built-in one, tiny and of the real classes, as a service's file; and what it made of requests."""

from __future__ import annotations

import base64
import io
import wave
from pathlib import Path
from typing import Any

import av
import httpx
import numpy as np
import yaml
from openai import AsyncOpenAI
from PIL import Image

from app.client.client import Kinoray
from app.video.join import frames_of
from cluster.local import CONFIG
from tests.drills.stats import until

SIZE = (32, 16)
POOLS = ("words", "looks", "quick", "stills", "sounds")
PATIENCE_S = 90.0
READ_HERE = "a red ball that no other test asks for"
"""Others before the same service ask its models too, and what they had encoded is cached."""


def models(folder: Path) -> list[dict[str, Any]]:
    """Entries of the setting, their files written below the folder."""
    # Only who needs them waits for diffusers.
    from tests.engine.families.loading.test_load import tiny_ltx, tiny_z_image
    from tests.engine.families.saved import save_i2v, save_lora, save_t2v
    from tests.engine.families.saved_ltx2 import tiny_ltx2_pipeline

    save_t2v(folder / "words")
    save_lora(folder / "style.safetensors")
    save_i2v(folder / "looks")
    tiny_ltx().save_pretrained(folder / "quick")
    tiny_z_image().save_pretrained(folder / "stills")
    tiny_ltx2_pipeline().save_pretrained(folder / "sounds")
    small: dict[str, Any] = {"sizes": [SIZE], "frames": [5, 9]}
    return [
        {"id": "kinoray-shapes", "family": "embedded", "source": "embedded"},
        {
            "id": "words",
            "family": "wan2.1-t2v-1.3b",
            "source": str(folder / "words"),
            "text_encoder": "shared",
            "loras": {"style": {"source": str(folder / "style.safetensors")}},
            "tiers": {"preview": {"lora": "style", "steps": 4}},
            **small,
        },
        {"id": "looks", "family": "wan2.1-i2v-14b-480p", "source": str(folder / "looks"), **small},
        {"id": "quick", "family": "ltx-video", "source": str(folder / "quick"), "sizes": [[64, 32]], "frames": [9]},
        {
            "id": "sounds",
            "family": "ltx-2.3",
            "source": str(folder / "sounds"),
            "sizes": [[64, 32]],
            "frames": [9],
            "tiers": {"preview": {"steps": 3}},
        },
        {"id": "stills", "family": "z-image-turbo", "source": str(folder / "stills"), "sizes": [SIZE]},
    ]


def written(folder: Path) -> Path:
    """The service's file: a Diffuser for each pool, and a text encoder by itself for one of the models."""
    rows = yaml.safe_load(CONFIG.read_text())
    (application,) = rows["applications"]
    application["args"] = {"models": models(folder)}
    options = {"num_cpus": 0.05, "runtime_env": {"env_vars": {"GOMP_SPINCOUNT": "3000"}}}
    for name in (*(f"Diffuser-{pool}" for pool in POOLS), "TextEncoder-words"):
        application["deployments"].append({"name": name, "max_ongoing_requests": 64, "ray_actor_options": options})
    path = folder / "several.yaml"
    path.write_text(yaml.safe_dump(rows))
    return path


def picture() -> str:
    """A data URL of noise."""
    pixels = np.random.default_rng(0).integers(0, 255, (40, 60, 3), np.uint8)
    held = io.BytesIO()
    Image.fromarray(pixels).save(held, "PNG")
    return "data:image/png;base64," + base64.b64encode(held.getvalue()).decode()


async def _made(client: Kinoray, prompt: str = "a red ball", **wish: Any) -> dict[str, Any]:
    video = await client.wait((await client.create(prompt, **wish)).id, timeout_s=PATIENCE_S)
    bytes_made = len(await client.content(video.id)) if video.status == "completed" else 0
    error = None if video.error is None else video.error.code
    heard = video.cache.embedding_hit
    return {"status": video.status, "error": error, "bytes": bytes_made, "heard": heard, "attempts": video.attempts}


async def _heard(client: Kinoray) -> dict[str, Any]:
    """A video with sound, by what its files hold, and the same without."""
    asked: dict[str, Any] = {"model": "sounds", "tier": "preview"}
    loud = await client.wait((await client.create("a red ball", **asked)).id, timeout_s=PATIENCE_S)
    quiet = await client.wait((await client.create("a red ball", audio=False, **asked)).id, timeout_s=PATIENCE_S)
    mp4, other = await client.content(loud.id), await client.content(quiet.id)
    with wave.open(io.BytesIO(await client.content(loud.id, "wav"))) as file:
        samples = (file.getnchannels(), file.getframerate(), file.getnframes())
    return {
        "streams": _streams(mp4),
        "samples": samples,
        "m4a": _streams(await client.content(loud.id, "audio")),
        "silent": _streams(other),
        "told": (loud.optimization.sound, quiet.optimization.sound),
        "same pictures": bool(np.array_equal(frames_of(mp4, 64, 32), frames_of(other, 64, 32))),
    }


def _streams(file: bytes) -> dict[str, float]:
    """How long each stream of a file is, in seconds, by its codec's name."""
    with av.open(io.BytesIO(file)) as held:
        return {
            each.codec_context.name: float(each.duration * each.time_base)
            for each in (*held.streams.video, *held.streams.audio)
        }


async def _all_there(url: str) -> dict[str, str]:
    """Each pool's model, once every pool has a replica."""
    wanted = {"main", *POOLS}
    told = await until(url, lambda told: {row["pool"] for row in told["replicas"]} >= wanted, PATIENCE_S)
    return {row["pool"]: row["model"] for row in told["replicas"]}


async def ask(url: str) -> dict[str, Any]:
    """Everything that is tried."""
    found: dict[str, Any] = {"pools": await _all_there(url)}
    async with Kinoray(url, timeout_s=60) as client:
        found["kinoray-shapes"] = await _made(client, model="kinoray-shapes", tier="preview")
        found["words"] = await _made(client, READ_HERE, model="words", seed=1)
        found["words again"] = await _made(client, READ_HERE, model="words", seed=2)
        found["words with style"] = await _made(client, READ_HERE, model="words", seed=1, tier="preview")
        found["looks"] = await _made(client, model="looks", tier="preview", input_reference=picture())
        found["quick"] = await _made(client, model="quick", tier="preview")
        found["sounds"] = await _made(client, model="sounds", tier="preview", seed=3, input_reference=picture())
        found["heard"] = await _heard(client)
    async with httpx.AsyncClient(base_url=url, timeout=30) as http:
        told = (await http.get("/v1/models")).json()["data"]
        found["models"] = [row["id"] for row in told]
        found["makes sound"] = [row["id"] for row in told if row["makes_sound"]]
        for name, body in {
            "looks at nothing": {"prompt": "a red ball", "model": "looks"},
            "a picture for words": {"prompt": "a", "model": "words", "input_reference": picture()},
            "a video of stills": {"prompt": "a", "model": "stills"},
            "sound of words": {"prompt": "a", "model": "words", "audio": True},
            "another size": {"prompt": "a", "model": "words", "size": "48x48"},
        }.items():
            answer = await http.post("/v1/videos", json=body)
            found[name] = {"status": answer.status_code, **answer.json().get("error", {})}
    async with AsyncOpenAI(base_url=f"{url}/v1", api_key="any") as openai:
        images = await openai.images.generate(model="stills", prompt="a red ball", n=2, size="32x16")
    pictures = [base64.b64decode(row.b64_json or "") for row in images.data or []]
    found["stills"] = [Image.open(io.BytesIO(each)).size for each in pictures]
    return found
