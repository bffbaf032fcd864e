from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from app.video.film.sound.loudness import LoudnessMeter
from app.video.film.sound.music import Bed, ducking, file_bed, level, own_bed
from app.video.film.sound.samples import RATE, Samples
from tests.video.film.conftest import write_sound


def test_the_bed_of_our_own_begins_softly_goes_round_without_a_click_and_is_always_the_same(tmp_path: Path) -> None:
    bed, again = own_bed(tmp_path / "a.f32"), own_bed(tmp_path / "b.f32")
    whole = bed.read(0, 40 * RATE)
    assert np.array_equal(whole, again.read(0, 40 * RATE))
    assert np.array_equal(whole[16 * RATE : 32 * RATE], whole[: 16 * RATE])
    assert np.abs(np.diff(whole)).max() < 0.02
    assert np.abs(whole[:200]).max() < 0.01
    assert 0.02 < np.abs(whole).max() < 0.5
    assert np.array_equal(bed.read(15 * RATE, 2 * RATE), whole[15 * RATE : 17 * RATE])
    bed.close()
    again.close()


def test_a_file_that_is_too_short_goes_over_into_itself(tmp_path: Path) -> None:
    sound = 0.2 * np.sin(2 * np.pi * 100 * np.arange(3 * RATE) / RATE)
    bed = file_bed(write_sound(tmp_path / "m.flac", sound, RATE), tmp_path / "m.f32", 20 * RATE)
    heard = bed.read(0, 12 * RATE)
    assert np.allclose(heard[: 2 * RATE], sound[: 2 * RATE], atol=1e-3)
    turn = 2.5 * RATE  # half a second lies over the next beginning
    assert np.allclose(heard[int(2 * turn) + RATE : int(3 * turn)], sound[RATE : int(turn)], atol=1e-3)
    # At every join it is neither silent nor does it jump.
    assert np.abs(np.diff(heard)).max() < 0.01
    assert min(np.abs(heard[start : start + 4800]).max() for start in range(0, 11 * RATE, 4800)) > 0.15
    bed.close()


def test_a_file_that_lasts_is_not_read_beyond_the_films_end(tmp_path: Path) -> None:
    sound = np.random.default_rng(0).uniform(-0.3, 0.3, 5 * RATE)
    bed = file_bed(write_sound(tmp_path / "m.flac", sound, RATE), tmp_path / "m.f32", 2 * RATE)
    assert np.allclose(bed.read(0, 2 * RATE), sound[: 2 * RATE], atol=1e-3)
    assert (tmp_path / "m.f32").stat().st_size == 2 * RATE * 4
    bed.close()


@pytest.mark.parametrize("wanted", [1.0, 0.5, 0.1])
def test_music_is_as_loud_as_its_level_whatever_it_was(tmp_path: Path, wanted: float) -> None:
    sound = 0.01 * np.random.default_rng(0).standard_normal(6 * RATE)
    bed = file_bed(write_sound(tmp_path / "m.flac", sound, RATE), tmp_path / "m.f32", 6 * RATE)
    level(bed, 6 * RATE, wanted)
    meter = LoudnessMeter()
    meter.take(bed.read(0, 6 * RATE))
    assert meter.lufs() == pytest.approx(-16 + 20 * np.log10(wanted), abs=0.2)
    bed.close()


def test_silent_music_stays_silent(tmp_path: Path) -> None:
    bed = Bed(Samples(tmp_path / "m.f32", 2 * RATE), 0)
    level(bed, 2 * RATE, 1.0)
    assert not bed.read(0, 2 * RATE).any()
    bed.close()


def test_music_is_twelve_decibels_lower_while_somebody_speaks_and_never_jumps() -> None:
    spoken = [(5 * RATE, 7 * RATE), (8 * RATE, 9 * RATE), (14 * RATE, 15 * RATE)]
    gain = ducking(spoken, 20 * RATE)(0, 20 * RATE)
    at = {second: 20 * np.log10(gain[int(second * RATE)]) for second in (3, 5, 6, 7.5, 8.9, 11, 14.5, 17)}
    assert at == pytest.approx({3: 0, 5: -12, 6: -12, 7.5: -12, 8.9: -12, 11: 0, 14.5: -12, 17: 0}, abs=0.01)
    assert max(gain[0], gain[-1]) < 1e-4
    assert np.abs(np.diff(gain)).max() < 1e-3
    piece = ducking(spoken, 20 * RATE)(4 * RATE, 5000)
    assert np.array_equal(piece, gain[4 * RATE : 4 * RATE + 5000])
