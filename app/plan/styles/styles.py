"""A style and a request come in, the request with the style's words and wishes goes out, and what that changed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Final

from app.errors import InvalidRequest
from app.plan.tiers import ALIASES, AUTO, MOST_STEPS, tier_named
from app.types import Plan, PlanWarning, VideoRequest

MOST_CHARS: Final = MappingProxyType({"name": 60, "description": 300, "before": 200, "after": 200, "negative": 400})
LEAST_GUIDANCE, MOST_GUIDANCE = 1.0, 20.0  # as the planner's
MOST_FPS: Final = 240
_ID = re.compile(r"[a-z][a-z0-9_]{0,63}")


@dataclass(frozen=True, slots=True)
class Style:
    """Words around a prompt, words for what it should not show, and what the planner is asked for; None: nothing."""

    id: str
    name: str
    description: str = ""
    before: str = ""
    after: str = ""
    negative: str = ""
    tier: str | None = None
    steps: int | None = None
    guidance: float | None = None
    fps: int | None = None


ROWS: Final = (
    Style(
        "cinematic",
        "Cinematic",
        "A scene from a feature film: dramatic light, a mood, a story, landscapes and slow camera moves.",
        before="a cinematic film shot of",
        after="dramatic lighting, shallow depth of field, film grain",
        negative="flat lighting, amateur footage, text, watermark",
        tier="premium",
    ),
    Style(
        "commercial",
        "Commercial",
        "A product shot for an advertisement: a watch, a bottle, shoes or a car in studio light on a clean background.",
        before="a commercial product video of",
        after="studio lighting, clean background, crisp detail",
        negative="clutter, harsh shadows, text, watermark",
        tier="premium",
    ),
    Style(
        "artistic",
        "Artistic",
        "A painting that moves: watercolour, oil, brush strokes, abstract or surreal forms, a dream.",
        after="painterly, expressive brush strokes, rich colours, dreamlike",
        negative="photograph, plain, dull colours",
    ),
    Style(
        "educational",
        "Educational",
        "An explanation for pupils and students: a diagram, how something works, science, history or mathematics.",
        before="a clear educational illustration of",
        after="simple shapes, plain background, even lighting, steady camera",
        negative="clutter, motion blur, distracting background",
        tier="standard",
    ),
    Style(
        "social",
        "Social",
        "A short clip for social media: friends, dancing, pets, food, travel, fun and trends, made to catch the eye.",
        after="bright colours, lively motion, close framing",
        negative="dull colours, empty frame, watermark",
        tier="standard",
    ),
    Style(
        "corporate",
        "Corporate",
        "A business presentation: a company, a team in an office, a meeting, a report or a conference.",
        before="a professional corporate video of",
        after="tidy composition, neutral colours, soft even lighting",
        negative="clutter, shaky camera, garish colours",
        tier="standard",
    ),
)
"""The server's own styles. None asks for guidance, steps or fps: what suits there differs from model to model."""

_SAID_BY: Final = MappingProxyType[str, tuple[str, ...]](
    {
        "negative_prompt": ("negative_prompt",),
        "tier": ("tier", "steps", "budget"),
        "steps": ("steps", "budget", "tier"),
        "guidance": ("guidance",),
        "fps": ("fps", "seconds"),  # a rate that was not asked for could make the asked length impossible
    }
)
"""A field that a style may decide, and the request's own fields that come before it."""

_SPOKEN: Final = MappingProxyType[str, str](
    {
        "negative_prompt": "keeps out {value!r}",
        "tier": "asks for the tier {value}",
        "steps": "asks for {value} steps",
        "guidance": "asks for guidance {value:g}",
        "fps": "asks for {value} frames a second",
    }
)


@dataclass(frozen=True, slots=True)
class StyledRequest:
    """A request as its style has changed it; without a style it is the request as it came.

    `decided` names the request's fields that the style has set, `reason` says all of it to people.
    """

    request: VideoRequest
    style: Style | None = None
    written: str | None = None  # the prompt as it was sent, where the style changed it
    decided: tuple[str, ...] = ()
    reason: str | None = None

    def marked(self, plan: Plan) -> Plan:
        """The plan made of this request, which then tells of the style."""
        if self.style is None or self.reason is None:
            return plan
        why = replace(plan.why, reasons=(*plan.why.reasons, self.reason))
        warnings = [self._warned(each) for each in plan.warnings]
        if not self.decided:
            warnings.append(PlanWarning("no_effect", self.reason, "style"))
        return replace(
            plan, style=self.style.id, written=self.written or plan.written, why=why, warnings=tuple(warnings)
        )

    def _warned(self, warning: PlanWarning) -> PlanWarning:
        """A warning that names the style where what it is about comes from the style."""
        if warning.code != "no_effect" or warning.param not in self.decided:
            return warning
        return replace(warning, message=f"{warning.message} That comes from the style.", param="style")

    def blamed(self, error: InvalidRequest) -> InvalidRequest:
        """The planner's refusal; it names the style where what is refused comes from the style."""
        if self.style is None or error.param not in self.decided:
            return error
        message = f"{error.message} That comes from the style {self.style.id!r}."
        return InvalidRequest(message, "prompt" if error.param == "prompt" else "style", error.error_code)


def apply(style: Style, request: VideoRequest) -> StyledRequest:
    """The request in that style. What the request itself says always wins; its prompt stays whole inside the words.

    A tier of "auto" says nothing. Steps or a budget of the request's own leave no say to the style's tier.
    """
    offered = {
        "negative_prompt": style.negative or None,
        "tier": style.tier,
        "steps": style.steps,
        "guidance": style.guidance,
        "fps": style.fps,
    }
    wishes: dict[str, Any] = {name: value for name, value in offered.items() if value is not None}
    taken = {name: value for name, value in wishes.items() if not any(_says(request, by) for by in _SAID_BY[name])}
    prompt = dressed(style, request.prompt)
    changed = prompt != request.prompt
    return StyledRequest(
        request=replace(request, prompt=prompt, **taken),
        style=style,
        written=request.prompt if changed else None,
        decided=(*(("prompt",) if changed else ()), *taken),
        reason=_reason(style, changed, taken, [name for name in wishes if name not in taken]),
    )


def dressed(style: Style, prompt: str) -> str:
    """The prompt between the style's words; an empty one stays empty, since words alone are nothing to show."""
    inner = prompt.strip()
    if not inner or not (style.before or style.after):
        return prompt
    inner = inner.rstrip(" .,;") or inner if style.after else inner
    said = f"{style.before} {inner}" if style.before else inner
    return f"{said}, {style.after}" if style.after else said


def is_id(text: str) -> bool:
    """Whether a style could have that id; what comes from clients is looked at before it is part of a key."""
    return _ID.fullmatch(text) is not None


def checked(style: Style) -> Style:
    """The style itself, if it is sound. Raises InvalidRequest whose `param` names the field at fault."""
    if not is_id(style.id):
        raise InvalidRequest("A style's id is a lower-case word.", param="id")
    for name, most in MOST_CHARS.items():
        if len(getattr(style, name)) > most:
            raise InvalidRequest(f"The {name} of a style has at most {most} characters.", param=name)
    if not style.name.strip():
        raise InvalidRequest("A style needs a name.", param="name")
    if style.tier is not None:
        tier_named(style.tier)
    if style.steps is not None and not 1 <= style.steps <= MOST_STEPS:
        raise InvalidRequest(f"steps must be 1 to {MOST_STEPS}.", param="steps")
    if style.guidance is not None and not LEAST_GUIDANCE <= style.guidance <= MOST_GUIDANCE:  # NaN falls out too
        raise InvalidRequest(f"guidance must be {LEAST_GUIDANCE:g} to {MOST_GUIDANCE:g}.", param="guidance")
    if style.fps is not None and not 1 <= style.fps <= MOST_FPS:
        raise InvalidRequest(f"fps must be 1 to {MOST_FPS}.", param="fps")
    if style == Style(style.id, style.name, style.description):
        raise InvalidRequest("A style must change something: give it words, a tier, steps, guidance or fps.")
    return style


def check_templates(rows: Iterable[Style]) -> MappingProxyType[str, Style]:
    """The server's own styles by id. Raises ValueError when one is unsound or two have one id."""
    table: dict[str, Style] = {}
    for row in rows:
        if row.id in table:
            raise ValueError(f"two styles are called {row.id}")
        try:
            table[row.id] = checked(row)
        except InvalidRequest as error:
            raise ValueError(f"style {row.id}: {error}") from error
    return MappingProxyType(table)


def _says(request: VideoRequest, name: str) -> bool:
    """Whether the request itself decides a field."""
    value: object = getattr(request, name)
    if name == "tier":
        asked = request.tier.strip().casefold()
        return ALIASES.get(asked, asked) != AUTO
    return value is not None and value != ""


def _reason(style: Style, dressed_up: bool, taken: Mapping[str, object], left: list[str]) -> str:
    around = ((style.before, "before"), (style.after, "behind")) if dressed_up else ()
    done = [f"puts {words!r} {where} the prompt" for words, where in around if words]
    done += [_SPOKEN[name].format(value=value) for name, value in taken.items()]
    told = f"The style {style.name} {', '.join(done) or 'changes nothing here'}."
    kept = ", ".join(name.replace("_", " ") for name in left)
    return f"{told} What the request says itself decides the {kept}." if kept else told


TEMPLATES: Final = check_templates(ROWS)
