"""A job comes in; what has to be asked for so that its video comes again goes out, and what it was given for it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from app.artifacts.store import ArtifactStore
from app.cache.keys import plan_digest
from app.errors import ArtifactLost, KinorayError, NotFound, StoreUnavailable
from app.plan.catalogue import Catalogue
from app.plan.likeness import request_like
from app.service.lora_uploads import with_uploads
from app.service.planning import plan_of
from app.service.ports import Ports
from app.settings import Settings
from app.types import FIRST, IMAGE, Artifact, Caller, Job, Plan, PlannedInput, VideoRequest

_USUAL: Final = (
    ("interpolate", "upscale"),
    ("guidance", "guidance_2"),
    ("guidance_start", "guidance_stop", "cfg_zero_star", "zero_init_steps"),
    ("shift",),
    ("audio",),
)
"""What most requests leave to the model, and so need not say; what belongs together is left out together."""


@dataclass(frozen=True, slots=True)
class AskedAgain:
    """A request without its pictures and videos; `exact`: planned now it is the same video, bit for bit."""

    request: VideoRequest
    exact: bool


def given_to(plan: Plan) -> tuple[PlannedInput, ...]:
    """The pictures and videos that a plan is made with as they are stored, the picture that it begins with first."""
    begins = () if plan.image is None else (PlannedInput(FIRST, IMAGE, plan.image),)
    return (*begins, *plan.references)


async def given(job: Job, number: int, artifacts: ArtifactStore) -> Artifact:
    """One of those by its place among them, from 0. Raises NotFound (there are fewer), ArtifactLost."""
    all_given = given_to(job.plan)
    if number >= len(all_given):
        raise NotFound(f"{job.id} was made with {len(all_given)} inputs, counted from 0.", code="content_gone")
    artifact = all_given[number].artifact
    if not await artifacts.exists(artifact):
        raise ArtifactLost(f"Input {number} of {job.id} is no longer stored.")
    return artifact


async def asked_again(job: Job, caller: Caller, ports: Ports, settings: Settings, now: float) -> AskedAgain:
    """The request that makes a job's video. Raises ModelNotFound, StoreUnavailable."""
    plan = job.plan
    model = Catalogue(ports.models, settings.default_name, settings.aliases).find(plan.model)
    whole = request_like(plan, model, plan.written or plan.prompt)
    wanted = _bits(plan)

    async def same(request: VideoRequest) -> bool:
        try:
            made = await plan_of(await with_uploads(request, caller, ports, now), caller, ports)
        except StoreUnavailable:
            raise
        except KinorayError:  # a style that is no more, settings that have changed since
            return False
        return _bits(made) == wanted

    short = whole
    for names in _USUAL:
        short = _without(short, names, plan)
    if await same(short):
        return AskedAgain(short, True)
    if not await same(whole):
        return AskedAgain(whole, False)
    for names in _USUAL:  # one after the other: what one of them says may be why all together do not do
        shorter = _without(whole, names, plan)
        whole = shorter if await same(shorter) else whole
    return AskedAgain(whole, True)


def _bits(plan: Plan) -> str:
    """What decides the video, however its picture came about."""
    return plan_digest(replace(plan, prepared=None), None)


def _without(request: VideoRequest, names: tuple[str, ...], plan: Plan) -> VideoRequest:
    """The request without what those say; without a factor its size is that of the file."""
    usual = VideoRequest("")
    left = {name: getattr(usual, name) for name in names}
    if "upscale" in names:
        left |= {"width": plan.clip.width, "height": plan.clip.height}
    return replace(request, **left)
