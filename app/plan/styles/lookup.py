"""The name of a style comes in, the style that the caller may use goes out; made jobs are counted as uses."""

from __future__ import annotations

from contextlib import suppress

from app.errors import InvalidRequest, NotFound, StoreUnavailable
from app.plan.styles.presets import Presets
from app.plan.styles.styles import TEMPLATES, Style, is_id
from app.plan.suggest import nearest
from app.types import Caller


async def find_style(asked: str, caller: Caller, presets: Presets) -> Style:
    """A style by its id: the server's, the caller's own or a shared one. Raises InvalidRequest with a suggestion."""
    style_id = asked.strip().casefold()
    if style_id in TEMPLATES:
        return TEMPLATES[style_id]
    if is_id(style_id):
        with suppress(NotFound):
            return (await presets.get(style_id, caller.tenant)).style
    raise await _unknown(asked, caller, presets)


async def count_use(style_id: str | None, caller: Caller, presets: Presets, now: float) -> None:
    """Note that a job was made in a style; figures are never worth a refusal."""
    if style_id is None:
        return
    try:
        await presets.count(style_id, caller.tenant, now)
    except StoreUnavailable:
        return


async def _unknown(asked: str, caller: Caller, presets: Presets) -> InvalidRequest:
    own = {preset.style.id: preset.style.name.casefold() for preset in await presets.own(caller.tenant)}
    names = {**own, **{style_id: style_id for style_id in TEMPLATES}}
    near = nearest(asked[:64], names.values())
    meant = next((style_id for style_id, name in names.items() if name == near), None)
    hint = f" Did you mean {meant!r}?" if meant else ""
    message = f"There is no style {asked[:64]!r}.{hint} The server's are {', '.join(TEMPLATES)}; see /v1/styles."
    return InvalidRequest(message, param="style", code="unknown_style")
