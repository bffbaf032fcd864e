"""Several models in one service, one with a text encoder of its own deployment, and still images through `openai`."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from cluster.local import LocalService
from tests.deployments.several import POOLS, SIZE, ask


@pytest.fixture(scope="module")
def found(several_models: None, shared_ray: LocalService) -> dict[str, Any]:
    """What a service of five models answered."""
    return asyncio.run(ask(shared_ray.url))


def test_every_model_has_its_pool(found: dict[str, Any]) -> None:
    assert found["pools"] == {"main": "kinoray-shapes", **{pool: pool for pool in POOLS}}
    assert set(found["models"]) == {"kinoray-shapes", *POOLS}


@pytest.mark.parametrize("name", ["kinoray-shapes", "words", "words with style", "looks", "quick", "sounds"])
def test_every_model_makes_its_video(found: dict[str, Any], name: str) -> None:
    made = found[name]
    assert (made["status"], made["error"]) == ("completed", None)
    assert made["bytes"] > 500


def test_a_model_with_sound_makes_one_file_of_both_which_end_together(found: dict[str, Any]) -> None:
    heard = found["heard"]
    assert heard["streams"].keys() == {"h264", "aac"}
    assert heard["streams"]["h264"] == pytest.approx(9 / 24)
    assert heard["streams"]["aac"] == pytest.approx(9 / 24, abs=1 / 24)
    assert heard["samples"] == (2, 16000, 6000)
    assert heard["m4a"] == {"aac": pytest.approx(9 / 24, abs=1 / 24)}


def test_its_video_is_silent_where_none_is_wanted_and_shows_the_same(found: dict[str, Any]) -> None:
    heard = found["heard"]
    assert heard["silent"].keys() == {"h264"}
    assert heard["told"] == (True, False)
    assert heard["same pictures"]


def test_who_makes_sound_is_told_and_who_does_not_refuses_it(found: dict[str, Any]) -> None:
    assert found["makes sound"] == ["sounds"]
    assert (found["sound of words"]["status"], found["sound of words"]["param"]) == (400, "audio")


def test_a_prompt_that_the_shared_encoder_has_read_is_not_read_again(found: dict[str, Any]) -> None:
    assert (found["words"]["heard"], found["words again"]["heard"]) == (False, True)


def test_still_images_come_through_the_openai_package(found: dict[str, Any]) -> None:
    assert [tuple(size) for size in found["stills"]] == [SIZE, SIZE]


@pytest.mark.parametrize(
    ("name", "param"),
    [("looks at nothing", "input_reference"), ("a picture for words", "input_reference"), ("another size", "size")],
)
def test_what_a_model_does_not_make_is_refused_by_name(found: dict[str, Any], name: str, param: str) -> None:
    assert (found[name]["status"], found[name]["param"]) == (400, param)


def test_a_model_of_still_images_makes_no_videos_under_the_videos_api(found: dict[str, Any]) -> None:
    assert found["a video of stills"]["status"] in (200, 400)
