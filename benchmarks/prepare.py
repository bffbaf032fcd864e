"""Preparing pictures: how well and how fast the shipped finders find subjects whose truth is known."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from app.video.subjects.finder import Finder, Pixels
from app.video.subjects.foreground import Foreground
from app.video.subjects.person import Person
from tests.video.subjects.drawn import GROUNDS, Truth, iou, person, scenes, without_subject

SIDES = (128, 256, 512)
COUNT, QUICK = 70, 12  # scenes of each size and ground
PEOPLE = [(192, 256, 200), (256, 256, 180), (640, 480, 380), (640, 480, 220), (100, 200, 190), (128, 128, 110)]


def run(quick: bool, console: Console) -> dict[str, Any]:
    """Intersection over union with 95 % intervals (of the mean, by bootstrap), seconds of a picture, false finds."""
    torch.set_num_threads(1)
    count = QUICK if quick else COUNT
    rows = {
        f"foreground, {ground}, {side}": _measured(Foreground(), scenes(count, side, ground, seed=7))
        for ground in GROUNDS
        for side in SIDES
    }
    rows["person"] = _measured(Person(), [person(*shape) for shape in PEOPLE])
    nothing = list(without_subject().values())
    shapes = [pixels for pixels, _ in scenes(count, 256, seed=9)]
    false = {
        "foreground where there is nothing": _found(Foreground(), nothing),
        "person where there is nothing": _found(Person(), nothing),
        "person where there are shapes": _found(Person(), shapes),
    }
    _show(rows, false, console)
    return {"scenes": count, "found": rows, "false": false}


def _measured(finder: Finder, pictures: list[tuple[Pixels, Truth]]) -> dict[str, float]:
    began = time.perf_counter()
    covers = [finder.find(pixels) for pixels, _ in pictures]
    took_s = (time.perf_counter() - began) / len(pictures)
    found = np.array([iou(cover, truth) for cover, (_, truth) in zip(covers, pictures, strict=True)])
    lots = np.random.default_rng(0).choice(found, (2000, len(found))).mean(1)
    low, high = np.quantile(lots, [0.025, 0.975])
    return {
        "iou": round(float(found.mean()), 4),
        "low": round(float(low), 4),
        "high": round(float(high), 4),
        "least": round(float(found.min()), 4),
        "at_least_0_9": round(float((found >= 0.9).mean()), 4),
        "seconds": round(took_s, 3),
    }


def _found(finder: Finder, pictures: list[Pixels]) -> str:
    return f"{sum(finder.find(pixels) is not None for pixels in pictures)} of {len(pictures)}"


def _show(rows: dict[str, dict[str, float]], false: dict[str, str], console: Console) -> None:
    table = Table("", "IoU", "95 %", "least", ">= 0.9", "s a picture")
    for name, row in rows.items():
        spread = f"{row['low']:.3f} to {row['high']:.3f}"
        share = f"{100 * row['at_least_0_9']:.0f} %"
        table.add_row(name, f"{row['iou']:.3f}", spread, f"{row['least']:.3f}", share, f"{row['seconds']:.2f}")
    console.print(table)
    for name, said in false.items():
        console.print(f"{name}: {said}")
