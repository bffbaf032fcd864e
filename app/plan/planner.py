"""A request comes in, the Plan goes out: prompt, shape, complexity, tier, steps, guidance, seed, estimate; pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Protocol

from app.errors import InvalidRequest, UnsupportedParameter
from app.plan.adapters import adapters, named, said_of, uploads_of
from app.plan.budgets import BudgetTable
from app.plan.catalogue import Catalogue, pool_of, within
from app.plan.cost import Pace, estimate
from app.plan.distilled import Maker, maker
from app.plan.feedback.feedback import Place
from app.plan.inputs import planned_inputs
from app.plan.inputs import reasons as said_of_inputs
from app.plan.masks.table import MaskTable
from app.plan.postprocessing import (
    PostprocessingLimits,
    about_postprocessing,
    check_pixels,
    postprocessed,
    said_of_frames,
)
from app.plan.prompt.complexity import analyse
from app.plan.prompt.normalise import normalised, required
from app.plan.prompt.understand import Reader
from app.plan.savings import full_run
from app.plan.seed import settle
from app.plan.shape import rounded
from app.plan.speculative.shown import shown
from app.plan.speculative.speculative import drafted, evaluations, maker_of
from app.plan.speculative.table import table_for
from app.plan.stages import in_stages, work_of
from app.plan.step_budget import StepBudget, step_budget, unmeasured
from app.plan.step_cache import mark, step_cache
from app.plan.suggest import did_you_mean
from app.plan.tables import NO_TABLES, Tables
from app.plan.tier_difference import same_as_lower
from app.plan.tiers import Choice, choose
from app.plan.unheeded import unheeded
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
    Sampling,
    StudentOfModel,
    VideoRequest,
    VideoSpec,
)

LEAST_GUIDANCE, MOST_GUIDANCE = 1.0, 20.0
LEAST_SHIFT, MOST_SHIFT, SHIFT = 0.1, 100.0, "flow_shift"


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
    # 1. What is asked, of which model
    model = catalogue.find(request.model)
    prompt = required(request.prompt, limits.max_prompt_chars)
    negative = normalised(request.negative_prompt, limits.max_prompt_chars, "negative_prompt")
    _check_fit(request, model)
    understood, beyond = readers[model.id].understand(prompt) if model.id in readers else (None, ())
    # 2. How much work it needs
    why = analyse(prompt)
    made = maker(request, model, choose(request.tier, why.complexity).tier)
    model = made.model
    choice = choose(request.tier, why.complexity, model.tiers)
    here = within(model, choice.tier)
    spec, more = _shape(request, here, model, choice.tier, frames)
    given = planned_inputs(request, model, spec)
    worn = adapters(request, model, choice.tier)
    uploads = uploads_of(request, model, worn)
    shift = _shift(request, model)
    measured = tables if not request.loras and shift == model.shift else NO_TABLES  # they are of the model as it is
    masks = _masks(measured, model)
    work = step_budget(request, model, why.complexity, choice, measured.budgets.get(model.id), leanings, masks)
    work = work if _as_measured(request, spec, here, beyond) else unmeasured(work)
    work = _all_of(work, made.student) if made.student else work
    cache = step_cache(request, model, limits.mag_ratios, named(worn, uploads))
    work = _uncut(work, cache) if cache else work
    # 3. How it is sampled
    seed = settle(request.seed, (model.id, prompt, negative), spec, draw_seed)
    plan = Plan(
        model=model.id,
        revision=model.revision,
        prompt=prompt,
        negative_prompt=negative,
        spec=spec,
        sampling=replace(_sampling(request, model, choice, work, cache, seed), shift=shift),
        tier=choice.tier,
        asked_tier=request.tier.strip(),
        pool=pool_of(model, choice.tier, limits.pools),
        estimate=Estimate(0.0, 0.0),
        why=_explained(why, request, choice, spec, more, work, model, named(worn, uploads), made, given),
        calibrated=work.calibrated,
        by_planner=work.by_planner,
        mark=_mark(made, cache, limits.mag_ratios.get(model.id, ())),
        student=made.student,
        image=_image(request, model),
        extends=request.extends,
        adapters=worn,
        uploads=uploads,
        full_run=full_run(model, work.steps),
        understood=understood,
        postprocessing=more,
        references=given,
        sound=_sound(request, model),
    )
    check_pixels(plan, frames)
    # 4. Which of the steps run the denoiser, what that costs, and what of it is not as asked
    plan = in_stages(plan, model, measured.masks)
    drafts = table_for(measured.drafts, model.id, model.revision, maker_of(model))
    asked = shown(prompt, readers[model.id]) if request.speculative and model.id in readers else None
    plan = drafted(request, plan, model, choice.row, drafts, _as_measured(request, spec, here, beyond), asked)
    money = (limits.price_per_device_hour, limits.device_watts)
    cost = estimate(model, spec, evaluations(plan), pace, *money, stages=work_of(plan))
    cost = replace(cost, seconds=cost.seconds + (more.seconds if more else 0.0))
    budgets = None if beyond else measured.budgets.get(model.id)
    return replace(plan, estimate=cost, warnings=(*beyond, *_not_as_asked(request, plan, model, choice, budgets)))


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


def _as_measured(request: VideoRequest, spec: VideoSpec, here: ModelProfile, beyond: Sequence[PlanWarning]) -> bool:
    """Whether the video is of the kind that budgets were measured with: as `kinoray calibrate` asks, or nearly."""
    return (
        not beyond
        and request.sampler in (None, here.samplers[0])
        and request.guidance in (None, here.guidance)
        and not request.negative_prompt.strip()
        and (spec.width, spec.height) == here.sizes[0]
        and spec.frames == here.default_frames
        and not request.sees
    )


def _sampling(
    request: VideoRequest, model: ModelProfile, choice: Choice, work: StepBudget, cache: str, seed: int
) -> Sampling:
    """How the noise is walked down. Raises InvalidRequest."""
    return Sampling(
        steps=work.steps,
        budget=work.budget,
        guidance=_guidance(request, within(model, choice.tier), choice),
        seed=seed,
        sampler=_sampler(request, model),
        shift=model.shift,
        deterministic=request.deterministic,
        step_cache=cache,
        guidance_2=_guidance_2(request, model, choice),
    )


def _check_fit(request: VideoRequest, model: ModelProfile) -> None:
    """Refuse what this kind of model has no ear for."""
    if model.pictures_only and request.frames != 1:
        message = f"{model.id} makes pictures: ask /v1/images/generations for one."
        raise InvalidRequest(message, param="model", code="not_a_video_model")
    if model.guided_by != "negative" and request.negative_prompt.strip():
        raise UnsupportedParameter(f"{model.id} does not hear a negative prompt.", "negative_prompt")
    if model.guided_by == "nothing" and request.guidance not in (None, 1.0):
        raise UnsupportedParameter(f"{model.id} is distilled: its guidance is always 1.", "guidance_scale")


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


def _sampler(request: VideoRequest, model: ModelProfile) -> str:
    if request.sampler is None:
        return model.samplers[0]
    if request.sampler not in model.samplers:
        hint = did_you_mean(request.sampler, model.samplers)
        message = f"{model.id} has no sampler {request.sampler[:40]!r}.{hint} Samplers are {', '.join(model.samplers)}."
        raise InvalidRequest(message, param="sampler", code="unknown_sampler")
    return request.sampler


def _guidance(request: VideoRequest, model: ModelProfile, choice: Choice) -> float:
    if model.guided_by == "nothing":
        return 1.0
    if request.guidance is None:
        return min(MOST_GUIDANCE, max(LEAST_GUIDANCE, round(model.guidance * choice.guidance_gain, 3)))
    if not LEAST_GUIDANCE <= request.guidance <= MOST_GUIDANCE:  # NaN falls out too
        raise InvalidRequest(f"guidance must be {LEAST_GUIDANCE:g} to {MOST_GUIDANCE:g}.", param="guidance")
    return float(request.guidance)


def _guidance_2(request: VideoRequest, model: ModelProfile, choice: Choice) -> float | None:
    """That of a second expert, where the model has one."""
    if model.guidance_2 is None:
        if request.guidance_2 is not None:
            raise UnsupportedParameter(f"{model.id} has no second expert to guide.", "guidance_scale_2")
        return None
    if request.guidance_2 is None:
        return min(MOST_GUIDANCE, max(LEAST_GUIDANCE, round(model.guidance_2 * choice.guidance_gain, 3)))
    if not LEAST_GUIDANCE <= request.guidance_2 <= MOST_GUIDANCE:
        raise InvalidRequest(f"guidance must be {LEAST_GUIDANCE:g} to {MOST_GUIDANCE:g}.", param="guidance_scale_2")
    return float(request.guidance_2)


def _shift(request: VideoRequest, model: ModelProfile) -> float:
    """The flow shift. Raises InvalidRequest, UnsupportedParameter."""
    if request.shift is None or request.shift == model.shift:
        return model.shift
    if model.shift_fixed:
        raise UnsupportedParameter(f"{model.id} has a flow shift of its own, which no request changes.", SHIFT)
    if not LEAST_SHIFT <= request.shift <= MOST_SHIFT:  # NaN falls out too
        raise InvalidRequest(f"flow_shift must be {LEAST_SHIFT:g} to {MOST_SHIFT:g}.", SHIFT)
    return float(request.shift)


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
    why: Analysis,
    request: VideoRequest,
    choice: Choice,
    spec: VideoSpec,
    more: Postprocessing | None,
    work: StepBudget,
    model: ModelProfile,
    worn: tuple[tuple[str, float], ...],
    made: Maker,
    given: tuple[PlannedInput, ...],
) -> Analysis:
    """The analysis, with what the tier, the request itself and measurements decided."""
    reasons = [*why.reasons, choice.reason, *((made.reason,) if made.reason else ()), *work.reasons]
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
        reasons += said_of_frames(spec, more, model.upscaler)
    if request.seconds is not None and request.frames is None and (more is None or more.interpolate == OFF):
        reasons.append(
            f"{request.seconds:g} s are made as {spec.frames} frames at {spec.fps} a second: {spec.seconds:.2f} s."
        )
    return replace(why, reasons=tuple(reasons))
