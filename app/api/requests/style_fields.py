"""What may be asked about styles comes in, checked records go out; and how a style looks on the wire."""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType
from typing import Final, Literal, TypeVar

from pydantic import BaseModel, Field, ValidationError

from app.api.problems import sentence
from app.api.requests.fields import Fields, settled
from app.api.requests.strict import Strict
from app.errors import InvalidRequest
from app.plan.prompt.normalise import normalised, required
from app.plan.styles.presets import Preset, Usage
from app.plan.styles.recommend import Recommendation
from app.plan.styles.styles import MOST_CHARS, MOST_FPS, Style
from app.plan.tiers import MOST_STEPS, tier_named
from app.types import Caller

MOST_ADVISED: Final = 20
STYLE_ALIASES: Final = MappingProxyType(
    {
        "steps": "num_inference_steps",
        "guidance": "guidance_scale",
        "negative": "negative_prompt",
        "quality": "tier",
        "quality_tier": "tier",
    }
)


class CreateStyle(Strict):
    """A style to keep. It must change something; what a request says itself always comes before its style."""

    name: str = Field(description=f"For people, up to {MOST_CHARS['name']} characters")
    description: str | None = Field(None, description="What it is for; styles are recommended by it")
    before: str | None = Field(None, description="Words put before the prompt")
    after: str | None = Field(None, description="Words put behind the prompt")
    negative_prompt: str | None = Field(None, description="What the video should not show")
    tier: str | None = Field(None, description="preview, standard, premium or ultra; also `quality_tier`")
    num_inference_steps: int | None = Field(None, ge=1, le=MOST_STEPS, description="Also `steps`")
    guidance_scale: float | None = Field(None, ge=1, le=20, description="How closely to follow the prompt")
    fps: int | None = Field(None, ge=1, le=MOST_FPS, description="Frames per second")


class RecommendStyle(Strict):
    """A prompt to find styles for."""

    prompt: str = Field(description="What the video should show")
    limit: int | None = Field(None, ge=1, le=MOST_ADVISED, description="How many styles; 3, if not given")


class StyleInfo(BaseModel):
    """A style, and how often it was used."""

    id: str
    object: Literal["style"] = "style"
    name: str
    description: str
    owner: Literal["server", "you", "other"]
    shared: bool = Field(description="Others see it and may use it")
    created_at: int | None = Field(description="Unix seconds; null for the server's own")
    before: str
    after: str
    negative_prompt: str
    tier: str | None
    num_inference_steps: int | None
    guidance_scale: float | None
    fps: int | None
    uses: int = Field(description="Videos made in it, by everyone")
    your_uses: int
    last_used_at: int | None = Field(description="By you, Unix seconds")


class StyleList(BaseModel):
    """All styles that the caller may use."""

    object: Literal["list"] = "list"
    data: list[StyleInfo]


class StyleDeleted(BaseModel):
    """What is said of a deleted style."""

    id: str
    object: Literal["style.deleted"] = "style.deleted"
    deleted: Literal[True] = True


class AdvisedStyle(BaseModel):
    """A style with what speaks for it."""

    style: StyleInfo
    score: float = Field(description="How alike in meaning it and the prompt are: cosine, -1 to 1")
    reason: str


class StyleAdvice(BaseModel):
    """The styles that suit a prompt best, the best first."""

    object: Literal["list"] = "list"
    prompt: str
    data: list[AdvisedStyle]


M = TypeVar("M", bound=Strict)


def style_of(fields: Fields, style_id: str) -> Style:
    """The style in those fields, its texts repaired as prompts are. Raises InvalidRequest; `param` names the field."""
    asked = _validated(CreateStyle, fields)
    tier = tier_named(asked.tier) if asked.tier else None
    return Style(
        id=style_id,
        name=normalised(asked.name, MOST_CHARS["name"], "name"),
        description=normalised(asked.description or "", MOST_CHARS["description"], "description"),
        before=normalised(asked.before or "", MOST_CHARS["before"], "before"),
        after=normalised(asked.after or "", MOST_CHARS["after"], "after"),
        negative=normalised(asked.negative_prompt or "", MOST_CHARS["negative"], "negative_prompt"),
        tier=tier,
        steps=asked.num_inference_steps,
        guidance=None if asked.guidance_scale is None else float(asked.guidance_scale),
        fps=asked.fps,
    )


def wish_for_advice(fields: Fields, max_prompt_chars: int) -> tuple[str, int]:
    """The prompt, and how many styles to name. Raises InvalidRequest."""
    asked = _validated(RecommendStyle, fields)
    return required(asked.prompt, max_prompt_chars), asked.limit or 3


def style_info(style: Style, preset: Preset | None, usage: Usage, caller: Caller) -> StyleInfo:
    """A style as its reader sees it; whose a shared one is, is nobody else's business."""
    mine = preset is not None and preset.tenant == caller.tenant
    return StyleInfo(
        id=style.id,
        name=style.name,
        description=style.description,
        owner="server" if preset is None else "you" if mine else "other",
        shared=preset is None or preset.shared_at is not None,
        created_at=None if preset is None else int(preset.created_at),
        before=style.before,
        after=style.after,
        negative_prompt=style.negative,
        tier=style.tier,
        num_inference_steps=style.steps,
        guidance_scale=style.guidance,
        fps=style.fps,
        uses=usage.everyone,
        your_uses=usage.yours,
        last_used_at=None if usage.last_at is None else int(usage.last_at),
    )


def advice(prompt: str, found: Sequence[Recommendation], infos: Sequence[StyleInfo]) -> StyleAdvice:
    """The answer to who asks for a style."""
    advised = zip(found, infos, strict=True)
    return StyleAdvice(
        prompt=prompt,
        data=[AdvisedStyle(style=info, score=each.score, reason=each.reason) for each, info in advised],
    )


def _validated(model: type[M], fields: Fields) -> M:
    """The fields as that record; an empty text says nothing, and only a form's text is read as a number."""
    asked = settled(fields, model.model_fields, STYLE_ALIASES if model is CreateStyle else {})
    values = {name: value for name, value in asked.values.items() if value != "" or name in ("name", "prompt")}
    try:
        return model.model_validate(values, strict=not fields.text)
    except ValidationError as error:
        message, name = sentence(error.errors(include_url=False, include_input=False)[0])
        raise InvalidRequest(message, name) from error
