"""Several models in one service, one with a text encoder of its own deployment, and still images through `openai`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.deployments.several import POOLS, SIZE

ROOT = Path(__file__).parent.parent.parent

pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a service of five models answered; in a process of its own: this one has a Ray already."""
    command = [sys.executable, "-m", "tests.deployments.several", str(tmp_path_factory.mktemp("several"))]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=280)
    assert ran.returncode == 0, ran.stderr[-4000:]
    told: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
    return told


def test_every_model_has_its_pool(found: dict[str, Any]) -> None:
    assert found["pools"] == {"main": "kinoray-shapes", **{pool: pool for pool in POOLS}}
    assert set(found["models"]) == {"kinoray-shapes", *POOLS}


@pytest.mark.parametrize("name", ["kinoray-shapes", "words", "words with style", "looks", "quick"])
def test_every_model_makes_its_video(found: dict[str, Any], name: str) -> None:
    made = found[name]
    assert (made["status"], made["error"]) == ("completed", None)
    assert made["bytes"] > 500


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
