from __future__ import annotations

from dataclasses import replace

import pytest

from app.errors import InvalidRequest
from app.models.served import profile_of
from app.plan.families import FAMILIES
from app.plan.shape import shape
from app.settings.model_entry import ModelEntry
from app.types import VideoRequest


def size(
    family: str, ratio: str | None, resolution: str | None, width: int | None = None, height: int | None = None
) -> str:
    model = profile_of(ModelEntry(id="m", family=family, source="s"), FAMILIES[family], "1")
    return shape(VideoRequest("a", width=width, height=height, aspect_ratio=ratio, resolution=resolution), model).size


@pytest.mark.parametrize(
    ("family", "ratio", "resolution", "made"),
    [
        ("wan2.1-t2v-14b", "16:9", "720p", "1280x720"),
        ("wan2.1-t2v-14b", "16:9", "480P", "832x480"),
        ("wan2.1-t2v-14b", "9:16", "480", "480x832"),
        ("wan2.1-t2v-14b", "1:1", "720p", "960x960"),
        ("wan2.1-t2v-14b", "1:1", "480p", "624x624"),
        ("wan2.1-t2v-14b", "square", None, "960x960"),
        ("wan2.1-t2v-14b", None, "480p", "832x480"),
        ("wan2.1-t2v-14b", "portrait", "hd", "720x1280"),
        ("wan2.1-t2v-14b", "auto", "adaptive", "1280x720"),
        ("wan2.1-t2v-14b", "832:480", None, "832x480"),
        ("wan2.1-t2v-14b", None, "480*832", "480x832"),
        ("wan2.2-ti2v-5b", "16:9", "720p", "1280x704"),
        ("wan2.2-ti2v-5b", "9:16", None, "704x1280"),
        ("ltx-video", "3:2", None, "768x512"),
        ("z-image-turbo", "4:3", None, "1152x864"),
    ],
)
def test_a_form_is_the_size_that_is_called_so(
    family: str, ratio: str | None, resolution: str | None, made: str
) -> None:
    assert size(family, ratio, resolution) == made


@pytest.mark.parametrize(
    ("ratio", "resolution", "param", "code"),
    [
        ("21:9", None, "aspect_ratio", "unsupported_size"),
        ("16:9", "1080p", "resolution", "unsupported_size"),
        (None, "4k", "resolution", "unsupported_size"),
        ("wide", None, "aspect_ratio", "invalid_request"),
        ("0:9", None, "aspect_ratio", "invalid_request"),
        (None, "-720p", "resolution", "invalid_request"),
        (None, "00", "resolution", "invalid_request"),
    ],
)
def test_a_form_that_there_is_not_is_refused_by_its_field(
    ratio: str | None, resolution: str | None, param: str, code: str
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        size("wan2.1-t2v-14b", ratio, resolution)
    assert (caught.value.param, caught.value.error_code) == (param, code)


def test_a_form_has_to_agree_with_a_size_beside_it() -> None:
    assert size("wan2.1-t2v-14b", "16:9", "480p", width=832, height=480) == "832x480"
    with pytest.raises(InvalidRequest, match="it makes 832x480"):
        size("wan2.1-t2v-14b", "9:16", None, width=832, height=480)


def test_a_tier_of_small_sizes_has_the_ratio_in_its_own() -> None:
    model = profile_of(ModelEntry(id="m", family="wan2.1-t2v-14b", source="s"), FAMILIES["wan2.1-t2v-14b"], "1")
    small = replace(model, sizes=((832, 480), (480, 832)))
    assert shape(VideoRequest("a", aspect_ratio="9:16"), small).size == "480x832"
