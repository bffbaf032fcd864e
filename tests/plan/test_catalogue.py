from __future__ import annotations

from dataclasses import replace

import pytest

from app.errors import ModelNotFound
from app.plan.catalogue import Catalogue
from app.types import ModelProfile
from tests.plan.conftest import CATALOGUE, SHAPES


@pytest.mark.parametrize("name", [None, "kinoray-shapes", "sora-2"])
def test_a_model_is_found_by_default_id_or_alias(name: str | None) -> None:
    assert CATALOGUE.find(name) is SHAPES


def test_a_near_name_gets_a_suggestion() -> None:
    with pytest.raises(ModelNotFound, match="Did you mean 'kinoray-shapes'") as caught:
        CATALOGUE.find("kinoray-shape")
    assert (caught.value.status, caught.value.param) == (404, "model")


@pytest.mark.parametrize("name", ["", "../../etc", "x" * 100_000])
def test_any_other_name_is_a_typed_error_of_bounded_length(name: str) -> None:
    with pytest.raises(ModelNotFound) as caught:
        CATALOGUE.find(name)
    assert len(caught.value.message) < 300


def test_the_default_may_be_an_alias() -> None:
    assert Catalogue([SHAPES], "sora-2", {"sora-2": "kinoray-shapes"}).find().id == "kinoray-shapes"


@pytest.mark.parametrize(
    "broken",
    [
        replace(SHAPES, sizes=()),
        replace(SHAPES, frames=(17, 5)),
        replace(SHAPES, default_frames=16),
        replace(SHAPES, default_fps=30),
        replace(SHAPES, step_s=0.0),
    ],
)
def test_a_profile_that_contradicts_itself_is_refused(broken: ModelProfile) -> None:
    with pytest.raises(ValueError, match="contradicts itself"):
        Catalogue([broken], broken.id)


@pytest.mark.parametrize(("default", "aliases"), [("other", {}), ("kinoray-shapes", {"sora-2": "other"})])
def test_a_default_or_alias_without_a_model_is_refused(default: str, aliases: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="other"):
        Catalogue([SHAPES], default, aliases)


def test_two_models_of_one_id_are_refused() -> None:
    with pytest.raises(ValueError, match="two models"):
        Catalogue([SHAPES, SHAPES], SHAPES.id)
