"""Frames as the model made them come in, the pictures of the file go out one by one: more a second, and larger."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from app.errors import GenerationError
from app.types import MODEL, OFF, Postprocessing
from app.video.encode import Frames
from app.video.interpolate.open import Interpolator, open_interpolator
from app.video.interpolate.times import gaps
from app.video.upscale.lanczos import lanczos

Picture = NDArray[np.uint8]
"""sRGB, (H, W, 3)."""
Upscaler = Callable[[Picture], Picture]


@dataclass(frozen=True, slots=True)
class PostprocessingFiles:
    """The operator's own models, and the side in pixels of the tiles that pictures are enlarged in.

    `own`: what opens the upscalers that models of ours bring with them, for a factor, by digest.
    """

    interpolation: Path | None = None
    upscaling: Mapping[int, Path] = field(default_factory=dict)
    tile: int = 256
    own: Mapping[str, Callable[[int], Upscaler]] = field(default_factory=dict)


class Postprocessor:
    """Makes of a clip's frames the pictures that its plan promised. What it opens it keeps open."""

    def __init__(self, files: PostprocessingFiles) -> None:
        self._files = files
        self._modules: dict[str, Interpolator] = {}
        self._upscalers: dict[tuple[int, str], Upscaler] = {}

    def pictures(self, frames: Frames, made_fps: int, wanted: Postprocessing) -> Iterator[Picture]:
        """Those of the whole clip in order, `wanted.frames` of them, with a few in memory at a time.

        Raises:
            GenerationError: one of the operator's models cannot be used, or is not the one that was planned with.
        """
        between = iter(frames)
        if wanted.interpolate != OFF:
            between = _interpolated(frames, made_fps, wanted, self._interpolator(wanted))
        if wanted.upscale == 1:
            return iter(between)
        return map(self._upscaler(wanted), between)

    def _interpolator(self, wanted: Postprocessing) -> Interpolator:
        """A module is kept; a search for flow is one clip's, since OpenCV's may not be shared by threads."""
        path, mark = self._files.interpolation, wanted.interpolate_mark
        if wanted.interpolate != MODEL or path is None:
            return open_interpolator(wanted.interpolate, None)
        if mark not in self._modules:
            check(path, mark)
            self._modules[mark] = open_interpolator(MODEL, path)
        return self._modules[mark]

    def _upscaler(self, wanted: Postprocessing) -> Upscaler:
        mark, factor = wanted.upscale_mark, wanted.upscale
        if not mark:
            return partial(lanczos, factor=factor)
        if (factor, mark) not in self._upscalers:
            own = self._files.own.get(mark)
            self._upscalers[factor, mark] = self._of_file(factor, mark) if own is None else own(factor)
        return self._upscalers[factor, mark]

    def _of_file(self, factor: int, mark: str) -> Upscaler:
        """The operator's. Raises GenerationError."""
        path = self._files.upscaling.get(factor)
        if path is None:
            message = f"No model for {factor}x is set where files are finished."
            raise GenerationError(message, code="upscaling_failed")
        check(path, mark)
        from app.video.upscale.model import ModelUpscaler

        return ModelUpscaler(path, factor, self._files.tile)


def check(path: Path, mark: str) -> None:
    """Hold a file to the digest that a plan was made with. Raises GenerationError."""
    try:
        found = digest_of_file(path)
    except OSError as error:
        raise GenerationError(f"{path.name} cannot be read: {error.strerror}.", code="model_file_changed") from error
    if found != mark:
        told = f"{path.name} is not the file that the video was planned with; start Kinoray anew."
        raise GenerationError(told, code="model_file_changed")


def digest_of_file(path: Path) -> str:
    """The first 16 hex digits of a file's SHA-256. Raises OSError."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()[:16]


def _interpolated(frames: Frames, made_fps: int, wanted: Postprocessing, how: Interpolator) -> Iterator[Picture]:
    """A frame that was made is shown as it is; between two of them comes what `how` makes."""
    for gap in gaps(len(frames), made_fps, wanted.frames, wanted.fps):
        inner: Iterable[Picture] = ()
        if moments := [float(moment) for moment in gap.moments if moment]:
            inner = how.between(frames[gap.first], frames[gap.first + 1], moments)
        made = iter(inner)
        for moment in gap.moments:
            yield next(made) if moment else frames[gap.first]
