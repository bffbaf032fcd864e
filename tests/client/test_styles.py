"""Styles from Python and from the command."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from app.client.client import Kinoray
from app.client.errors import KinorayClientError
from tests.client.service import Service

Command = Callable[..., Result]


@pytest.mark.anyio
async def test_styles_are_listed_and_recommended(service: Service, client: Kinoray) -> None:
    [style] = await client.styles()
    assert (style.id, style.tier, style.uses, style.your_uses) == ("commercial", "premium", 7, 2)
    assert style.extra["a_newer_field"] == 1
    [best] = await client.recommend_styles("a watch", limit=1)
    assert (best.style, best.score, best.reason) == (style, 0.41, "It is near.")


@pytest.mark.anyio
async def test_a_style_is_made_shared_and_deleted(service: Service, client: Kinoray) -> None:
    made = await client.create_style("Night", after="at night", tier=None)
    assert service.bodies == [{"name": "Night", "after": "at night"}]
    assert (made.id, made.name, made.owner, made.shared) == ("style_1", "Night", "you", False)
    assert (await client.share_style(made.id)).shared
    assert not (await client.share_style(made.id, shared=False)).shared
    assert await client.delete_style(made.id)
    assert [style.id for style in await client.styles()] == ["commercial"]


@pytest.mark.anyio
async def test_what_is_no_style_is_not_taken_for_one(service: Service, client: Kinoray) -> None:
    service.styles["broken"] = {"name": "no id"}
    with pytest.raises(KinorayClientError, match="no id"):
        await client.styles()


def test_the_command_lists_and_recommends(service: Service, kinoray: Command) -> None:
    listed = kinoray("styles").stdout
    assert "commercial" in listed
    assert "A product  [31mshot." in listed
    advised = kinoray("styles", "a watch").stdout
    assert "0.41" in advised
    assert "It is near." in advised
    assert json.loads(kinoray("styles", "--json").stdout)[0]["id"] == "commercial"
    assert json.loads(kinoray("styles", "a watch", "--json").stdout)[0]["score"] == 0.41


def test_generate_names_a_style(service: Service, kinoray: Command, tmp_path: Path) -> None:
    done = kinoray("generate", "a watch", "-o", str(tmp_path / "out.mp4"), "--style", "commercial")
    assert done.exit_code == 0, done.output
    assert service.bodies == [{"prompt": "a watch", "style": "commercial"}]
