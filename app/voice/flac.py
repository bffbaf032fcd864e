"""Speech as a file: float samples come in, FLAC goes out, and back."""

from __future__ import annotations

import io
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from app.errors import GenerationError

_CHUNK = 4096  # samples


def encoded(samples: NDArray[np.float32], rate: int) -> bytes:
    """A FLAC file, mono, 16 bits, of float32 (N,) from -1 to 1; the same samples give the same bytes.

    Raises:
        GenerationError: there are no samples, or some are not finite.
    """
    if not len(samples) or not np.isfinite(samples).all():
        raise GenerationError("There is no sound that could be written.")
    whole = np.clip(np.rint(samples * 32768.0), -32768, 32767).astype(np.int16)
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="flac", options={"fflags": "+bitexact"}) as file:
        stream = file.add_stream("flac", rate=rate, layout="mono", options={"flags": "+bitexact"})
        stream.format = "s16"
        stream.thread_count = 1
        for at in range(0, len(whole), _CHUNK):
            frame = av.AudioFrame.from_ndarray(whole[None, at : at + _CHUNK], format="s16", layout="mono")
            frame.rate, frame.pts = rate, at
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return buffer.getvalue()


def decoded(source: Path | bytes) -> tuple[NDArray[np.float32], int]:
    """Samples, float32 (N,) from -1 to 1, and their rate, of a file with sound; channels are mixed to one.

    Raises:
        GenerationError: it is no such file.
    """
    try:
        with av.open(io.BytesIO(source) if isinstance(source, bytes) else str(source)) as file:
            stream = file.streams.audio[0]
            mono = av.AudioResampler("fltp", "mono", stream.rate)
            frames = [part for frame in file.decode(stream) for part in mono.resample(frame)]
            frames += mono.resample(None)
            samples = np.concatenate([frame.to_ndarray()[0] for frame in frames])
            return samples.astype(np.float32), int(stream.rate)
    except (av.FFmpegError, IndexError, ValueError) as error:
        raise GenerationError(f"That is no sound file that can be read: {error}") from error
