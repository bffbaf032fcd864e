from __future__ import annotations

import numpy as np
import pytest

from app.captions.cue import Cue
from app.captions.picture import CaptionPicture
from app.types.storyboard import CaptionMode
from app.video.encode import yuv420p
from app.video.film.burn import Burner, lay, overlay
from app.video.film.script import FilmScript
from app.video.join import rgb
from tests.video.conftest import COLOURS, flat
from tests.video.film.conftest import scene


def picture(top: int, left: int, alpha: int, height: int = 20, width: int = 30) -> CaptionPicture:
    pixels = np.full((height, width, 4), (250, 240, 30, alpha), np.uint8)
    return CaptionPicture(pixels, top, left)


@pytest.mark.parametrize("ground", COLOURS)
@pytest.mark.parametrize("alpha", [0, 80, 255])
@pytest.mark.parametrize(("top", "left"), [(20, 10), (21, 11), (44, 34)])
def test_a_caption_laid_on_planes_is_what_it_is_when_it_is_blended_in_colours(
    ground: tuple[int, int, int], alpha: int, top: int, left: int
) -> None:
    frame = flat(ground, 1)[0]
    planes = yuv420p(frame)
    caption = picture(top, left, alpha)
    lay(planes, overlay(caption))
    caption.blend(frame)
    away = np.abs(rgb(planes).astype(int) - rgb(yuv420p(frame)))
    assert away[top + 2 : top + 18, left + 2 : left + 28].max() <= 4
    assert away[: top - 2].max() <= 4
    assert away.max() <= 12  # along the edges colours are halved


def test_a_caption_is_drawn_for_its_frames_and_the_frame_it_came_from_is_left_alone() -> None:
    cues = (Cue(0.25, 0.5, ("one",)), Cue(0.5, 1.0, ("two",)))
    script = FilmScript(64, 64, 8, (scene(frames=12),), cues=cues, captions=CaptionMode.BURNT)
    ground = yuv420p(flat(COLOURS[5], 1)[0])
    burner = Burner(script)
    shown = [burner.burnt(number, ground) for number in range(12)]
    same = [np.array_equal(each, ground) for each in shown]
    assert same == [number < 2 or number >= 8 for number in range(12)]
    assert np.array_equal(shown[2], shown[3])
    assert not np.array_equal(shown[3], shown[4])
    assert np.array_equal(ground, yuv420p(flat(COLOURS[5], 1)[0]))


def test_frames_that_are_not_asked_for_do_not_keep_the_next_caption_back() -> None:
    cues = (Cue(0.0, 0.25, ("one",)), Cue(0.5, 1.0, ("two",)), Cue(0.0, 0.0, ("",)))
    script = FilmScript(64, 64, 8, (scene(frames=12),), cues=cues, captions=CaptionMode.BURNT)
    ground = yuv420p(flat(COLOURS[5], 1)[0])
    late, all_of_them = Burner(script), Burner(script)
    for number in range(6):
        all_of_them.burnt(number, ground)
    assert np.array_equal(late.burnt(6, ground), all_of_them.burnt(6, ground))
    assert not np.array_equal(late.burnt(7, ground), ground)
