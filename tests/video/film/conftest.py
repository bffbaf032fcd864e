"""Real clips, made by the encoder, and narrations of a sound that is heard like speech: in bursts, with pauses."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from app.video.encode import Frames, encode
from app.video.film.script import FilmScript, SceneCut

Reel = Callable[..., Path]
Speak = Callable[..., Path]


def grey(frames: int, first: int = 20, height: int = 64, width: int = 64) -> Frames:
    """Frames that can be told apart: each four levels lighter than the one before."""
    levels = (first + 4 * np.arange(frames)).astype(np.uint8)
    found: Frames = np.broadcast_to(levels[:, None, None, None], (frames, height, width, 3)).copy()
    return found


@pytest.fixture
def reel(tmp_path: Path) -> Reel:
    """Writes a clip of grey frames, each with a level of its own, or of given ones."""

    def made(name: str, frames: Frames | int = 12, fps: int = 8, first: int = 20, side: int = 64) -> Path:
        path = tmp_path / f"{name}.mp4"
        pictures = grey(frames, first, side, side) if isinstance(frames, int) else frames
        path.write_bytes(encode(pictures, fps))
        return path

    return made


@pytest.fixture
def speak(tmp_path: Path) -> Speak:
    """Writes a FLAC of so many seconds of bursts; what is in it does not depend on its rate."""

    def made(name: str, seconds: float, rate: int = 22_050, level: float = 0.1) -> Path:
        at = np.arange(round(seconds * rate)) / rate
        voice = sum(np.sin(2 * np.pi * 130 * n * at) / n for n in range(1, 12))
        sound = voice * np.clip(np.sin(2 * np.pi * 3 * at + 1.0) + 0.4, 0, 1) * level
        return write_sound(tmp_path / f"{name}.flac", sound, rate)

    return made


def write_sound(path: Path, sound: NDArray[Any], rate: int, kind: str = "flac") -> Path:
    samples = np.rint(np.clip(sound, -1, 1) * 32767).astype(np.int16)[None]
    with av.open(str(path), "w", format=kind) as container:
        stream: Any = container.add_stream("flac" if kind == "flac" else "pcm_s16le", rate=rate)
        stream.layout, stream.format = "mono", "s16"
        frame: Any = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = rate, 0, Fraction(1, rate)
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def pictures(path: Path) -> NDArray[np.uint8]:
    """Every frame's planes, (F, H * 3 / 2, W), as they are in the file."""
    with av.open(str(path)) as container:
        found: NDArray[np.uint8] = np.stack([frame.to_ndarray(format="yuv420p") for frame in container.decode(video=0)])
    return found


def levels(path: Path) -> list[int]:
    """The luma in the middle of each frame."""
    planes = pictures(path)
    rows, columns = planes.shape[1] * 2 // 3, planes.shape[2]
    return [int(each[rows // 2, columns // 2]) for each in planes]


def heard(path: Path) -> NDArray[np.float32]:
    """What a player makes of the sound, mono."""
    with av.open(str(path)) as container:
        return np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)])


def luma(level: float) -> float:
    """Of a grey."""
    return 16 + level * 219 / 255


def scene(*clips: Path, frames: int = 12, **more: Any) -> SceneCut:
    return SceneCut(clips, frames, **more)


def film(*scenes: SceneCut, fps: int = 8, side: int = 64, **more: Any) -> FilmScript:
    return FilmScript(side, side, fps, scenes, **more)


def times(path: Path) -> list[Fraction]:
    with av.open(str(path)) as container:
        return [frame.pts * frame.time_base for frame in container.decode(video=0)]
