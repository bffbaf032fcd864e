"""A request comes in, the Plan goes out: prompt, shape, complexity, tier, steps, guidance, seed, estimate; pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Protocol

from app.errors import InvalidRequest, UnsupportedParameter
from app.plan.adapters import adapters, named, said_of, uploads_of
from app.plan.asked import Asked, as_measured, asked_for
from app.plan.budgets import BudgetTable
from app.plan.catalogue import Catalogue, pool_of, within
from app.plan.cost import Pace, estimate
from app.plan.distilled import Maker
from app.plan.feedback.feedback import Place
from app.plan.inputs import planned_inputs, shown_frames
from app.plan.inputs import reasons as said_of_inputs
from app.plan.masks.table import MaskTable
from app.plan.postprocessing import (
    PostprocessingLimits,
    about_postprocessing,
    check_pixels,
    postprocessed,
    said_of_frames,
)
from app.plan.prompt.understand import Reader
from app.plan.sampling import sampling_of, shift_of
from app.plan.savings import full_run
from app.plan.seed import settle
from app.plan.shape import rounded
from app.plan.speculative.shown import shown
from app.plan.speculative.speculative import drafted, maker_of
from app.plan.speculative.table import table_for
from app.plan.stages import in_stages, work_of
from app.plan.step_budget import StepBudget, step_budget, unmeasured
from app.plan.step_cache import mark, step_cache
from app.plan.tables import NO_TABLES, Tables
from app.plan.tier_difference import same_as_lower
from app.plan.tiers import Choice
from app.plan.unheeded import unheeded
from app.plan.work import evaluations
from app.types import (
    FIRST,
    OFF,
    ON,
    Analysis,
    Artifact,
    Estimate,
    ModelProfile,
    Plan,
    PlannedInput,
    PlanWarning,
    Postprocessing,
    StudentOfModel,
    VideoRequest,
    VideoSpec,
)


class Limits(Protocol):
    """What the planner needs of the settings."""

    @property
    def max_prompt_chars(self) -> int:
        """Longer prompts are refused."""
        ...

    @property
    def price_per_device_hour(self) -> float | None:
        """Money per hour of one device; None: no costs."""
        ...

    @property
    def device_watts(self) -> float | None:
        """Power of one device at work, where it cannot be read; None: no energy."""
        ...

    @property
    def pools(self) -> Mapping[str, str]:
        """Tier, or "model:tier", to the pool that makes it; the others go to the model's own pool."""
        ...

    @property
    def mag_ratios(self) -> Mapping[str, Sequence[float]]:
        """MagCache's magnitudes by model, where they were measured."""
        ...


def make_plan(
    request: VideoRequest,
    catalogue: Catalogue,
    limits: Limits,
    pace: Pace,
    draw_seed: Callable[[], int],
    tables: Tables = NO_TABLES,
    leanings: Mapping[Place, float] = MappingProxyType({}),
    readers: Mapping[str, Reader] = MappingProxyType({}),
    frames: PostprocessingLimits = PostprocessingLimits(),  # noqa: B008 - it is frozen
) -> Plan:
    """Decide everything about one video. The same request gets the same plan, unless it asks for a fresh seed.

    `pace`: what the model's replicas have measured of themselves.
    `draw_seed`: gives fresh seeds, 0..2**31-1.
    `tables`: what was measured of models: their budgets, and the masks that the plan then carries.
    `leanings`: by how much ratings move the budget of a class.
    `readers`: who reads prompts as models of few words do, by model; the others draw anything.
    `frames`: what may become of the frames that are made.

    Raises:
        InvalidRequest: a field is out of bounds; `param` names it.
        ModelNotFound: no such model.
    """
    asked = asked_for(request, catalogue, limits.max_prompt_chars, readers)
    model, tier = asked.model, asked.choice.tier
    spec, more = _shape(request, asked.here, model, tier, frames)
    given = planned_inputs(request, model, spec)
    worn = adapters(request, model, tier)
    uploads = uploads_of(request, model, worn)
    measured = _measured(request, asked, tables)
    usual = as_measured(request, spec, asked)
    cache = step_cache(request, model, limits.mag_ratios, named(worn, uploads))
    work = _work(request, asked, measured, leanings, usual, cache)
    seed = settle(request.seed, (model.id, asked.prompt, asked.negative), spec, draw_seed)
    plan = Plan(
        model=model.id,
        revision=model.revision,
        prompt=asked.prompt,
        negative_prompt=asked.negative,
        spec=spec,
        sampling=sampling_of(request, model, asked.choice, work, cache, seed),
        tier=tier,
        asked_tier=request.tier.strip(),
        pool=pool_of(model, tier, limits.pools),
        estimate=Estimate(0.0, 0.0),
        why=_explained(request, asked, spec, more, work, named(worn, uploads), given),
        calibrated=work.calibrated,
        by_planner=work.by_planner,
        mark=_mark(asked.made, cache, limits.mag_ratios.get(model.id, ())) + model.drawn_by,
        student=asked.made.student,
        image=_image(request, model),
        extends=request.extends,
        adapters=worn,
        uploads=uploads,
        full_run=full_run(model, work.steps),
        understood=asked.understood,
        postprocessing=more,
        references=given,
        sound=_sound(request, model),
        shown=shown_frames(request.image is not None, given, model, spec),
    )
    check_pixels(plan, frames)
    plan = _walked(request, plan, asked, measured, usual, readers.get(model.id))
    return _reckoned(request, plan, asked, measured, pace, limits)


def _measured(request: VideoRequest, asked: Asked, tables: Tables) -> Tables:
    """The tables, where they hold: they are of the model as it is."""
    return tables if not request.loras and shift_of(request, asked.here) == asked.model.shift else NO_TABLES


def _work(
    request: VideoRequest,
    asked: Asked,
    measured: Tables,
    leanings: Mapping[Place, float],
    usual: bool,
    cache: str,
) -> StepBudget:
    """How much work it needs. Raises InvalidRequest."""
    masks, table = _masks(measured, asked.model), measured.budgets.get(asked.model.id)
    work = step_budget(request, asked.here, asked.why.complexity, asked.choice, table, leanings, masks)
    work = work if usual else unmeasured(work)
    work = _all_of(work, asked.made.student) if asked.made.student else work
    return _uncut(work, cache) if cache else work


def _walked(
    request: VideoRequest, plan: Plan, asked: Asked, measured: Tables, usual: bool, reader: Reader | None
) -> Plan:
    """The plan with its masks and its draft: which of the steps run the denoiser. Raises InvalidRequest."""
    model = asked.model
    plan = in_stages(plan, model, measured.masks)
    drafts = table_for(measured.drafts, model.id, model.revision, maker_of(model))
    seen = shown(asked.prompt, reader) if request.speculative and reader is not None else None
    return drafted(request, plan, model, asked.choice.row, drafts, usual, seen)


def _reckoned(request: VideoRequest, plan: Plan, asked: Asked, measured: Tables, pace: Pace, limits: Limits) -> Plan:
    """The plan with what it costs, and what of it is not as asked."""
    price, watts = limits.price_per_device_hour, limits.device_watts
    cost = estimate(asked.model, plan.stepped, evaluations(plan), pace, price, watts, stages=work_of(plan))
    more = plan.postprocessing
    cost = replace(cost, seconds=cost.seconds + (more.seconds if more else 0.0))
    budgets = None if asked.beyond else measured.budgets.get(asked.model.id)
    told = _not_as_asked(request, plan, asked.model, asked.choice, budgets)
    return replace(plan, estimate=cost, warnings=(*asked.beyond, *told))


def _masks(measured: Tables, model: ModelProfile) -> MaskTable | None:
    """The table of masks, where it is of these weights."""
    table = measured.masks.get(model.id)
    return table if table is not None and table.revision == model.revision else None


def _uncut(work: StepBudget, cache: str) -> StepBudget:
    """All steps, of which a step cache skips what it likes."""
    return StepBudget(work.steps, work.steps, work.by_planner, reasons=(f"{cache} saves work as it sees fit, alone.",))


def _all_of(work: StepBudget, student: StudentOfModel) -> StepBudget:
    """All of the student's steps, whatever ratings say: it has none to spare."""
    return StepBudget(student.evaluations, student.evaluations, work.by_planner)


def _mark(made: Maker, cache: str, ratios: Sequence[float]) -> str:
    return mark(cache, ratios) if made.student is None else f"student-{made.student.revision}"


def _not_as_asked(
    request: VideoRequest, plan: Plan, model: ModelProfile, choice: Choice, budgets: BudgetTable | None
) -> Iterator[PlanWarning]:
    """`budgets` are those that were measured of the model, where they hold for this prompt."""
    yield from rounded(request, within(model, choice.tier), plan.clip)
    yield from about_postprocessing(request, plan)
    yield from same_as_lower(request, model, choice, plan.why.complexity, budgets)
    yield from unheeded(request, plan, model, choice)
    yield from request.warnings
    yield from plan.warnings


def _shape(
    request: VideoRequest, here: ModelProfile, model: ModelProfile, tier: str, frames: PostprocessingLimits
) -> tuple[VideoSpec, Postprocessing | None]:
    """The shape, within what the model makes in that tier, `here`, and what becomes of it."""
    try:
        return postprocessed(request, here, frames)
    except InvalidRequest as error:
        if here is model:
            raise
        raise InvalidRequest(f"{error.message} The tier is {tier}.", error.param, error.error_code) from error


def _sound(request: VideoRequest, model: ModelProfile) -> bool:
    """Whether its file has the sound that the model makes. Raises UnsupportedParameter: it makes none."""
    if request.audio == ON and not model.makes_sound:
        raise UnsupportedParameter(f"{model.id} makes silent videos.", "audio")
    return model.makes_sound and request.audio != OFF


def _image(request: VideoRequest, model: ModelProfile) -> Artifact | None:
    """The picture to begin with, if the model takes one."""
    if request.prepare is not None and request.image is None:
        raise InvalidRequest("There is no picture to prepare: send one as input_reference.", "prepare")
    if request.image is not None and not model.takes_image:
        raise InvalidRequest(f"{model.id} makes videos from text alone.", "input_reference", "image_not_taken")
    first = request.image is not None or any(each.role == FIRST for each in request.references)
    if not first and model.needs_image:
        raise InvalidRequest(f"{model.id} needs a picture to begin with.", "input_reference", "image_required")
    return request.image


def _explained(
    request: VideoRequest,
    asked: Asked,
    spec: VideoSpec,
    more: Postprocessing | None,
    work: StepBudget,
    worn: tuple[tuple[str, float], ...],
    given: tuple[PlannedInput, ...],
) -> Analysis:
    """The analysis, with what the tier, the request itself and measurements decided."""
    made = asked.made
    reasons = [*asked.why.reasons, asked.choice.reason, *((made.reason,) if made.reason else ()), *work.reasons]
    if request.extends is not None:
        reasons.append(f"It goes on from the last frame of {request.extends.source}.")
    elif request.image is not None:
        reasons.append("It begins with the picture that was sent.")
    reasons += said_of_inputs(given)
    if worn:
        reasons.append(f"It is made with the LoRA {said_of(worn)}.")
    if request.deterministic:
        reasons.append("Deterministic: it shares no forward, so that its bits do not depend on other jobs.")
    if more is not None:
        reasons += said_of_frames(spec, more, made.model.upscaler)
    if request.seconds is not None and request.frames is None and (more is None or more.interpolate == OFF):
        reasons.append(
            f"{request.seconds:g} s are made as {spec.frames} frames at {spec.fps} a second: {spec.seconds:.2f} s."
        )
    return replace(asked.why, reasons=tuple(reasons))
