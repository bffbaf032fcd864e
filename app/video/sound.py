"""A waveform comes in; a track of AAC beside a film's pictures, an m4a or a WAV goes out, to a sample as long as it."""

from __future__ import annotations

import io
import wave
from collections.abc import Iterator
from fractions import Fraction
from typing import Any, Final

import av
import numpy as np
from numpy.typing import NDArray

from app.errors import GenerationError
from app.types.waveform import Waveform

AAC_RATES: Final = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)
"""What of AAC's rates every player knows; another is made the last one."""

BITS_A_CHANNEL: Final = 96_000
SAMPLES_A_PACKET: Final = 1024
_LAYOUTS: Final = {1: "mono", 2: "stereo"}
_INDEX_BYTES: Final = 2048
_INDEX_BYTES_A_PACKET: Final = 24  # size 4, chunk offset 8, chunk row 12
_PIECE: Final = 48_000  # samples handed to the encoder at a time


def checked(heard: Waveform) -> Waveform:
    """The sound, if it is finite float32 (channels, N) of one or two channels. Raises GenerationError."""
    samples = heard.samples
    sound = samples.dtype == np.float32 and samples.ndim == 2 and len(samples) in _LAYOUTS and heard.rate > 0
    if not sound or not samples.shape[1] or not np.isfinite(samples).all():
        message = f"Sound must be finite float32 (1 or 2, N), not {samples.dtype} {samples.shape} at {heard.rate} Hz."
        raise GenerationError(message, code="unusable_sound")
    return heard


def encodable(heard: Waveform) -> Waveform:
    """The same at a rate of AAC's."""
    return heard if heard.rate in AAC_RATES else resampled(heard, AAC_RATES[-1])


def resampled(heard: Waveform, rate: int) -> Waveform:
    """The same sound at another rate, and as long."""
    if rate == heard.rate:
        return heard
    layout = _LAYOUTS[len(heard.samples)]
    resampler = av.AudioResampler(format="fltp", layout=layout, rate=rate)
    pieces = [*resampler.resample(_frame(heard.samples, heard.rate, 0)), *resampler.resample(None)]
    samples = np.concatenate([piece.to_ndarray() for piece in pieces], axis=1)
    return Waveform(samples.astype(np.float32), rate).lasting(heard.seconds)


class AacTrack:
    """A sound track of an open PyAV container, written along with the pictures. The same samples give the same bytes.

    Its encoder's delay lies before 0, where an edit list takes it away; the last packet ends with the sound.
    """

    def __init__(self, container: Any, heard: Waveform) -> None:
        self._container = container
        self._samples, self._rate = heard.samples, heard.rate
        channels = len(heard.samples)
        self._stream = container.add_stream("aac", rate=heard.rate, options={"aac_coder": "fast", "flags": "+bitexact"})
        self._stream.codec_context.layout = _LAYOUTS[channels]
        self._stream.codec_context.bit_rate = BITS_A_CHANNEL * channels
        self._at = 0

    def until(self, seconds: float) -> None:
        """Write what is heard up to then."""
        end = min(round(seconds * self._rate), self._samples.shape[1])
        while self._at < end:
            piece = self._samples[:, self._at : min(end, self._at + _PIECE)]
            self._container.mux(self._stream.encode(_frame(piece, self._rate, self._at)))
            self._at += piece.shape[1]

    def end(self) -> None:
        """Write the rest."""
        self.until(self._samples.shape[1] / self._rate)
        self._container.mux(self._stream.encode(None))


def index_bytes(heard: Waveform) -> int:
    """Room for a track in an index that stands in front of the file."""
    packets = int(heard.samples.shape[1]) // SAMPLES_A_PACKET + 3
    return _INDEX_BYTES + packets * _INDEX_BYTES_A_PACKET


def m4a(heard: Waveform) -> bytes:
    """AAC alone. Raises GenerationError."""
    file, heard = io.BytesIO(), encodable(checked(heard))
    layout = {"moov_size": str(index_bytes(heard)), "fflags": "bitexact"}
    try:
        with av.open(file, "w", format="ipod", options=layout) as container:
            AacTrack(container, heard).end()
    except (av.FFmpegError, ValueError) as error:
        raise GenerationError(f"The sound could not be encoded: {error}", code="encoding_failed") from error
    return file.getvalue()


def wav(heard: Waveform) -> bytes:
    """As it was made, in 16 bits. Raises GenerationError."""
    samples = checked(heard).samples
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(len(samples))
        out.setsampwidth(2)
        out.setframerate(heard.rate)
        out.writeframes(np.rint(samples.T.clip(-1, 1) * 32767).astype("<i2").tobytes())
    return file.getvalue()


def sound_of(mp4: bytes) -> Waveform | None:
    """What is heard of a stored video, one or two channels; None: it is silent. Raises GenerationError."""
    try:
        with av.open(io.BytesIO(mp4), "r", format="mp4") as container:
            if not container.streams.audio:
                return None
            stream = container.streams.audio[0]
            layout = _LAYOUTS[min(2, stream.codec_context.channels)]
            resampler = av.AudioResampler(format="fltp", layout=layout, rate=stream.codec_context.sample_rate)
            pieces = list(_decoded(container.decode(stream), resampler))
            rate, seconds = int(stream.codec_context.sample_rate), float(stream.duration * stream.time_base)
    except (av.FFmpegError, ValueError, TypeError) as error:
        raise GenerationError(f"The stored video's sound cannot be read: {error}", code="unreadable_video") from error
    if not pieces:
        return None
    return Waveform(np.concatenate(pieces, axis=1), rate).lasting(seconds)  # the last packet is filled up


def joined(before: Waveform | None, before_s: float, heard: Waveform, frame_s: float) -> Waveform:
    """The sound of a video of `before_s` seconds, silent if it has none, and of the clip behind it.

    The clip's first frame, of `frame_s` seconds, is the last of the video once more, and its sound is left out.
    """
    channels = max(1 if before is None else len(before.samples), len(heard.samples))
    silence = np.zeros((channels, 0), np.float32)
    first = Waveform(silence, heard.rate) if before is None else resampled(before, heard.rate)
    parts = [first.lasting(before_s).samples, heard.samples[:, round(frame_s * heard.rate) :]]
    spread = [np.broadcast_to(part, (channels, part.shape[1])) for part in parts]
    return Waveform(np.ascontiguousarray(np.concatenate(spread, axis=1)), heard.rate)


def _decoded(frames: Iterator[Any], resampler: Any) -> Iterator[NDArray[np.float32]]:
    for frame in frames:
        yield from (piece.to_ndarray().astype(np.float32) for piece in resampler.resample(frame))
    yield from (piece.to_ndarray().astype(np.float32) for piece in resampler.resample(None))


def _frame(samples: NDArray[np.float32], rate: int, at: int) -> Any:
    layout = _LAYOUTS[len(samples)]
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples), format="fltp", layout=layout)
    frame.sample_rate, frame.pts, frame.time_base = rate, at, Fraction(1, rate)
    return frame
