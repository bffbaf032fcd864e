from __future__ import annotations

from pathlib import Path

import numpy as np

from app.video.film.sound.limiter import limited, limited_piece
from app.video.film.sound.loudness import true_peaks
from app.video.film.sound.samples import Samples


def test_nothing_is_higher_than_the_ceiling_however_loud_it_was() -> None:
    rng = np.random.default_rng(0)
    sound = (rng.standard_normal(60_000) * np.repeat(rng.uniform(0, 2, 60), 1000)).astype(np.float32)
    held = limited(sound, 0.8)
    assert np.abs(held).max() <= 0.8001
    assert true_peaks(held).max() <= 0.8 * 1.02


def test_what_is_low_enough_and_far_from_a_peak_is_not_touched() -> None:
    sound = (0.3 * np.sin(np.arange(48_000) / 20)).astype(np.float32)
    assert np.array_equal(limited(sound, 0.8), sound)
    sound[24_000] = 3.0
    held = limited(sound, 0.8)
    assert np.allclose(held[:22_900], sound[:22_900])
    assert np.allclose(held[25_100:], sound[25_100:])
    assert abs(held[24_000]) <= 0.8001


def test_a_long_track_is_limited_in_pieces_as_if_it_were_one(tmp_path: Path) -> None:
    sound = np.random.default_rng(0).standard_normal(50_000).astype(np.float32)
    samples = Samples(tmp_path / "a.f32", len(sound))
    samples.write(0, sound)
    pieces = [limited_piece(samples, start, min(7000, 50_000 - start), 1.5, 0.8) for start in range(0, 50_000, 7000)]
    samples.close()
    whole = limited(np.pad(sound * np.float32(1.5), 2000), 0.8)[2000:-2000]
    assert np.allclose(np.concatenate(pieces), whole, atol=1e-6)
