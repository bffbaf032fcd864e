"""An entry whose tiers name few-step methods comes in; it goes out with their adapters, steps and noise levels."""

from __future__ import annotations

from typing import Any

from app.plan.few_step import ADAPTER, BY_FAMILY, FewStep
from app.plan.suggest import did_you_mean
from app.settings.model_entry import LoraEntry, ModelEntry, TierEntry

_ITS_OWN = ("steps", "guidance", "shift", "sampler", "levels", "lora")


def with_few_steps(entry: ModelEntry) -> ModelEntry:
    """The entry with each named method written out; what a tier says itself comes first, and so does a LoRA's source.

    Raises:
        ValueError: the family has no such method, or its weights are not those of the entry.
    """
    named = {tier: own for tier, own in entry.tiers.items() if own.few_step is not None}
    if not named:
        return entry
    loras, tiers = dict(entry.loras), dict(entry.tiers)
    for tier, own in named.items():
        row = _row(entry, str(own.few_step), tier)
        if row.kind == ADAPTER and own.lora is None:
            loras.setdefault(row.name, _adapter(row))
        tiers[tier] = _written(own, row)
    return entry.model_copy(update={"loras": loras, "tiers": tiers})


def _row(entry: ModelEntry, name: str, tier: str) -> FewStep:
    known = BY_FAMILY.get(entry.family, {})
    if name not in known:
        told = f"they are {', '.join(known)}" if known else "it has none"
        hint = did_you_mean(name, known)
        raise ValueError(f"the tier {tier}: {entry.family} has no few-step method {name[:40]!r}, {told}.{hint}")
    return known[name]


def _adapter(row: FewStep) -> LoraEntry:
    told = f"{row.method}; {row.told}"[:200]
    return LoraEntry(source=row.source, file=row.file or None, file_2=row.file_2 or None, description=told)


def _written(own: TierEntry, row: FewStep) -> TierEntry:
    """The tier with all of the method that it does not say itself; with other steps, sampler or shift go its levels."""
    said = {name: getattr(own, name) for name in _ITS_OWN if getattr(own, name)}
    usual: dict[str, Any] = {"steps": row.steps, "guidance": row.guidance, "shift": row.shift}
    usual |= {"sampler": row.sampler or None, "lora": row.name if row.kind == ADAPTER else None}
    if not {"steps", "shift", "sampler"} & said.keys() and row.given:
        usual["levels"] = row.levels
    return own.model_copy(update={**usual, **said})
