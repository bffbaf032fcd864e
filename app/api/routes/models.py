"""The models that can be asked for, as OpenAI lists them and with what each can make."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from app import __version__
from app.api.auth import Who
from app.api.dependencies import Config, Service
from app.api.openapi import ERRORS
from app.api.plan_schemas import PlannedGuidance
from app.plan.catalogue import Catalogue, pool_of, within
from app.plan.explain import told_rule
from app.plan.postprocessing import most_fps
from app.plan.prompt.complexity import CLASSES
from app.plan.sampling import tier_of
from app.plan.speculative.speculative import maker_of
from app.plan.tiers import TIERS, choose
from app.service.pools import PoolStatus, why_not
from app.service.videos import VideoService
from app.settings import Settings
from app.types import FLOW, IMAGE, MODEL, OFF, OWN, UPSCALES, VIDEO, InputRole, ModelProfile

router = APIRouter(tags=["models"], responses=ERRORS)


class ModelTier(BaseModel):
    """What a model makes in a tier."""

    steps: list[int] = Field(description="For a simple, moderate, complex and very complex prompt")
    sizes: list[str] = Field(description="The tier's default first")
    most_frames: int
    guidance: float
    sampler: str = Field(description="Unless a request says another")
    flow_shift: float = Field(description="Of the noise schedule, unless a request says another")
    noise_levels: list[float] = Field(description="A few-step method's own; empty: the sampler's")
    guidance_rule: PlannedGuidance | None = Field(description="Null: guidance at each step, as usual")
    weights: str = Field(description="Which weights denoise: own, or student, unless a request asks what it cannot")
    pool: str


class ModelStudent(BaseModel):
    """A second set of weights, distilled to few evaluations without guidance; replicas hold both."""

    revision: str
    evaluations: int = Field(description="That it makes a clip in")


class ModelLora(BaseModel):
    """A LoRA adapter that requests may name in `loras`."""

    name: str
    description: str = Field(description="What it is for, and words that a prompt needs for it")


class ModelInput(BaseModel):
    """A role in which a model takes pictures or videos, `role` of `input_references`."""

    role: str = Field(description="first, last, reference, control or mask")
    kinds: list[str] = Field(description="image, video or audio")
    most: int = Field(description="Of one request")
    needed: bool = Field(description="There is no video without one")
    beside: str | None = Field(description="A role that has to be there, too")
    takes_frame: bool = Field(description="Each says at which `frame` it stands")
    frame_step: int = Field(description="That is a multiple of it")
    takes_strength: bool = Field(description="Each says how much it counts, `strength`")
    max_pixels: int | None = Field(description="Of a picture; null where it takes none")
    max_video_bytes: int | None = Field(description="Of a video's file; null where it takes none")
    max_seconds: float | None = Field(description="Of a video that are used: what is behind them is cut off")


class Model(BaseModel):
    """OpenAI's Model object, and what the model makes."""

    id: str
    object: Literal["model"] = "model"
    created: int = Field(0, description="Not known: always 0")
    owned_by: str = "kinoray"
    family: str
    revision: str
    default: bool
    aliases: list[str]
    sizes: list[str] = Field(description="The default first")
    frames: list[int]
    default_frames: int
    fps: tuple[int, int] = Field(description="Slowest and fastest")
    default_fps: int
    max_fps: int = Field(description="The fastest that a video may be asked for, with frames put in between")
    interpolate: list[str] = Field(description="How these come about: what a request's `interpolate` may be")
    upscale: list[int] = Field(description="Times that its pictures may be enlarged")
    default_upscale: int = Field(description="Times that they are, where a request has neither `upscale` nor `size`")
    max_seconds: float
    guidance: float
    samplers: list[str] = Field(description="The default first")
    pool: str
    takes_image: bool = Field(description="A video may begin with a picture, `input_reference`")
    needs_image: bool = Field(description="It has to")
    inputs: list[ModelInput] = Field(description="The roles in which it takes pictures and videos, `input_references`")
    makes_sound: bool = Field(description="Its videos have sound, unless a request says `audio` false")
    loras: list[ModelLora] = Field(description="Adapters that requests may name in `loras`")
    lora_uploads: bool = Field(description="Whether you may upload others, see /v1/loras")
    flow_shift: float = Field(description="Of the noise schedule, unless a request says another")
    guidance_interval: bool = Field(description="Whether a request may say `guidance_start` and `guidance_stop`")
    asynchronous: bool = Field(description="Whether a request may say `ar_step` and `causal_block_size`")
    cfg_zero_star: bool = Field(description="Whether it may say `cfg_zero_star`")
    tiers: dict[str, ModelTier]
    student: ModelStudent | None = Field(description="Null for a model without one")
    drafts: bool = Field(description="Whether a request may ask for a draft first, `speculative`")
    ready: bool = Field(description="Whether all of its pools take jobs; one that sleeps does, and wakes for them")
    unavailable: str | None = Field(description="Why it is not ready; null where it is")


class ModelList(BaseModel):
    """All models."""

    object: Literal["list"] = "list"
    data: list[Model]


class ModelInfo(Model):
    """A model as SGLang's clients ask for it."""

    model_path: str
    task_type: Literal["T2V", "I2V", "TI2V", "T2I"] = "T2V"
    is_generation: Literal[True] = True
    version: str = Field(__version__, description="Kinoray's release")


@router.get("/v1/models", summary="List the models")
async def list_models(service: Service, settings: Config, caller: Who) -> ModelList:
    """The models and what each makes, the default first."""
    pools = await service.pools.look()
    models = [_model(profile, service, settings, pools) for profile in service.ports.models]
    return ModelList(data=sorted(models, key=lambda model: not model.default))


@router.get("/v1/models/{model_id:path}", summary="Look at a model")
async def retrieve_model(model_id: str, service: Service, settings: Config, caller: Who) -> Model:
    """A model by its id or one of its other names."""
    profile = _catalogue(service, settings).find(model_id)
    return _model(profile, service, settings, await service.pools.look())


@router.get("/v1/model_info", summary="Look at the default model")
@router.get("/model_info", include_in_schema=False)
async def model_info(
    service: Service,
    settings: Config,
    caller: Who,
    model: Annotated[str | None, Query(description="Another than the default")] = None,
) -> ModelInfo:
    """The default model, or the one that is named."""
    profile = _catalogue(service, settings).find(model)
    task: Literal["T2V", "I2V", "TI2V", "T2I"] = (
        "I2V" if profile.needs_image else "TI2V" if profile.takes_image else "T2V"
    )
    task = "T2I" if profile.pictures_only else task
    known = _model(profile, service, settings, await service.pools.look())
    return ModelInfo(**known.model_dump(), model_path=profile.id, task_type=task)


def _catalogue(service: VideoService, settings: Settings) -> Catalogue:
    return Catalogue(service.ports.models, settings.default_name, settings.aliases)


def _model(profile: ModelProfile, service: VideoService, settings: Settings, pools: Mapping[str, PoolStatus]) -> Model:
    default = _catalogue(service, settings).find().id
    lacking = [status for status in pools.values() if status.model == profile.id and not status.ready]
    return Model(
        id=profile.id,
        family=profile.family,
        revision=profile.revision,
        default=profile.id == default,
        aliases=[alias for alias, target in settings.aliases.items() if target == profile.id],
        sizes=[f"{width}x{height}" for width, height in profile.sizes],
        frames=list(profile.frames),
        default_frames=profile.default_frames,
        fps=profile.fps,
        default_fps=profile.default_fps,
        max_fps=most_fps(profile),
        interpolate=[OFF] if profile.pictures_only else [OFF, FLOW, *([MODEL] if settings.interpolation_model else [])],
        upscale=list(UPSCALES),
        default_upscale=profile.upscale,
        max_seconds=round(profile.max_seconds, 3),
        guidance=profile.guidance,
        samplers=list(profile.samplers),
        pool=profile.pool,
        takes_image=profile.takes_image,
        needs_image=profile.needs_image,
        inputs=[_input(role, profile, settings) for role in profile.roles],
        makes_sound=profile.makes_sound,
        loras=[ModelLora(name=lora.name, description=lora.description) for lora in profile.loras],
        lora_uploads=profile.lora_uploads,
        flow_shift=profile.shift,
        guidance_interval=profile.guided_by == "negative",
        asynchronous=profile.segments is not None,
        cfg_zero_star=profile.guided_by == "negative" and not profile.own_guidance,
        tiers={name: _tier(profile, name, settings) for name in TIERS},
        student=_student(profile),
        drafts=bool(maker_of(profile)),
        ready=not lacking,
        unavailable="; ".join(map(why_not, lacking)) or None,
    )


def _input(role: InputRole, profile: ModelProfile, settings: Settings) -> ModelInput:
    takes_video = VIDEO in role.kinds
    return ModelInput(
        role=role.role,
        kinds=list(role.kinds),
        most=role.most,
        needed=role.needed,
        beside=role.beside or None,
        takes_frame=role.framed,
        frame_step=role.frame_step,
        takes_strength=role.graded,
        max_pixels=settings.max_image_pixels if IMAGE in role.kinds else None,
        max_video_bytes=settings.video_input_max_bytes if takes_video else None,
        max_seconds=round(profile.max_seconds, 3) if takes_video else None,
    )


def _student(profile: ModelProfile) -> ModelStudent | None:
    if (student := profile.student) is None:
        return None
    return ModelStudent(revision=student.revision, evaluations=student.evaluations)


def _tier(profile: ModelProfile, name: str, settings: Settings) -> ModelTier:
    here, own = within(profile, name), tier_of(profile, name)
    return ModelTier(
        steps=[choose(name, row.name, profile.tiers).steps for row in CLASSES],
        sizes=[f"{width}x{height}" for width, height in here.sizes],
        most_frames=here.frames[-1],
        guidance=round(here.guidance * TIERS[name].guidance_gain, 3),
        sampler=here.samplers[0],
        flow_shift=here.shift,
        noise_levels=[] if own is None else list(own.levels),
        guidance_rule=None if own is None else told_rule(own.rule),
        weights=OWN if own is None or not own.weights else own.weights,
        pool=pool_of(profile, name, settings.pools),
    )
