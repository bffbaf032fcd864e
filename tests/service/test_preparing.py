"""A picture is looked at once for each subject and model, by its tenant, and what was found is remembered."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from app.cache.memory import MemoryCache
from app.errors import InvalidRequest
from app.service.decoding import Decoding
from app.service.preparing import LEVEL, Preparing
from app.settings import Settings
from app.types import Prepare, VideoSpec
from app.video.picture import as_png, pixels_of
from tests.video.subjects.drawn import iou, person, scenes, without_subject
from tests.video.subjects.tiny_onnx import red_model

pytestmark = pytest.mark.anyio
SPEC = VideoSpec(64, 64, 17, 8)
CUT = Prepare(background="remove", crop="subject")
PIXELS, TRUTH = scenes(1, 128)[0]
PICTURE = as_png(Image.fromarray(PIXELS))


def preparing(cache: MemoryCache | None = None, **settings: object) -> Preparing:
    return Preparing(cache or MemoryCache(2**20), Decoding(), Settings(**settings))  # type: ignore[arg-type]


async def test_what_was_found_is_told_and_remembered_for_its_tenant_alone() -> None:
    cache = MemoryCache(2**20)
    first, seen = await preparing(cache).prepare(PICTURE, CUT, SPEC, "ann")
    again, remembered = await preparing(cache).prepare(PICTURE, CUT, SPEC, "ann")
    assert first == again
    assert (seen.cached, remembered.cached) == (False, True)
    assert (seen.box, seen.coverage) == (remembered.box, remembered.coverage)
    rows, columns = np.nonzero(TRUTH)
    assert seen.box is not None
    assert np.abs(np.array(seen.box[:2]) - [columns.min(), rows.min()]).max() <= 2
    assert seen.coverage == pytest.approx(TRUTH.mean(), rel=0.1)
    assert (await preparing(cache).prepare(PICTURE, CUT, SPEC, "ben"))[1].cached is False
    other = await preparing(cache).prepare(PICTURE, Prepare(background="blur"), SPEC, "ann")
    assert other[1].cached, "the same subject, shown otherwise"


async def test_a_subject_that_is_not_there_is_refused_and_that_is_remembered() -> None:
    cache = MemoryCache(2**20)
    flat = as_png(Image.fromarray(without_subject()["flat"]))
    for _ in range(2):
        with pytest.raises(InvalidRequest) as caught:
            await preparing(cache).prepare(flat, CUT, SPEC, "ann")
        assert (caught.value.error_code, caught.value.param) == ("no_subject", "prepare")
    with pytest.raises(InvalidRequest, match="no person"):
        await preparing(cache).prepare(PICTURE, Prepare("person"), SPEC, "ann")
    assert (await cache.figures())[LEVEL].hits == 1


async def test_nobody_looks_where_no_subject_is_needed() -> None:
    cache = MemoryCache(2**20)
    flat = as_png(Image.fromarray(without_subject()["flat"]))
    made, seen = await preparing(cache).prepare(flat, Prepare(crop="contain"), VideoSpec(64, 32, 17, 8), "ann")
    assert pixels_of(made).shape == (200, 400, 3)
    assert (seen.model, seen.box, seen.coverage) == ("", None, None)
    assert LEVEL not in await cache.figures()


async def test_people_are_found_by_their_own_detector() -> None:
    pixels, _ = person()
    _, seen = await preparing().prepare(as_png(Image.fromarray(pixels)), Prepare("person", "#00ff00"), SPEC, "ann")
    assert seen.model.startswith("hog-")


async def test_a_model_of_ones_own_is_used_and_asked_anew(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    cache = MemoryCache(2**20)
    pixels = np.zeros((64, 64, 3), np.uint8)
    pixels[16:48, 16:48, 0] = 255
    picture = as_png(Image.fromarray(pixels))
    await preparing(cache).prepare(picture, CUT, SPEC, "ann")
    own = preparing(cache, prepare_foreground_model=red_model(tmp_path / "red.onnx"))
    _, seen = await own.prepare(picture, CUT, SPEC, "ann")
    assert seen.model.startswith("onnx-")
    assert not seen.cached


async def test_what_is_remembered_and_damaged_is_looked_for_anew() -> None:
    class Damaged(MemoryCache):
        async def get(self, level: str, key: str) -> bytes | None:
            return b"no picture"

    made, seen = await preparing(Damaged(2**20)).prepare(PICTURE, CUT, SPEC, "ann")
    assert not seen.cached
    assert (
        iou(
            np.where((pixels_of(made) == 255).all(-1), 0, 255).astype(np.uint8),
            np.ones(pixels_of(made).shape[:2], bool),
        )
        > 0
    )
