from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from app.errors import GenerationError
from app.types import FLOW, MODEL, OFF, Postprocessing
from app.video.encode import Frames, encode_each
from app.video.finish import Shown, finish
from app.video.join import frames_of
from app.video.postprocess import PostprocessingFiles, Postprocessor, Upscaler, digest_of_file
from app.video.upscale.lanczos import lanczos
from tests.video.interpolate.test_torchscript import Blend, saved

BRINGS = Postprocessor(PostprocessingFiles())


def test_frames_that_were_made_are_shown_and_others_lie_between(rolling: Frames) -> None:
    shown = list(BRINGS.pictures(rolling, 8, Postprocessing(65, 32, FLOW)))
    assert len(shown) == 65
    assert np.array_equal(np.stack(shown[::4]), rolling)
    places = [np.argwhere((each == (222, 30, 36)).all(-1))[:, 1].mean() for each in shown]
    steps = np.diff(places)
    assert np.all(steps > 0.5)  # 5 pixels in 4 frames: it moves on in each
    assert np.abs(steps - 1.25).max() < 0.75


def test_pictures_are_interpolated_first_and_then_enlarged(rolling: Frames) -> None:
    between = list(BRINGS.pictures(rolling[:3], 8, Postprocessing(5, 16, FLOW)))
    both = list(BRINGS.pictures(rolling[:3], 8, Postprocessing(5, 16, FLOW, upscale=2)))
    assert all(np.array_equal(one, lanczos(other, 2)) for one, other in zip(both, between, strict=True))


def test_pictures_are_made_only_as_they_are_taken(rolling: Frames) -> None:
    coming = BRINGS.pictures(np.broadcast_to(rolling[:1], (10**6, 128, 128, 3)), 8, Postprocessing(10**6, 8, upscale=4))
    assert next(coming).shape == (512, 512, 3)


def test_the_same_frames_make_the_same_file(rolling: Frames) -> None:
    more = Postprocessing(9, 16, FLOW, upscale=2)
    files = [encode_each(BRINGS.pictures(rolling[:5], 8, more), 9, 16) for _ in range(2)]
    assert files[0] == files[1]
    assert frames_of(files[0], 256, 256).shape == (9, 256, 256, 3)


def test_a_picture_is_enlarged_in_every_format(rolling: Frames) -> None:
    more = Postprocessing(1, 8, upscale=4)
    files = finish(rolling[:1], 8, Shown(BRINGS.pictures(rolling[:1], 8, more), 1))
    assert set(files) == {"png", "jpeg", "webp", "video", "thumbnail", "spritesheet"}
    assert frames_of(files["video"].content, 512, 512).shape == (1, 512, 512, 3)


def test_the_operators_module_is_used_and_held_to_the_plans_digest(tmp_path: Path, rolling: Frames) -> None:
    path = saved(Blend(), tmp_path)
    here, mark = Postprocessor(PostprocessingFiles(path)), digest_of_file(path)
    made = list(here.pictures(rolling[:2], 8, Postprocessing(3, 16, MODEL, interpolate_mark=mark)))
    assert np.abs(made[1].astype(float) - (rolling[0].astype(float) + rolling[1]) / 2).max() <= 0.5
    for files in (PostprocessingFiles(path), PostprocessingFiles(tmp_path / "gone.pt"), PostprocessingFiles()):
        with pytest.raises(GenerationError) as caught:
            list(Postprocessor(files).pictures(rolling[:2], 8, Postprocessing(3, 16, MODEL, interpolate_mark="other")))
        assert caught.value.error_code in ("model_file_changed", "interpolation_failed")


def test_a_models_own_upscaler_is_opened_by_its_digest_once(rolling: Frames) -> None:
    opened = list[int]()

    def own(factor: int) -> Upscaler:
        opened.append(factor)
        return lambda picture: lanczos(255 - picture, factor)

    here, more = Postprocessor(PostprocessingFiles(own={"own": own})), Postprocessing(2, 8, OFF, 2, upscale_mark="own")
    for _ in range(2):
        made = list(here.pictures(rolling[:2], 8, more))
    assert np.array_equal(made[0], lanczos(255 - rolling[0], 2))
    assert opened == [2]


def test_an_upscaler_that_is_not_here_ends_the_job_with_a_word(rolling: Frames, tmp_path: Path) -> None:
    torch.save({}, tmp_path / "x2.pth")
    more = Postprocessing(2, 8, OFF, 2, upscale_mark="a digest")
    for files in (PostprocessingFiles(), PostprocessingFiles(upscaling={2: tmp_path / "x2.pth"})):
        with pytest.raises(GenerationError) as caught:
            list(Postprocessor(files).pictures(rolling[:2], 8, more))
        assert caught.value.error_code in ("model_file_changed", "upscaling_failed")
