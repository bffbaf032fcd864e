"""Drawn captions come in; the film's frames get them, each as long as its cue lasts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from app.captions.drawing import CaptionPainter
from app.captions.picture import CaptionPicture
from app.types.storyboard import CaptionMode
from app.video.encode import LUMA, chroma
from app.video.film.cutting import cue_frames
from app.video.film.pictures import Planes, split
from app.video.film.script import FilmScript

_CHROMA_SCALE: Final = np.float32(224 / 255)


@dataclass(frozen=True, eq=False)
class Overlay:
    """A caption as planes: what is added to luma and both chroma, and what is left of the ground; even sides."""

    top: int
    left: int
    added: tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]
    left_over: tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]


class Burner:
    """Draws each cue once, when its first frame comes, and keeps no more than those that are seen."""

    def __init__(self, script: FilmScript) -> None:
        burnt = script.captions is CaptionMode.BURNT
        self._waiting = [
            (first, after, cue)
            for (first, after), cue in sorted(zip(cue_frames(script), script.cues, strict=True), key=lambda row: row[0])
            if burnt and first < after
        ]
        self._waiting.reverse()
        self._seen: list[tuple[int, Overlay]] = []
        self._painter = CaptionPainter(script.width, script.height, script.language) if self._waiting else None

    def burnt(self, number: int, planes: Planes) -> Planes:
        """Frame `number` of the film with its captions; to be asked for in order, though not for each."""
        while self._waiting and self._waiting[-1][0] <= number:
            _, after, cue = self._waiting.pop()
            if after > number and self._painter and (picture := self._painter.picture(cue)).pixels.size:
                self._seen.append((after, overlay(picture)))
        self._seen = [row for row in self._seen if row[0] > number]
        if not self._seen:
            return planes
        planes = planes.copy()
        for _, each in self._seen:
            lay(planes, each)
        return planes


def overlay(picture: CaptionPicture) -> Overlay:
    """A caption's RGB and alpha as planes, mixed before its colours are halved, so that no edge bleeds."""
    height, width = picture.pixels.shape[:2]
    rows = picture.top % 2
    # A column of colour lies on that of a pair's first pixels, and has something of the one before: so a pair more.
    columns = picture.left if picture.left < 2 else 2 + picture.left % 2
    around = (rows, (height + rows) % 2), (columns, 2 + (width + columns) % 2), (0, 0)
    pixels = np.pad(picture.pixels, around).astype(np.float32)
    alpha: NDArray[np.float32] = pixels[..., 3] / np.float32(255)
    colours = pixels[..., :3] * alpha[..., None]
    luma = (colours @ LUMA).astype(np.float32)
    alpha_of_pairs = (chroma(alpha) - 128) / _CHROMA_SCALE
    blue, red = (
        chroma((colours[..., channel] - luma) / (2 * (1 - LUMA[channel]))) - 128 + 128 * alpha_of_pairs
        for channel in (2, 0)
    )
    return Overlay(
        picture.top - rows,
        picture.left - columns,
        (16 * alpha + luma * np.float32(219 / 255), blue, red),
        (np.float32(1) - alpha, 1 - alpha_of_pairs, 1 - alpha_of_pairs),
    )


def lay(planes: Planes, over: Overlay) -> None:
    """Put it on a frame, in place; what reaches beyond the frame is not seen."""
    parts = zip(split(planes), over.added, over.left_over, (1, 2, 2), strict=True)
    for plane, added, left_over, halved in parts:
        top, left = over.top // halved, over.left // halved
        ground = plane[top : top + added.shape[0], left : left + added.shape[1]]
        rows, columns = ground.shape
        ground[...] = np.rint(ground * left_over[:rows, :columns] + added[:rows, :columns]).clip(0, 255)
