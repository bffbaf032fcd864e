"""A job comes in; what has to be asked for so that its video comes again goes out, as short as that can be said."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from app.cache.keys import plan_digest
from app.errors import KinorayError, StoreUnavailable
from app.plan.catalogue import Catalogue
from app.plan.likeness import request_like
from app.service.lora_uploads import with_uploads
from app.service.planning import plan_of
from app.service.ports import Ports
from app.settings import Settings
from app.types import Caller, Job, Plan, VideoRequest

_USUAL: Final = ("sampler", "guidance", "guidance_2", "shift", "interpolate", "upscale", "audio")
_OF_RULES: Final = ("guidance_start", "guidance_stop", "cfg_zero_star", "zero_init_steps")
"""What most requests leave to the model, and so need not say."""


@dataclass(frozen=True, slots=True)
class AskedAgain:
    """A request without its pictures and videos; `exact`: planned now it is the same video, bit for bit."""

    request: VideoRequest
    exact: bool


async def asked_again(job: Job, caller: Caller, ports: Ports, settings: Settings, now: float) -> AskedAgain:
    """The request that makes a job's video. Raises ModelNotFound, StoreUnavailable."""
    plan = job.plan
    model = Catalogue(ports.models, settings.default_name, settings.aliases).find(plan.model)
    whole = request_like(plan, model, plan.written or plan.prompt)
    for request in (_shorter(whole, plan), whole):
        if await _same(request, plan, caller, ports, now):
            return AskedAgain(request, True)
    return AskedAgain(whole, False)


def _shorter(whole: VideoRequest, plan: Plan) -> VideoRequest:
    """Without what is probably as it would be anyway; the size is that of the file."""
    usual = VideoRequest("")
    left = {name: getattr(usual, name) for name in (*_USUAL, *_OF_RULES)}
    return replace(whole, width=plan.clip.width, height=plan.clip.height, **left)


async def _same(request: VideoRequest, plan: Plan, caller: Caller, ports: Ports, now: float) -> bool:
    try:
        made = await plan_of(await with_uploads(request, caller, ports, now), caller, ports)
    except StoreUnavailable:
        raise
    except KinorayError:  # a style that is no more, settings that have changed since
        return False
    return plan_digest(replace(made, prepared=None), None) == plan_digest(replace(plan, prepared=None), None)
