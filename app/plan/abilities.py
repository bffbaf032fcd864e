"""What a plan asks of the replica that runs it, and what a model's replicas can: names that travel and are compared.

A rolling update has replicas of two releases, or of two configurations, in one pool. So a replica says what plans may
ask of it, and is given no job that asks for more (`app.dispatch.abilities`).
"""

from __future__ import annotations

from typing import Final

from app.types import FIRST, IMAGE, ModelProfile, Plan

SOUND: Final = "sound"
UPLOADED: Final = "uploaded loras"
USUAL: Final = frozenset({"sampler euler", "sampler unipc", "sampler ddim", "sampler unipc_forcing"})
"""What is taken for granted of a replica that does not say: the samplers of 0.3.0, which planned no others."""


def asked_of_replica(plan: Plan) -> frozenset[str]:
    """All that a plan asks of a replica beside reading its record: what an older one may not have, as names."""
    names = {_sampler(plan.sampling.sampler), *(_input(each.role, each.kind) for each in plan.references)}
    if plan.image is not None:
        names.add(_input(FIRST, IMAGE))
    if plan.sound:
        names.add(SOUND)
    uploads = {upload.mark for upload in plan.uploads}
    drafted = () if plan.draft is None else plan.draft.adapters
    worn = {name for name, _ in (*plan.adapters, *drafted)} | {stage.adapter for stage in plan.stages}
    return frozenset(names | {_lora(name) for name in worn - uploads if name} | ({UPLOADED} if uploads else set()))


def offered_by(model: ModelProfile) -> frozenset[str]:
    """All that plans for a model may ask of those of its replicas that are of this release and configuration."""
    samplers = {*model.samplers, *(tier.sampler for tier in model.tiers if tier.sampler)}
    names = {_sampler(each) for each in samplers}
    names |= {_input(each.role, kind) for each in model.roles for kind in each.kinds}
    refined = model.refined.adapter if model.refined is not None else ""
    worn = {*model.adapters, *(each.name for each in model.loras), *(tier.adapter for tier in model.tiers), refined}
    names |= {_lora(name) for name in worn if name}
    return frozenset(names | ({SOUND} if model.makes_sound else set()) | ({UPLOADED} if model.lora_uploads else set()))


def _sampler(name: str) -> str:
    return f"sampler {name}"


def _input(role: str, kind: str) -> str:
    return f"{kind} as {role}"


def _lora(name: str) -> str:
    return f"lora {name}"
