"""Films beside a script that makes their scenes one by one: time, changes, repeats, sound and picture in step."""

from __future__ import annotations

import asyncio
import io
import statistics
import tempfile
import time
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import av
import httpx
import numpy as np
import orjson
import pyloudnorm
from rich.console import Console

from app.captions.cue import Cue
from app.types.storyboard import CaptionMode, Transition
from app.video.encode import encode
from app.video.film.assemble import assemble
from app.video.film.script import FilmScript, SceneCut
from benchmarks.figures import at_least, at_most, spread
from benchmarks.jobs import Job, mixed
from benchmarks.rivals import Pipeline

MOST_OVER_SCRIPT, MOST_EDIT, MOST_AGAIN_MS = 0.75, 0.25, 100.0
MOST_CUT_MS, MOST_CROSSFADE_MS = 60.0, 250.0
LOUDNESS, LOUDNESS_OFF = -16.0, 1.0
CALM = {"priority": "normal", "tier": "standard"}
FRAMES, FPS = 17, 8  # of the built-in model's own clip
SAID = "A small shape moves over a quiet ground, and nothing else happens."


async def measure(url: str, counts: Sequence[int], again: int, console: Console) -> dict[str, Any]:
    """All figures; `counts`: how many scenes the films have that are set against the script. `again`: repeats."""
    pipeline = Pipeline()
    async with httpx.AsyncClient(base_url=url, timeout=60.0) as http:
        await _film(http, _scenes(1))  # both are warm
        await asyncio.to_thread(_script, pipeline, await _jobs(http, await _film(http, _scenes(1))))
        beside = {str(count): await _beside(http, pipeline, count, again, console) for count in counts}
        pipeline.close()
        edited = [await _edited(http, 7) for _ in range(again)]
        console.print(f"[dim]edited: {edited}[/dim]")
        repeated = await _repeated(http, 5, 10 * again)
        spoken = await _spoken(http, 20)
    return {
        "film_over_script": beside,
        "edit_one_of_seven_over_whole": at_most(statistics.median(edited), MOST_EDIT, all=spread(edited)),
        "unchanged_again": repeated,
        "twenty_scenes_with_narration": spoken,
        "assembly": await asyncio.to_thread(_assembly, 5 * again),
    }


def _scenes(count: int) -> list[dict[str, Any]]:
    """Scenes that nobody has asked for before."""
    seed = uuid.uuid4().int % 10**6
    return [{"prompt": job.prompt, "seed": 7919 * seed + number} for number, job in enumerate(mixed(count, seed))]


async def _film(http: httpx.AsyncClient, scenes: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    """The film once it is there; `took_s` from the request to the news of its end."""
    began = time.perf_counter()
    answer = await http.post("/v1/storyboards", json={**CALM, "scenes": scenes, **more})
    story = _ok(answer)
    return await _ended(http, story, began)


async def _ended(http: httpx.AsyncClient, story: dict[str, Any], began: float) -> dict[str, Any]:
    if story["status"] not in ("completed", "failed"):
        async with http.stream("GET", f"/v1/storyboards/{story['id']}/events", timeout=900.0) as events:
            async for line in events.aiter_lines():
                if line.startswith("event: end"):
                    break
    took_s = time.perf_counter() - began
    story = _ok(await http.get(f"/v1/storyboards/{story['id']}"))
    if story["status"] != "completed":
        raise RuntimeError(f"the film failed: {story['error']}")
    return {**story, "took_s": took_s}


def _ok(answer: httpx.Response) -> dict[str, Any]:
    if answer.status_code != 200:
        raise RuntimeError(f"{answer.status_code}: {answer.text[:300]}")
    found: dict[str, Any] = orjson.loads(answer.content)
    return found


async def _jobs(http: httpx.AsyncClient, story: dict[str, Any]) -> list[Job]:
    """What the script has to make for the same film: the steps that the plan of each scene has, all of them run."""
    found = []
    for scene in story["scenes"]:
        video = _ok(await http.get(f"/v1/videos/{scene['video_id']}"))
        steps, frames = video["optimization"]["steps"], round(float(scene["duration_seconds"]) * story["fps"])
        found.append(Job(scene["prompt"], steps, frames, scene["seed"]))
    return found


def _script(pipeline: Pipeline, jobs: Sequence[Job]) -> float:
    """Seconds for one scene after another, each written as a file, and all of them as one."""
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        clips = []
        for number, job in enumerate(jobs):
            frames = np.rint(np.asarray(pipeline.make([job]))[0] * 255).astype(np.uint8)
            clips.append((Path(folder, f"{number}.mp4"), len(frames)))
            clips[-1][0].write_bytes(encode(frames, FPS))
        height, width = frames.shape[1:3]
        script = FilmScript(width, height, FPS, tuple(SceneCut((path,), count) for path, count in clips))
        assemble(script, Path(folder))
    return time.perf_counter() - began


async def _beside(
    http: httpx.AsyncClient, pipeline: Pipeline, count: int, again: int, console: Console
) -> dict[str, Any]:
    """The film and the script take turns."""
    films, scripts = [], []
    for _ in range(again):
        story = await _film(http, _scenes(count))
        films.append(story["took_s"])
        scripts.append(await asyncio.to_thread(_script, pipeline, await _jobs(http, story)))
    console.print(f"[dim]{count} scenes: film {films}, script {scripts}[/dim]")
    ratio = statistics.median(film / script for film, script in zip(films, scripts, strict=True))
    seconds = {"film_s": spread(films), "script_s": spread(scripts)}
    return at_most(ratio, MOST_OVER_SCRIPT, **seconds) if count == 5 else {"measured": round(ratio, 3), **seconds}


async def _edited(http: httpx.AsyncClient, count: int) -> float:
    """How long a film takes of which one scene was changed, over what it took as a whole."""
    story = await _film(http, _scenes(count))
    change = {**_scenes(1)[0], "revision": story["revision"]}
    began = time.perf_counter()
    changed = _ok(await http.patch(f"/v1/storyboards/{story['id']}/scenes/3", json=change))
    ended = await _ended(http, changed, began)
    return float(ended["took_s"]) / float(story["took_s"])


async def _repeated(http: httpx.AsyncClient, count: int, again: int) -> dict[str, Any]:
    """The same film asked for again: milliseconds until it is known to be there, and what was generated for it."""
    scenes, before = _scenes(count), await _evaluations(http)
    await _film(http, scenes)
    made = await _evaluations(http) - before
    times = [1000 * (await _film(http, scenes))["took_s"] for _ in range(again)]
    return {
        "ms": at_most(statistics.median(times), MOST_AGAIN_MS, all=spread(times, 1)),
        "evaluations_of_all_repeats": at_most(await _evaluations(http) - before - made, 0),
        "evaluations_of_the_first": made,
    }


async def _evaluations(http: httpx.AsyncClient) -> float:
    return float(_ok(await http.get("/api/stats"))["optimization"]["denoiser_evaluations"])


async def _spoken(http: httpx.AsyncClient, count: int) -> dict[str, Any]:
    """Of a film with narration: how far sound and picture end apart, and how loud it is."""
    scenes = [{**scene, "narration": SAID, "tier": "preview"} for scene in _scenes(count)]
    story = await _film(http, scenes)
    content = (await http.get(f"/v1/storyboards/{story['id']}/content")).content
    pictures_s, sound, rate = _decoded(content)
    apart = abs(pictures_s - len(sound) / rate) * float(story["fps"])
    loudness = float(pyloudnorm.Meter(rate).integrated_loudness(sound))
    return {
        "drift_in_frames": at_most(apart, 1.0),
        "loudness_off_lufs": at_most(abs(loudness - LOUDNESS), LOUDNESS_OFF, lufs=round(loudness, 2)),
        "seconds": at_least(pictures_s, 1.0),
        "took_s": round(story["took_s"], 2),
    }


def _decoded(mp4: bytes) -> tuple[float, Any, int]:
    """Seconds of pictures, samples (N,) of sound in float64, their rate."""
    with av.open(io.BytesIO(mp4)) as film:
        rate = film.streams.audio[0].rate
        last = list(film.decode(video=0))[-1]
        ends = float((last.pts + last.duration) * last.time_base)
    with av.open(io.BytesIO(mp4)) as film:
        mono = av.AudioResampler("dbl", "mono", rate)
        parts = [part.to_ndarray()[0] for frame in film.decode(audio=0) for part in mono.resample(frame)]
    return ends, np.concatenate(parts), rate


def _assembly(again: int) -> dict[str, Any]:
    """Milliseconds of processor time for each scene of ten, alone in this process: clips as the built-in model's."""
    dice = np.random.default_rng(4)
    with tempfile.TemporaryDirectory() as name:
        clips = []
        for number in range(10):
            blocks = dice.integers(0, 256, (FRAMES, 8, 8, 3), dtype=np.uint8)
            clips.append(Path(name, f"{number}.mp4"))
            clips[-1].write_bytes(encode(blocks.repeat(8, 1).repeat(8, 2), FPS))
        found = {
            "cut": (Transition.CUT, 0, CaptionMode.OFF, MOST_CUT_MS),
            "cut, captions as a track": (Transition.CUT, 0, CaptionMode.TRACK, MOST_CUT_MS),
            "crossfade": (Transition.CROSSFADE, 4, CaptionMode.OFF, MOST_CROSSFADE_MS),
        }
        return {
            how: _assembled(clips, Path(name), again, transition, frames, captions, target)
            for how, (transition, frames, captions, target) in found.items()
        }


def _assembled(
    clips: Sequence[Path],
    folder: Path,
    again: int,
    transition: Transition,
    frames: int,
    captions: CaptionMode,
    target: float,
) -> dict[str, Any]:
    scenes = tuple(SceneCut((clip,), FRAMES, transition=transition, transition_frames=frames) for clip in clips)
    cues = tuple(Cue(2 * at + 0.1, 2 * at + 1.1, (SAID[:40],)) for at in range(len(clips)))
    script = FilmScript(64, 64, FPS, scenes, () if captions is CaptionMode.OFF else cues, captions)
    times = []
    for _ in range(again):
        before = time.process_time()
        assemble(script, folder)
        times.append(1000 * (time.process_time() - before) / len(clips))
    return at_most(statistics.median(times), target, all=spread(times, 2))
