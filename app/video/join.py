"""A stored video and the frames that go on from it come in; its pictures, and all frames as one video, go out."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from app.errors import GenerationError
from app.video.encode import Frames

MOST_BYTES: Final = 2 * 2**30
"""Of all frames of a video together: while it is put together, they are in memory."""

_RED, _GREEN, _BLUE = np.float32(0.2126), np.float32(0.7152), np.float32(0.0722)  # BT.709, as in `encode`


def frames_of(mp4: bytes, width: int, height: int) -> Frames:
    """All frames of a video that `encode` made, uint8 (F, height, width, 3). Raises GenerationError."""
    return np.stack(_pictures(mp4, width, height, last_only=False))


def last_frame(mp4: bytes, width: int, height: int) -> tuple[bytes, int]:
    """The last frame of a video that `encode` made, as a PNG of that size, and the number of its frames.

    Raises:
        GenerationError: it cannot be read.
    """
    *before, last = _pictures(mp4, width, height, last_only=True)
    return _png(last), len(before) + 1


def edge_frame(mp4: bytes, width: int, height: int, last: bool) -> bytes:
    """The first or last frame of a video that `encode` made, as a PNG of that size. Raises GenerationError."""
    if last:
        return last_frame(mp4, width, height)[0]
    with _opened(mp4) as container:
        first = next(iter(container.decode(video=0)), None)
        if first is None or first.width < width or first.height < height:
            raise GenerationError("The stored video is of another size.", code="unreadable_video")
        return _png(_rgb(first)[:height, :width])


def joined(mp4: bytes, frames: Frames) -> Frames:
    """The frames of a video with those behind it, of which the first is its last once more, and left out.

    Raises:
        GenerationError: the video cannot be read, or they are too many together.
    """
    _, height, width, _ = frames.shape
    before = frames_of(mp4, width, height)
    if before.nbytes + frames.nbytes > MOST_BYTES:
        raise GenerationError("The video and what it goes on with are too long together.", code="video_too_long")
    return np.concatenate([before, frames[1:]])


def _pictures(mp4: bytes, width: int, height: int, last_only: bool) -> list[NDArray[np.uint8]]:
    """Each frame (height, width, 3); with `last_only`, those before the last are empty."""
    found: list[NDArray[np.uint8]] = []
    last: Any = None
    with _opened(mp4) as container:
        for frame in container.decode(video=0):
            if last is not None:
                found.append(np.empty(0, np.uint8) if last_only else _rgb(last)[:height, :width])
            last = frame
    if last is None or last.width < width or last.height < height:
        raise GenerationError("The stored video is of another size.", code="unreadable_video")
    return [*found, _rgb(last)[:height, :width]]


@contextmanager
def _opened(mp4: bytes) -> Iterator[Any]:
    """The file, with FFmpeg's errors in our words. Raises GenerationError."""
    try:
        with av.open(io.BytesIO(mp4), "r", format="mp4") as container:
            yield container
    except (av.FFmpegError, IndexError, ValueError) as error:
        raise GenerationError(f"The stored video cannot be read: {error}", code="unreadable_video") from error


def _png(picture: NDArray[np.uint8]) -> bytes:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "PNG", compress_level=1)
    return file.getvalue()


def _rgb(frame: Any) -> NDArray[np.uint8]:
    return rgb(frame.to_ndarray(format="yuv420p"))


def rgb(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A decoded picture, planes (H * 3 / 2, W), as sRGB (H, W, 3): the way back of `app.video.encode.yuv420p`."""
    height, width = picture.shape[0] * 2 // 3, picture.shape[1]
    planes = picture.reshape(-1).astype(np.float32)
    area, quarter = height * width, height * width // 4
    luma = (planes[:area].reshape(height, width) - 16) * np.float32(1 / 219)
    blue, red = (
        (_spread(planes[start : start + quarter].reshape(height // 2, width // 2)) - 128) * np.float32(1 / 224)
        for start in (area, area + quarter)
    )
    colours = np.empty((height, width, 3), np.float32)
    colours[..., 0] = luma + 2 * (1 - _RED) * red
    colours[..., 2] = luma + 2 * (1 - _BLUE) * blue
    colours[..., 1] = (luma - _RED * colours[..., 0] - _BLUE * colours[..., 2]) / _GREEN
    whole: NDArray[np.uint8] = np.rint(np.clip(colours, 0, 1) * 255).astype(np.uint8)
    return whole


def _spread(chroma: NDArray[np.float32]) -> NDArray[np.float32]:
    """(H / 2, W / 2) to (H, W): columns lie on the left of each pair, rows between the two of theirs."""
    right = (chroma + np.concatenate([chroma[:, 1:], chroma[:, -1:]], axis=1)) / 2
    wide = np.stack([chroma, right], axis=2).reshape(chroma.shape[0], -1)
    above, below = np.concatenate([wide[:1], wide[:-1]]), np.concatenate([wide[1:], wide[-1:]])
    rows: NDArray[np.float32] = np.stack([0.75 * wide + 0.25 * above, 0.75 * wide + 0.25 * below], axis=1)
    return rows.reshape(-1, wide.shape[1])
