"""The models of a service: the entries of the settings come in, checked profiles and the pools they own go out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from app.embedded.profile import MODEL_ID, profile
from app.models.few_steps import with_few_steps
from app.models.pool_names import MAIN, entries_of, shares_encoder
from app.models.soundness import problems_of
from app.models.sources import Located, locate, pipeline_of, trained_shift
from app.plan.catalogue import Catalogue
from app.plan.families import FAMILIES, FamilyRow
from app.plan.guidance import FIRST_STEPS
from app.plan.prompt.complexity import CLASSES
from app.plan.suggest import did_you_mean
from app.plan.tiers import TIERS
from app.settings import Settings
from app.settings.model_entry import EMBEDDED, ModelEntry, TierEntry
from app.settings.placement import Placement, parallel_of
from app.types import OWN, STUDENT, GuidanceRule, ModelProfile, RequestableLora, StudentOfModel, TierOfModel

UPLOADS = "-uploads"
"""Stands in the revision of a model that wears what tenants upload: its layers are laid out for that, and round so."""


class BadModel(ValueError):
    """An entry of the setting `models` cannot be served; the message names it."""


@dataclass(frozen=True, slots=True)
class Served:
    """The models with their entries, in the order of the setting, and each pool's model."""

    profiles: tuple[ModelProfile, ...]
    pools: dict[str, tuple[ModelProfile, ModelEntry]]
    tiers: dict[str, str]  # "model:tier" to pool, for Settings.pools


def served(settings: Settings, find: Callable[[ModelEntry], Located] = locate) -> Served:
    """All models of the settings, looked up and checked. Nothing is loaded.

    Raises:
        BadModel: an entry is unsound, its files are missing, or two models want one pool.
    """
    found = [
        _found(_with_uploads(entry, settings), settings.layout, find, shares_encoder(entry, settings))
        for entry in entries_of(settings)
    ]
    profiles, entries = [profile for profile, _ in found], [entry for _, entry in found]
    try:
        Catalogue(profiles, settings.default_name, settings.aliases)
    except ValueError as error:
        raise BadModel(f"models: {error}") from error
    tiers = {
        f"{entry.id}:{tier}": own.pool for entry in settings.models for tier, own in entry.tiers.items() if own.pool
    }
    return Served(tuple(profiles), _pools(profiles, entries, {**tiers, **settings.pools}), tiers)


def profile_of(entry: ModelEntry, family: FamilyRow, revision: str) -> ModelProfile:
    """The profile of a model: its family's row with the entry's departures.

    Raises:
        BadModel: it names a LoRA adapter that it does not have, frames in disorder, or what its family has not.
    """
    _check_departures(entry, family)
    frames = entry.frames or family.legal_frames
    default = family.frames[2] if family.frames[2] in frames else frames[-1]
    slowest, fastest, usual = family.fps
    return ModelProfile(
        id=entry.id,
        family=family.name,
        revision=revision,
        sizes=entry.sizes or family.sizes,
        frames=tuple(frames),
        fps=(slowest, fastest),
        default_frames=default,
        default_fps=usual,
        guidance=entry.guidance or family.guidance,
        shift=entry.shift or family.shift,
        samplers=family.samplers,
        tiers=_tiers(entry, family.tiers, None),
        pool=entry.pool or MAIN,
        step_s=entry.step_s or family.step_s,
        overhead_s=family.overhead_s,
        guidance_2=entry.guidance_2 or family.guidance_2,
        guided_by=family.guided_by,
        most_steps=family.most_steps,
        takes_image=family.takes_image,
        needs_image=family.needs_image,
        adapters=tuple(entry.loras),
        loras=_by_request(entry, family.refined.adapter if family.refined is not None else ""),
        lora_uploads=bool(entry.lora_uploads),
        shift_fixed=family.shift_trained or family.shift_by_size,
        step_caches=family.step_caches,
        hears_fps=family.hears_fps,
        inputs=family.inputs,
        makes_sound=family.makes_sound,
        refined=family.refined,
        segments=family.segments,
        own_guidance=family.own_guidance,
    )


def _found(
    entry: ModelEntry, layout: Placement, find: Callable[[ModelEntry], Located], shares: bool
) -> tuple[ModelProfile, ModelEntry]:
    """The profile, and the entry bound to the hub's commit, so that every replica loads the same files."""
    try:
        if entry.source == EMBEDDED:
            return _built_in(entry), entry
        family = FAMILIES.get(entry.family)
        if family is None:
            hint = did_you_mean(entry.family, FAMILIES) or f" Families are {', '.join(FAMILIES)}."
            raise BadModel(f"there is no family {entry.family[:80]!r}.{hint}")
        entry = with_few_steps(entry)
        if family.refined is not None and family.refined.adapter and family.refined.adapter not in entry.loras:
            raise BadModel(f"the second stage of {family.name} wears the LoRA {family.refined.adapter!r}: it has none")
        files = find(entry)
        bound = entry.model_copy(update={"revision": files.commit or entry.revision})
        # What changes the bits, such as the precision, is part of the name that caches know it by.
        trained = trained_shift(files.folder) if family.shift_trained and files.folder is not None else None
        if trained not in (None, family.shift):
            raise BadModel(f"the shift of {family.name} is {family.shift:g}, that of these weights is {trained:g}")
        found = profile_of(
            entry, family, f"{files.digest}-{layout.bits(entry.dtype)}{UPLOADS if entry.lora_uploads else ''}"
        )
        if family.inputs_of and files.folder is not None and pipeline_of(files.folder) != family.inputs_of:
            found = replace(found, takes_image=False, needs_image=False, inputs=())  # of an earlier release
        if family.sees_with_text and shares:
            found = replace(found, takes_image=False, inputs=())  # what is elsewhere does not see them
        if problems := problems_of(entry, family, found, files.folder):
            raise BadModel("; ".join(problems))
        return found, bound
    except (ValueError, OSError) as error:
        raise BadModel(f"models: {entry.id}: {error}") from error


def _with_uploads(entry: ModelEntry, settings: Settings) -> ModelEntry:
    """The entry, which says now whether tenants may upload adapters for it. Raises BadModel: they cannot."""
    family = FAMILIES.get(entry.family)
    takes = family is not None and family.takes_loras
    parallel = any(parallel_of(ranks).ranks > 1 for ranks in settings.parallel.values())
    if family is not None and family.sees_with_text and _must_see(family) and shares_encoder(entry, settings):
        raise BadModel(f"models: {entry.id}: its text encoder looks at the picture: it needs its own, not a shared one")
    if entry.lora_uploads and not takes:
        raise BadModel(f"models: {entry.id}: it takes no LoRA, so none can be uploaded for it")
    if entry.lora_uploads and parallel:
        raise BadModel(
            f"models: {entry.id}: adapters are not told to ranks that share a forward, so none can be uploaded"
        )
    wanted = settings.lora_uploads if entry.lora_uploads is None else entry.lora_uploads
    return entry.model_copy(update={"lora_uploads": wanted and takes and not parallel})


def _must_see(family: FamilyRow) -> bool:
    """Whether there is no video without a picture or a video."""
    return family.needs_image or any(each.needed for each in family.inputs)


def _check_departures(entry: ModelEntry, family: FamilyRow) -> None:
    """Refuse what is a fact of the weights. Raises BadModel."""
    guided = [entry.guidance, *(own.guidance for own in entry.tiers.values())]
    if family.guided_by == "nothing" and any(each not in (None, 1) for each in guided):
        raise BadModel(f"{family.name} is distilled: its guidance is always 1")
    if family.shift_trained and entry.shift not in (None, family.shift):
        raise BadModel(f"the shift of {family.name} is trained, and always {family.shift:g}")
    if not family.takes_loras and entry.loras:
        raise BadModel(f"{family.name} takes no LoRA")
    if family.guidance_2 is None and any(lora.file_2 is not None for lora in entry.loras.values()):
        raise BadModel(f"{family.name} has one transformer; file_2 of a LoRA is for the second of two")
    for tier, own in entry.tiers.items():
        asked = (own.steps,) if isinstance(own.steps, int) else own.steps or ()
        if family.most_steps is not None and max(asked, default=0) > family.most_steps:
            raise BadModel(f"{family.name} has {family.most_steps} steps at most; the tier {tier} asks for more")
        _check_walk(tier, own, family)


def _check_walk(tier: str, own: TierEntry, family: FamilyRow) -> None:
    """Refuse a way down the noise that the family does not have. Raises BadModel."""
    if own.sampler not in (None, *family.samplers):
        raise BadModel(f"the tier {tier}: {family.name} is sampled by {', '.join(family.samplers)}, not {own.sampler}")
    if own.shift not in (None, family.shift) and (family.shift_trained or family.shift_by_size):
        raise BadModel(f"the tier {tier}: {family.name} has a flow shift of its own")
    if own.levels and own.steps != len(own.levels):
        raise BadModel(f"the tier {tier}: it has {len(own.levels)} noise levels, and says {own.steps} steps")
    if own.levels and list(own.levels) != sorted({*own.levels}, reverse=True):
        raise BadModel(f"the tier {tier}: its noise levels do not fall")
    if _rule(own) is not None and family.guided_by != "negative":
        raise BadModel(f"the tier {tier}: {family.name} has no unconditional pass, so that no step can leave it out")
    if own.cfg_zero_star and family.own_guidance:
        raise BadModel(f"the tier {tier}: {family.name} is guided by more passes than one, in its own way")


def _built_in(entry: ModelEntry) -> ModelProfile:
    if entry.id != MODEL_ID or entry.family != EMBEDDED:
        raise BadModel(f"the built-in model has the id {MODEL_ID} and the family {EMBEDDED}; give it an alias")
    departs = {"revision", "dtype", "sizes", "frames", "guidance_2", "shift", "loras"} & entry.model_fields_set
    if departs - {"dtype"}:
        raise BadModel(f"the built-in model has no {', '.join(sorted(departs - {'dtype'}))}")
    if entry.dtype == "float16":
        raise BadModel("the built-in model is made for float32 and bfloat16")
    built_in = profile()
    return replace(
        built_in,
        pool=entry.pool or built_in.pool,
        guidance=entry.guidance or built_in.guidance,
        step_s=entry.step_s or built_in.step_s,
        tiers=_tiers(entry, built_in.tiers, built_in.student),
    )


def _by_request(entry: ModelEntry, adapter: str) -> tuple[RequestableLora, ...]:
    """The LoRAs that requests may name. Those of tiers are mostly distilled ones, of use at the tier's steps alone, as
    is the `adapter` of a second stage."""
    of_tiers = {own.lora for own in entry.tiers.values()} | {adapter}
    return tuple(
        RequestableLora(name, lora.description)
        for name, lora in entry.loras.items()
        if (name not in of_tiers if lora.by_request is None else lora.by_request)
    )


def _tiers(
    entry: ModelEntry, known: tuple[TierOfModel, ...], student: StudentOfModel | None
) -> tuple[TierOfModel, ...]:
    rows = {row.tier: row for row in known}
    for name, own in entry.tiers.items():
        if own.lora is not None and own.lora not in entry.loras:
            raise BadModel(f"the tier {name} names the LoRA {own.lora!r}, which is not among its loras")
        rows[name] = _taught(name, own, student) if own.weights == STUDENT else _tier(name, own, rows.get(name))
    return tuple(rows[name] for name in TIERS if name in rows)


def _taught(name: str, own: TierEntry, student: StudentOfModel | None) -> TierOfModel:
    """A tier that the student makes. Raises BadModel: there is none, or it cannot do what the entry says."""
    if student is None:
        raise BadModel(f"the tier {name} is to be made by the model's distilled student, and there is none")
    if own.lora is not None or own.guidance not in (None, 1.0) or own.steps not in (None, student.evaluations):
        raise BadModel(
            f"the tier {name}: the distilled student makes it in {student.evaluations} steps, without guidance or LoRA"
        )
    steps = (student.evaluations,) * len(CLASSES)
    return TierOfModel(name, steps, 1.0, own.sizes, own.most_frames, weights=STUDENT)


def _tier(name: str, own: TierEntry, row: TierOfModel | None) -> TierOfModel:
    row = row or TierOfModel(name)
    if row.weights and (own.weights == OWN or (own.steps, own.guidance, own.lora) != (None, None, None)):
        row = TierOfModel(name)  # another way to make it than the student's
    steps = (own.steps,) * len(CLASSES) if isinstance(own.steps, int) else own.steps
    return TierOfModel(
        tier=name,
        steps=steps or row.steps,
        guidance=row.guidance if own.guidance is None else own.guidance,
        sizes=own.sizes or row.sizes,
        most_frames=own.most_frames or row.most_frames,
        adapter=own.lora or row.adapter,
        weights=row.weights,
        sampler=own.sampler or row.sampler,
        shift=row.shift if own.shift is None else own.shift,
        levels=own.levels or row.levels,
        rule=_rule(own) or row.rule,
    )


def _rule(own: TierEntry) -> GuidanceRule | None:
    """What a tier says of where there is guidance, and in which way; None: nothing."""
    start = 0.0 if own.guidance_start is None else own.guidance_start
    stop = 1.0 if own.guidance_stop is None else own.guidance_stop
    zero_star = bool(own.cfg_zero_star)
    if start >= stop or (own.zero_init_steps and not zero_star):
        raise BadModel("guidance_start is to be below guidance_stop, and zero_init_steps belong to cfg_zero_star")
    zero_steps = FIRST_STEPS if own.zero_init_steps is None else own.zero_init_steps
    found = GuidanceRule(start, stop, zero_star, zero_steps if zero_star else 0)
    return None if found == GuidanceRule() else found


def _pools(
    profiles: Sequence[ModelProfile], entries: Sequence[ModelEntry], given: dict[str, str]
) -> dict[str, tuple[ModelProfile, ModelEntry]]:
    """Each pool with the one model that it serves."""
    by_id = {model.id: (model, entry) for model, entry in zip(profiles, entries, strict=True)}
    owners: dict[str, str] = {}
    wanted = [(model.pool, model.id) for model in profiles]
    for key, pool in given.items():
        name, _, tier = key.rpartition(":")
        if tier not in TIERS or (name and name not in by_id):
            raise BadModel(f"pools: {key} is neither a tier nor a model of this service and a tier")
        if not name and len(by_id) > 1:
            raise BadModel(f"pools: with several models say which one's {tier} goes to {pool}, as in 'model:{tier}'")
        wanted.append((pool, name or profiles[0].id))
    for pool, owner in wanted:
        if owners.setdefault(pool, owner) != owner:
            raise BadModel(f"models: {owners[pool]} and {owner} want the pool {pool}; a pool serves one model")
    return {pool: by_id[owner] for pool, owner in sorted(owners.items())}
