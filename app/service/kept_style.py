"""A request with the style of an earlier video comes in; where that is no more it goes on without, and says so."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from app.errors import InvalidRequest
from app.plan.styles.lookup import find_style
from app.plan.styles.presets import Presets
from app.types import Caller, PlanWarning, VideoRequest

STYLE_GONE: Final = "style_gone"


async def with_kept_style(request: VideoRequest, caller: Caller, presets: Presets) -> VideoRequest:
    """For a style that the client has not named itself. Raises StoreUnavailable."""
    if request.style is None:
        return request
    try:
        await find_style(request.style, caller, presets)
    except InvalidRequest as error:
        warning = PlanWarning(STYLE_GONE, error.message, "style")
        return replace(request, style=None, warnings=(*request.warnings, warning))
    return request
