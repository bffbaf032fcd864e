"""A clip's file comes in, measured without being decoded, or decoded frame after frame; nothing of it is trusted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import av

from app.errors import GenerationError

MOST_FRAMES: Final = 100_000
MOST_SIDE: Final = 8192
_IDR, _KEPT_UNITS = 5, frozenset({1, 5, 6})  # slices and supplemental information: all that x264 puts into a packet
_LENGTH_BYTES: Final = 4


@dataclass(frozen=True, slots=True)
class Clip:
    """A clip as it is on the disk.

    `times`: seconds from its beginning at which each frame appears, in order; `seconds`: of all of it. `header`: its
    parameter sets. `plain`: its packets can stand in another film as they are: it begins with an IDR picture, no frame
    is out of order, each lasts as long as the others, and no packet brings parameters of its own.
    """

    path: Path
    width: int
    height: int
    times: tuple[float, ...]
    seconds: float
    header: bytes
    plain: bool


def measured(path: Path, scene: int) -> Clip:
    """Look at a clip of scene `scene` (from 0). Raises GenerationError, `unreadable_clip`."""
    try:
        with av.open(str(path), "r", format="mp4") as container:
            return _measured(path, container)
    except (av.FFmpegError, OSError, IndexError, ValueError) as error:
        raise unreadable(scene, error) from error


def decoded(clip: Clip, scene: int) -> Iterator[Any]:
    """Its frames (av.VideoFrame), as many as were measured, in the order in which they are shown.

    Raises:
        GenerationError: it is damaged: `unreadable_clip`.
    """
    count = 0
    try:
        with av.open(str(clip.path), "r", format="mp4") as container:
            context = container.streams.video[0].codec_context
            context.thread_count = 1  # others hold a picture each
            context.options = {"err_detect": "explode"}  # else damaged pictures are made up
            for frame in container.decode(video=0):
                count += 1
                if count > len(clip.times) or frame.width > MOST_SIDE or frame.height > MOST_SIDE or frame.is_corrupt:
                    raise ValueError("a frame is damaged, or one too many")
                yield frame
    except (av.FFmpegError, OSError, IndexError, ValueError) as error:
        raise unreadable(scene, error) from error
    if count != len(clip.times):
        raise unreadable(scene, f"{count} of {len(clip.times)} frames")


def unreadable(scene: int, why: object, what: str = "clip") -> GenerationError:
    """The error about a file of scene `scene` (from 0), that names it."""
    message = f"The {what} of scene {scene + 1} cannot be read: {why}"
    return GenerationError(message, f"scenes[{scene}]", f"unreadable_{what}")


def _measured(path: Path, container: Any) -> Clip:
    stream = container.streams.video[0]
    width, height = stream.codec_context.width, stream.codec_context.height
    if stream.codec_context.name != "h264":
        raise ValueError(f"it is {stream.codec_context.name}, not h264")
    if not (0 < width <= MOST_SIDE and 0 < height <= MOST_SIDE):
        raise ValueError(f"it has {width}x{height} pixels")
    header = bytes(stream.codec_context.extradata or b"")
    marks: list[tuple[int, int]] = []  # when each begins, and how long it lasts
    plain = _parameters_of_four(header)
    for packet in container.demux(stream):
        if packet.dts is None:  # the end
            continue
        if len(marks) == MOST_FRAMES:
            raise ValueError(f"it has more than {MOST_FRAMES:,} frames")
        if packet.pts is None:
            raise ValueError("a frame has no time")
        plain = plain and packet.pts == packet.dts and not packet.is_corrupt and _kept(bytes(packet), first=not marks)
        marks.append((packet.pts, packet.duration or 0))
    if not marks:
        raise ValueError("it has no frames")
    plain = plain and len({after[0] - before[0] for before, after in zip(marks, marks[1:], strict=False)}) <= 1
    marks.sort()
    begin, (last, lasts) = marks[0][0], marks[-1]
    lasts = lasts or (last - marks[-2][0] if len(marks) > 1 else 1)
    unit = float(stream.time_base)
    times = tuple((at - begin) * unit for at, _ in marks)
    return Clip(path, width, height, times, (last - begin + lasts) * unit, header, plain)


def _parameters_of_four(header: bytes) -> bool:
    """Whether it is an AVC decoder configuration (ISO/IEC 14496-15) whose units have lengths of four bytes."""
    return len(header) > 6 and header[0] == 1 and header[4] & 3 == _LENGTH_BYTES - 1


def _kept(packet: bytes, first: bool) -> bool:
    """Whether a packet has slices only, in whole units, and the first is an IDR picture."""
    at, kinds = 0, set()
    while at + _LENGTH_BYTES < len(packet):
        length = int.from_bytes(packet[at : at + _LENGTH_BYTES], "big")
        kinds.add(packet[at + _LENGTH_BYTES] & 31)
        at += _LENGTH_BYTES + length
    return at == len(packet) and kinds <= _KEPT_UNITS and (not first or _IDR in kinds)
