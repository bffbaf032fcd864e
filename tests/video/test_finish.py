from __future__ import annotations

from time import perf_counter

import numpy as np
import pytest

from app.errors import GenerationError
from app.video.encode import Frames
from app.video.finish import TRIES, WAITS_S, again_in, finish


def test_a_job_gets_three_files_of_openai_s_kinds(rolling: Frames) -> None:
    files = finish(rolling, 8)
    assert {variant: (file.content_type, file.extension) for variant, file in files.items()} == {
        "video": ("video/mp4", ".mp4"),
        "thumbnail": ("image/webp", ".webp"),
        "spritesheet": ("image/jpeg", ".jpg"),
    }
    assert all(file.content for file in files.values())


def test_finishing_twice_gives_the_same_files(rolling: Frames) -> None:
    assert finish(rolling, 8) == finish(rolling, 8)


def test_finishing_is_quick(rolling: Frames) -> None:
    finish(rolling, 8)
    started = perf_counter()
    finish(rolling, 8)
    assert perf_counter() - started < 0.5  # about 20 ms; the slack is for a busy machine


def test_unusable_frames_are_a_typed_error() -> None:
    with pytest.raises(GenerationError):
        finish(np.zeros((0, 8, 8, 3), np.uint8), 8)


def test_what_is_away_is_waited_for_longer_than_what_fails() -> None:
    assert [again_in(tries, away=True) for tries in range(1, len(WAITS_S) + 2)] == [*WAITS_S, None]
    assert [again_in(tries, away=False) for tries in (1, TRIES)] == [WAITS_S[0], None]
    assert 60 < sum(WAITS_S) < 120
