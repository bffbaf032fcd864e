"""Frames put between those drawn at 8 a second are held to the same clips drawn at 16 and 32; flow beside rivals."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections import defaultdict
from typing import Any, Final

import numpy as np
from rich.console import Console

from app.embedded.world.world import FPS, Scene
from app.types import FLOW
from app.video.interpolate.open import open_interpolator
from benchmarks.drawn_clips import Clip, drawn, mean, psnr, scenes
from benchmarks.figures import at_least

SEED: Final = 2026
SIDE: Final = 128
RATES: Final = (2, 4)
MOST: Final = max(RATES)
OVER_REPEATING_DB: Final = 3.0
OVER_OTHERS_DB: Final = 1.0
FLOW_ARM: Final = "flow"
RIVALS: Final = {"repeating": OVER_REPEATING_DB, "blending": OVER_OTHERS_DB, "minterpolate": OVER_OTHERS_DB}
_MINTERPOLATE: Final = "minterpolate=fps={fps}:mi_mode=mci:mc_mode=aobmc:me_mode=bidir:vsbmc=1"

Arms = dict[str, Clip]


def measure(count: int, console: Console) -> dict[str, Any]:
    """PSNR in dB over the frames in between, by clip and rate; by how much flow is better, with 95 % intervals."""
    found: dict[str, list[dict[str, float]]] = defaultdict(list)
    took_s, motions = 0.0, defaultdict(list)
    for number, scene in enumerate(scenes(count, SEED)):
        truth = drawn(scene, SIDE, MOST)
        began = time.process_time()
        flow = _flow(truth[::MOST])
        took_s += time.process_time() - began
        arms = _rivals(truth[::MOST]) | {FLOW_ARM: flow}
        for rate in RATES:
            values = _by_arm(arms, truth, rate)
            found[f"{rate} times"].append(values)
            motions[f"{rate} times", _motion(scene)].append(values[FLOW_ARM])
        if number % 20 == 0:
            console.print(f"[dim]{number} of {count} clips[/dim]")
    pixels = count * (len(truth) - len(truth[::MOST])) * SIDE**2
    return {
        "clips": count,
        **{rate: _figures(rows) for rate, rows in found.items()},
        "flow by motion": {f"{rate}, {motion}": mean(each)["mean"] for (rate, motion), each in sorted(motions.items())},
        "cpu_s_per_megapixel": round(took_s / (pixels / 1e6), 3),
    }


def _figures(rows: list[dict[str, float]]) -> dict[str, Any]:
    arms = {name: mean([row[name] for row in rows]) for name in rows[0]}
    gains = {name: mean([row[FLOW_ARM] - row[name] for row in rows]) for name in RIVALS if name in rows[0]}
    return {"psnr_db": arms} | {
        f"over {name}, dB": at_least(gain["low"], RIVALS[name], mean=gain["mean"], high=gain["high"], of="low end")
        for name, gain in gains.items()
    }


def _by_arm(arms: Arms, truth: Clip, rate: int) -> dict[str, float]:
    """Of each arm, over the frames between those that were given, as far as every arm has them."""
    shown = min(map(len, arms.values()))
    places = [place for place in range(0, shown, MOST // rate) if place % MOST]
    return {name: psnr(clip[places], truth[places]) for name, clip in arms.items()}


def _flow(made: Clip) -> Clip:
    how, moments = open_interpolator(FLOW, None), [part / MOST for part in range(1, MOST)]
    pictures = [made[0]]
    for first, second in zip(made[:-1], made[1:], strict=True):
        pictures += [*how.between(first, second, moments), second]
    return np.stack(pictures)


def _rivals(made: Clip) -> Arms:
    repeated, blended = [made[0]], [made[0].astype(np.float32)]
    for first, second in zip(made[:-1], made[1:], strict=True):
        parts = [part / MOST for part in range(1, MOST + 1)]
        repeated += [first if part < 0.5 else second for part in parts]
        blended += [first + (second.astype(np.float32) - first) * part for part in parts]
    arms = {"repeating": np.stack(repeated), "blending": np.stack(blended).round().astype(np.uint8)}
    return arms if shutil.which("ffmpeg") is None else arms | {"minterpolate": _minterpolated(made)}


def _minterpolated(made: Clip) -> Clip:
    """By ffmpeg's motion compensation, its best mode; it leaves out the last few frames."""
    shape = ["-f", "rawvideo", "-pix_fmt", "rgb24"]
    chain = f"format=yuv444p,{_MINTERPOLATE.format(fps=FPS * MOST)},format=rgb24"
    given = [*shape, "-s", f"{made.shape[2]}x{made.shape[1]}", "-r", str(FPS), "-i", "-", "-vf", chain]
    ran = subprocess.run(["ffmpeg", "-v", "error", *given, *shape, "-"], input=made.tobytes(), capture_output=True)
    ran.check_returncode()
    return np.frombuffer(ran.stdout, np.uint8).reshape(-1, *made.shape[1:])


def _motion(scene: Scene) -> str:
    return scene.subjects[0].motion if len(scene.subjects) == 1 else "two subjects"
