"""The pictures and videos of a request come in, and what its model takes; those of the plan go out, or a refusal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from app.errors import InvalidRequest, UnsupportedParameter
from app.types import (
    CONTROL,
    FIRST,
    IMAGE,
    LAST,
    MASK,
    NOT_LOOKED_AT,
    REFERENCE,
    Artifact,
    InputRole,
    ModelProfile,
    OwnVideo,
    PlannedInput,
    VideoRequest,
    VideoSpec,
    WishedInput,
)

FIELD: Final = "input_references"
NOT_TAKEN: Final = "reference_not_taken"
REQUIRED: Final = "reference_required"
TOO_MANY: Final = "too_many_references"
_SAID: Final = {FIRST: "to begin with", LAST: "to end with"}


def planned_inputs(request: VideoRequest, model: ModelProfile, spec: VideoSpec) -> tuple[PlannedInput, ...]:
    """The inputs beside the first picture, as nobody has looked at them yet: nothing is fetched before this passes.

    Raises:
        InvalidRequest: the model takes no such input, or not so many; one is missing; a frame that is not there. Its
            `param` is the input and its field, such as `input_references[1].role`.
    """
    roles = {each.role: each for each in model.roles}
    found = tuple(_planned(each, roles, model, spec) for each in request.references)
    _check_counts(request, roles, model)
    return found


def shown_frames(begins: bool, given: Sequence[PlannedInput], model: ModelProfile, spec: VideoSpec) -> int:
    """Frames of the video's size that make as many tokens as a step has more for what the model is shown.

    `begins`: with a picture beside those `given`. What takes the first frame's place, or is laid on the frames as
    further channels, makes no step longer. Of a picture that is seen at a size of its own, only the size that most
    have is known here.
    """
    roles = {each.role: each for each in model.roles}
    taken = [roles[FIRST]] if begins and FIRST in roles else []
    taken += [roles[each.role] for each in given if each.frame != 0]
    pixels = sum(each.adds_pixels for each in taken)
    return sum(each.adds_frames for each in taken) + -(-pixels // (spec.width * spec.height))


def is_own(wish: WishedInput) -> bool:
    """Whether it is a video of the caller's."""
    return isinstance(wish.source, OwnVideo)


def field_of(wish: WishedInput, name: str) -> str:
    """The name of a field of an input; a short form, such as `last_frame`, is a field itself."""
    return f"{wish.place}.{name}" if wish.place.startswith(FIELD) else wish.place


def again(planned: PlannedInput) -> WishedInput:
    """An earlier plan's input, for another that is made with it too."""
    return WishedInput(planned.role, planned.kind, planned.artifact, FIELD, planned.frame, _said(planned.strength))


def _said(strength: float) -> float | None:
    return None if strength == 1 else strength


def bare(request: VideoRequest) -> VideoRequest:
    """The request without the contents of its inputs, for whoever only plans."""
    if not request.references:
        return request
    kept = (
        each if isinstance(each.source, (Artifact, OwnVideo)) else replace(each, source=None)
        for each in request.references
    )
    return replace(request, references=tuple(kept))


def reasons(plan_inputs: Sequence[PlannedInput]) -> Iterator[str]:
    """What the inputs do, in sentences."""
    counted = Counter(each.role for each in plan_inputs)
    for each in plan_inputs:
        what = "picture" if each.kind == IMAGE else each.kind or "file"
        if each.role == FIRST:
            yield f"It begins with the {what} that was sent."
        elif each.role == LAST:
            yield f"It ends with the {what} that was sent."
        elif each.frame is not None:
            yield f"At frame {each.frame} it shows the {what} that was sent."
    if counted[CONTROL]:
        yield "It moves as the control video does" + (", where its mask says so." if counted[MASK] else ".")
    if plain := sum(each.role == REFERENCE and each.frame is None for each in plan_inputs):
        yield f"It shows what is in the {plain} references." if plain > 1 else "It shows what is in the reference."


def _planned(wish: WishedInput, roles: dict[str, InputRole], model: ModelProfile, spec: VideoSpec) -> PlannedInput:
    taken = roles.get(wish.role)
    if taken is None:
        raise InvalidRequest(_not_taken(wish.role, roles, model), field_of(wish, "role"), NOT_TAKEN)
    _check_kind(wish, taken, model, wish.kind)
    if wish.role == LAST and spec.frames == 1:
        raise InvalidRequest("A single frame has no last one.", field_of(wish, "role"), NOT_TAKEN)
    if wish.strength is not None and not taken.graded:
        message = f"{model.id} takes no strength for the role {wish.role}; leave it out."
        raise UnsupportedParameter(message, field_of(wish, "strength"))
    artifact = wish.source if isinstance(wish.source, Artifact) else NOT_LOOKED_AT
    strength = 1.0 if wish.strength is None else float(wish.strength)
    return PlannedInput(wish.role, wish.kind, artifact, _frame(wish, taken, model, spec), strength)


def _not_taken(role: str, roles: dict[str, InputRole], model: ModelProfile) -> str:
    if not roles:
        return f"{model.id} makes videos from text alone; see inputs in /v1/models for those that take more."
    said = _SAID.get(role, f"of the role {role}")
    return f"{model.id} takes no input {said}. It takes the roles {', '.join(roles)}."


def _check_kind(wish: WishedInput, taken: InputRole, model: ModelProfile, field: str) -> None:
    if wish.kind and wish.kind not in taken.kinds:
        message = f"For the role {wish.role} {model.id} takes {' or '.join(taken.kinds)}, no {wish.kind}."
        raise InvalidRequest(message, field_of(wish, field), NOT_TAKEN)


def check_kind(wish: WishedInput, kind: str, model: ModelProfile) -> None:
    """Refuse what an upload turned out to be. Raises InvalidRequest."""
    taken = next(each for each in model.roles if each.role == wish.role)
    _check_kind(replace(wish, kind=kind), taken, model, "upload")


def _frame(wish: WishedInput, taken: InputRole, model: ModelProfile, spec: VideoSpec) -> int | None:
    """Where it stands: 0 for the first, where none was said."""
    field = field_of(wish, "frame")
    if not taken.framed:
        if wish.frame is None or (wish.role, wish.frame) in ((FIRST, 0), (LAST, spec.frames - 1)):
            return None
        raise UnsupportedParameter(f"{model.id} takes no frame for the role {wish.role}; leave it out.", field)
    if wish.frame is None:
        raise InvalidRequest(f"{model.id} has to know at which frame it is to stand.", field, REQUIRED)
    if not 0 <= wish.frame < spec.frames:
        message = f"The video has the frames 0 to {spec.frames - 1}; {wish.frame} is none of them."
        raise InvalidRequest(message, field)
    if wish.frame % taken.frame_step:
        near = wish.frame // taken.frame_step * taken.frame_step
        message = f"{model.id} takes frames that are multiples of {taken.frame_step}, such as {near}."
        raise InvalidRequest(message, field)
    return wish.frame


def _check_counts(request: VideoRequest, roles: dict[str, InputRole], model: ModelProfile) -> None:
    """Refuse too many of a role, and too few. Raises InvalidRequest."""
    counted = Counter({FIRST: int(request.image is not None)})
    for wish in request.references:
        counted[wish.role] += 1
        taken = roles[wish.role]
        if counted[wish.role] > taken.most:
            message = f"{model.id} takes {taken.most} of the role {wish.role}, and this is one more."
            raise InvalidRequest(message, field_of(wish, "role"), TOO_MANY)
    for wish in request.references:
        beside = roles[wish.role].beside
        if beside and not counted[beside]:
            message = f"{model.id} takes the role {wish.role} beside one of the role {beside} alone."
            raise InvalidRequest(message, field_of(wish, "role"), REQUIRED)
    for taken in roles.values():
        if taken.needed and taken.role != FIRST and not counted[taken.role]:  # of the first picture the planner speaks
            said = _SAID.get(taken.role, f"of the role {taken.role}")
            raise InvalidRequest(f"{model.id} needs an input {said}.", FIELD, REQUIRED)
