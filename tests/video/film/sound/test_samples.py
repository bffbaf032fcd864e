from __future__ import annotations

from pathlib import Path

import numpy as np

from app.video.film.sound.samples import Samples


def test_what_lies_outside_is_silent_and_what_is_written_there_is_left_out(tmp_path: Path) -> None:
    samples = Samples(tmp_path / "a.f32", 10)
    samples.write(-2, np.arange(1, 6, dtype=np.float32))
    samples.add(1, np.full(3, 10, np.float32))
    samples.add(8, np.full(5, 7, np.float32))
    assert samples.read(-1, 12).tolist() == [0, 3, 14, 15, 10, 0, 0, 0, 0, 7, 7, 0]
    assert [(start, len(piece)) for start, piece in samples.pieces(4)] == [(0, 4), (4, 4), (8, 2)]
    samples.write(20, np.ones(3, np.float32))
    samples.close()
    assert (tmp_path / "a.f32").stat().st_size == 40
