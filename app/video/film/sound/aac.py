"""Samples come in, an m4a of AAC goes out, in which the encoder's delay is taken away again by an edit list."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import av
import numpy as np

from app.video.film.sound.samples import RATE, Sound

BIT_RATE: Final = 128_000
_CODER: Final = "fast"  # FFmpeg's word for the one that is better, too, at such a rate


def write_m4a(path: Path, pieces: Iterable[Sound], language: str) -> None:
    """Encode mono pieces in order. The same samples give the same bytes."""
    layout = {"movflags": "+faststart", "fflags": "bitexact"}
    with av.open(str(path), "w", format="ipod", options=layout) as container:
        stream: Any = container.add_stream("aac", rate=RATE, options={"aac_coder": _CODER, "flags": "+bitexact"})
        stream.codec_context.layout = "mono"
        stream.codec_context.bit_rate = BIT_RATE
        stream.metadata["language"] = language
        at = 0
        for piece in (part for whole in pieces for part in np.split(whole, range(RATE, len(whole), RATE))):
            frame: Any = av.AudioFrame.from_ndarray(piece[None], format="fltp", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = RATE, at, Fraction(1, RATE)
            at += len(piece)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
