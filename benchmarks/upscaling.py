"""Frames drawn at 128 pixels and enlarged are held to the same frames drawn at 256 and 512, at edges above all."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from rich.console import Console

from app.models.postprocessing import files_of
from app.settings import Settings
from app.video.upscale.lanczos import lanczos
from benchmarks.drawn_clips import Clip, drawn, mean, psnr, scenes
from benchmarks.figures import at_least

SEED: Final = 2026
SIDE: Final = 128
FRAME: Final = 8  # of 17: the middle one of each clip
EDGE: Final = 24  # levels by which a pixel's neighbourhood has to differ to be called an edge
OVER_LANCZOS_DB: Final = 2.0

Picture = NDArray[np.uint8]
Upscalers = Mapping[str, Callable[[Picture], Picture]]


def measure(count: int, console: Console) -> dict[str, Any]:
    """PSNR in dB of all pixels and of those at edges, with 95 % intervals; the operator's models are measured too."""
    found: dict[str, Any] = {"pictures": count}
    drawings = scenes(count, SEED, still=True)
    for factor in (2, 4):
        arms = _upscalers(factor)
        rows = [_row(drawn(each, SIDE)[FRAME], drawn(each, SIDE * factor)[FRAME], arms) for each in drawings]
        console.print(f"[dim]{factor} times[/dim]")
        found[f"{factor} times"] = _figures(rows, arms)
    return found


def _upscalers(factor: int) -> Upscalers:
    """Repeating each pixel, two filters, the built-in model's own network, and the one of KINORAY_UPSCALE_MODELS."""
    arms: dict[str, Callable[[Picture], Picture]] = {
        "repeating": lambda picture: picture.repeat(factor, 0).repeat(factor, 1),
        "bicubic": lambda picture: _bicubic(picture, factor),
        "lanczos": lambda picture: lanczos(picture, factor),
    }
    files = files_of(Settings())
    arms.update(("embedded", opened(factor)) for opened in files.own.values())
    if (path := files.upscaling.get(factor)) is not None:
        from app.video.upscale.model import ModelUpscaler

        arms["model"] = ModelUpscaler(path, factor, files.tile)
    return arms


def _row(small: Picture, truth: Picture, arms: Upscalers) -> dict[str, tuple[float, float, float]]:
    """Of each arm the PSNR of all pixels, of those at edges, and its seconds."""
    edges, row = edges_of(truth), {}
    for name, enlarge in arms.items():
        began = time.process_time()
        made = enlarge(small)
        took_s = time.process_time() - began
        row[name] = (psnr(made, truth), psnr(made, truth, edges), took_s)
    return row


def edges_of(picture: Picture) -> NDArray[np.bool_]:
    """Where a picture (H, W, 3) changes within two pixels by more than EDGE levels in any channel: (H, W)."""
    low, high = picture, picture
    for axis in (0, 1):
        for way in (-2, -1, 1, 2):
            moved = np.roll(picture, way, axis)
            low, high = np.minimum(low, moved), np.maximum(high, moved)
    edges: NDArray[np.bool_] = (high.astype(int) - low).max(-1) > EDGE
    return edges


def _figures(rows: list[dict[str, tuple[float, float, float]]], arms: Upscalers) -> dict[str, Any]:
    pixels = len(rows) * SIDE**2 / 1e6
    told: dict[str, Any] = {
        name: {
            "psnr_db": mean([row[name][0] for row in rows]),
            "edge_psnr_db": mean([row[name][1] for row in rows]),
            "cpu_s_per_megapixel_in": round(sum(row[name][2] for row in rows) / pixels, 3),
        }
        for name in arms
    }
    for name in ("embedded", "model"):
        if name in arms:
            gain = mean([row[name][1] - row["lanczos"][1] for row in rows])
            told[f"{name} over lanczos at edges, dB"] = at_least(gain["low"], OVER_LANCZOS_DB, **gain)
    return told


def _bicubic(picture: Picture, factor: int) -> Clip:
    height, width = picture.shape[:2]
    return np.asarray(Image.fromarray(picture).resize((width * factor, height * factor), Image.Resampling.BICUBIC))
