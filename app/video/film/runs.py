"""The film's frames come in; those that no clip has as they are go out encoded, each run of them a file."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import av
import numpy as np

from app.errors import Cancelled
from app.video.encode import encode, h264_stream
from app.video.film.burn import Burner
from app.video.film.cutting import Segment
from app.video.film.pictures import Draw, Planes, even
from app.video.film.previews import Previews
from app.video.film.script import FilmScript

Stop = Callable[[], bool]


@dataclass(frozen=True, slots=True)
class Run:
    """Packets of the film: the first `count` of a file."""

    path: Path
    count: int


class _Encoder:
    """One run that is being written."""

    def __init__(self, path: Path, script: FilmScript, files: ExitStack) -> None:
        self._container = files.enter_context(av.open(str(path), "w", format="mp4", options={"fflags": "bitexact"}))
        self._stream = h264_stream(self._container, even(script.width), even(script.height), script.fps)
        self._count = 0

    def write(self, planes: Planes) -> None:
        frame: Any = av.VideoFrame.from_ndarray(planes, format="yuv420p")
        frame.pts, frame.time_base = self._count, self._stream.codec_context.time_base
        self._count += 1
        self._container.mux(self._stream.encode(frame))

    def close(self) -> None:
        self._container.mux(self._stream.encode(None))
        self._container.close()


def checked(stop: Stop) -> None:
    """Raises Cancelled, if `stop` says so."""
    if stop():
        raise Cancelled("The film is not wanted any more.")


@lru_cache(maxsize=16)
def header_of(width: int, height: int, fps: int) -> bytes:
    """The parameter sets of frames of a size that are encoded at a rate, as an mp4 has them. Raises GenerationError."""
    one = encode(np.zeros((1, height, width, 3), np.uint8), fps)
    with av.open(io.BytesIO(one), "r", format="mp4") as container:
        return bytes(container.streams.video[0].codec_context.extradata or b"")


def draw_runs(
    script: FilmScript,
    frames: Iterator[Draw],
    cut: Sequence[Segment],
    burner: Burner,
    previews: Previews,
    folder: Path,
    stop: Stop,
) -> tuple[Run, ...]:
    """Go once through all frames of the film: encode what is to be drawn, and show the previews what they need.

    Raises:
        GenerationError: a clip is damaged.
        Cancelled: `stop` said so, which is asked before each frame.
    """
    found: list[Run] = []
    number = 0
    with ExitStack() as files:
        for position, segment in enumerate(cut):
            path = segment.clip.path if segment.clip else folder / f"run_{position:05}.mp4"
            encoder = None if segment.clip else _Encoder(path, script, files)
            for number in range(segment.start, segment.start + segment.count):
                checked(stop)
                draw = _once(next(frames), number, burner)
                if encoder is not None:
                    encoder.write(draw())
                previews.see(number, draw)
            if encoder is not None:
                encoder.close()
            found.append(Run(path, segment.count))
    return tuple(found)


def _once(draw: Draw, number: int, burner: Burner) -> Draw:
    """Draws when it is first asked, captions included, and not again."""
    made: list[Planes] = []

    def drawn() -> Planes:
        if not made:
            made.append(burner.burnt(number, draw()))
        return made[0]

    return drawn
