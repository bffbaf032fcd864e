from __future__ import annotations

import pytest

from app.errors import InvalidRequest, StoreUnavailable
from app.plan.styles.lookup import count_use, find_style
from app.plan.styles.presets import MemoryPresets, Preset, Presets, Usage
from app.plan.styles.styles import TEMPLATES, Style, StyledRequest, apply
from app.types import Caller, VideoRequest
from tests.plan.styles.presets import a_preset

pytestmark = pytest.mark.anyio

ANN, BEN = Caller("ann"), Caller("ben")


class Away(MemoryPresets):
    """A store that does not answer."""

    async def get(self, style_id: str, tenant: str) -> Preset:
        raise StoreUnavailable("Redis: ConnectionError.")

    async def count(self, style_id: str, tenant: str, now: float) -> None:
        raise StoreUnavailable("Redis: ConnectionError.")


async def styled(request: VideoRequest, caller: Caller, presets: Presets) -> StyledRequest:
    """As a draft does it, but for enhancement."""
    if request.style is None:
        return StyledRequest(request)
    return apply(await find_style(request.style, caller, presets), request)


def asking(style: str | None) -> VideoRequest:
    return VideoRequest("a red ball", style=style)


async def test_without_a_style_the_request_stays_as_it_is() -> None:
    found = await styled(asking(None), ANN, MemoryPresets())
    assert (found.request, found.style, found.reason) == (asking(None), None, None)


@pytest.mark.parametrize("name", ["cinematic", " Cinematic "])
async def test_the_servers_styles_need_no_store(name: str) -> None:
    assert (await styled(asking(name), ANN, Away())).style == TEMPLATES["cinematic"]


async def test_ones_own_and_shared_styles_are_found_by_id() -> None:
    presets, preset = MemoryPresets(), a_preset("ann")
    await presets.create(preset)
    assert (await styled(asking(preset.style.id), ANN, presets)).style == preset.style
    with pytest.raises(InvalidRequest):
        await styled(asking(preset.style.id), BEN, presets)
    await presets.share(preset.style.id, "ann", 1.0)
    assert (await styled(asking(preset.style.id), BEN, presets)).request.prompt == "a red ball, at night"


async def test_an_unknown_style_is_refused_with_the_one_probably_meant() -> None:
    presets = MemoryPresets()
    await presets.create(Preset(Style("style_1", "Neon rain", after="neon"), "ann", 1.0))
    for asked, meant in (("cinematc", "'cinematic'"), ("neon rains", "'style_1'")):
        with pytest.raises(InvalidRequest, match=f"Did you mean {meant}") as refused:
            await styled(asking(asked), ANN, presets)
        assert (refused.value.param, refused.value.error_code) == ("style", "unknown_style")


@pytest.mark.parametrize("asked", ["", "zzzzzzzz", "../x", "x" * 5000, "\x00*", "style:{a}"])
async def test_no_text_is_too_odd_to_be_refused(asked: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        await styled(asking(asked), ANN, MemoryPresets())
    assert len(refused.value.message) < 300


async def test_a_preset_cannot_be_had_while_the_store_is_away() -> None:
    with pytest.raises(StoreUnavailable):
        await styled(asking("style_1"), ANN, Away())


async def test_uses_are_counted_and_never_in_the_way() -> None:
    presets = MemoryPresets()
    await count_use("social", ANN, presets, 3.0)
    await count_use(None, ANN, presets, 4.0)
    await count_use("social", ANN, Away(), 5.0)
    assert await presets.usage(["social"], "ann") == (Usage(1, 1, 3.0),)
