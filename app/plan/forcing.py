"""How far each block of latent frames is at each step of diffusion forcing, where later blocks lag behind; pure.

Diffusion forcing is Chen et al., arXiv 2407.01392; asynchronously, as in SkyReels-V2 (arXiv 2504.13074), a block is
`lag` steps noisier than the one before it, until that is clean. The standard is `generate_timestep_matrix` of
diffusers' SkyReelsV2DiffusionForcingPipeline.
"""

from __future__ import annotations

from functools import lru_cache

from app.errors import InvalidRequest, UnsupportedParameter
from app.types import FIRST, ModelProfile, Plan, Segments, Stage, VideoRequest

AR_STEP, BLOCK = "ar_step", "causal_block_size"
MOST_AR_STEP, MOST_BLOCK = 100, 32


@lru_cache(maxsize=256)  # a job asks at each of its steps
def taken(blocks: int, steps: int, lag: int, ready: int = 0) -> tuple[tuple[int, ...], ...]:
    """Of each step of a walk the steps that each block has taken behind it: `steps` where it is clean.

    The first `ready` blocks are clean from the beginning. Every block takes a step at a time, or waits.
    """
    rows, before = list[tuple[int, ...]](), [steps] * ready + [0] * (blocks - ready)
    while min(before) < steps:
        here = list[int]()
        for place, done in enumerate(before):
            if place == 0 or before[place - 1] >= steps:
                here.append(min(done + 1, steps))
            else:
                here.append(max(0, here[-1] - lag))
        rows.append(tuple(here))
        before = here
    return tuple(rows)


def levels_at(stage: Stage, frames: int, step: int, lag: int, block: int) -> tuple[int, ...]:
    """The steps that each of so many latent frames of a stage has taken before one of the stage's steps."""
    rows = taken(frames // block, stage.own_steps, lag, stage.ready // block)
    ready = stage.ready // block
    before = rows[step - 1] if step else (stage.own_steps,) * ready + (0,) * (frames // block - ready)
    return tuple(done for done in before for _ in range(block))


def asked_of(request: VideoRequest, model: ModelProfile) -> tuple[int, int]:
    """The lag and the latent frames of a block that are asked for, 0 and 0 without.

    Raises:
        InvalidRequest: a number out of bounds.
        UnsupportedParameter: the model has one noise level for all of its frames.
    """
    lag, block = request.ar_step or 0, request.causal_block_size or 0
    for name, asked, most in ((AR_STEP, lag, MOST_AR_STEP), (BLOCK, block, MOST_BLOCK)):
        if asked and model.segments is None:
            raise UnsupportedParameter(f"{model.id} has one noise level for all of its frames.", name)
        if not 0 <= asked <= most:
            raise InvalidRequest(f"{name} must be 0 to {most}.", name)
    return lag, block if block > 1 else 0


def staggered(plan: Plan, how: Segments, stage: Stage, steps: int) -> Stage:
    """A segment of so many steps with the steps that it takes until its last block is clean, too.

    Raises:
        InvalidRequest: its latent frames are not whole blocks.
        UnsupportedParameter: causal blocks behind a first picture, which is less than a block.
    """
    lag, block = plan.sampling.ar_step, max(1, plan.sampling.causal_block)
    frames, given = how.latents(stage.spec.frames), how.latents(stage.given) if stage.given else 0
    if frames % block or given % block:
        step = block * how.temporal
        nearest = max(1, frames // block) * step - how.temporal + 1
        message = f"Its {frames} latent frames are not whole blocks of {block}: take {nearest} frames, or {step} more."
        raise InvalidRequest(message, "num_frames")
    if block > 1 and begins_with_picture(plan):
        raise UnsupportedParameter("A first picture is less than a causal block: it takes blocks of 1.", BLOCK)
    if not lag:
        return Stage(stage.spec, steps, stage.given)
    ready = given or int(begins_with_picture(plan))
    rows = taken(frames // block, steps, lag, ready // block)
    return Stage(stage.spec, len(rows), stage.given, own_steps=steps, ready=ready)


def begins_with_picture(plan: Plan) -> bool:
    """Whether there is a first picture."""
    return plan.image is not None or any(each.role == FIRST for each in plan.references)
