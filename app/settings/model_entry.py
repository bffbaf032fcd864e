"""One entry of the `models` setting: a model to serve, where its files are, and how it departs from its family."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

EMBEDDED = "embedded"
"""The source of the model that Kinoray ships with."""

_Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]{0,99}$")]
_Pool = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,39}$")]
_Word = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_]{0,39}$")]
_Side = Annotated[int, Field(ge=16, le=16384)]
_Guidance = Annotated[float, Field(ge=1, le=20)]
_Share = Annotated[float, Field(ge=0, le=1)]
_Frames = Annotated[int, Field(ge=1, le=10_000)]
_WEIGHTS = r"^[^/].*\.(safetensors|gguf)$"
Tier = Literal["preview", "standard", "premium", "ultra"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class LoraEntry(_Strict):
    """A LoRA adapter: safetensors in a local file or folder, or on the hub."""

    source: str = Field(min_length=1, description="A file, a folder, or a hub id")
    file: str | None = Field(None, pattern=r"^[^/].*\.safetensors$", description="The file in a folder or on the hub")
    file_2: str | None = Field(None, pattern=r"^[^/].*\.safetensors$", description="The one for the second expert")
    revision: str | None = Field(None, description="Hub revision")
    scale: float = Field(1.0, gt=0, le=4, description="How strongly it acts; a request's strength is a share of it")
    by_request: bool | None = Field(
        None, description="Whether requests may name it in `loras`; unset: unless a tier switches it on"
    )
    description: str = Field("", max_length=200, description="What it is for, and words that a prompt needs for it")


class TierEntry(_Strict):
    """How the model departs from its family in one tier."""

    steps: int | tuple[int, int, int, int] | None = Field(
        None, description="For every class, or for a simple, moderate, complex and very complex prompt"
    )
    guidance: _Guidance | None = None
    sizes: tuple[tuple[_Side, _Side], ...] = Field((), description="Width and height, the default first")
    most_frames: _Frames | None = None
    lora: _Word | None = Field(None, description="The adapter that is switched on, one of the model's `loras`")
    few_step: _Word | None = Field(
        None, description="A few-step method of the family by its name in docs/models.md, which gives the fields below"
    )
    sampler: _Word | None = Field(None, description="Instead of the model's default")
    shift: float | None = Field(None, gt=0, le=100, description="Flow shift of the noise schedule in this tier")
    levels: tuple[Annotated[float, Field(gt=0, le=1)], ...] = Field(
        (), max_length=100, description="Noise levels of its own, falling, one for each step"
    )
    guidance_start: _Share | None = Field(None, description="Share of the steps from which on there is guidance")
    guidance_stop: _Share | None = Field(None, description="Share of the steps behind which there is none")
    cfg_zero_star: bool | None = Field(None, description="Guided as CFG-Zero* does")
    zero_init_steps: int | None = Field(None, ge=0, le=100, description="First steps without velocity, with it")
    pool: _Pool | None = Field(None, description="A pool of its own for this tier")
    weights: Literal["own", "student"] | None = Field(
        None, description="Made by the model's distilled student, where it has one, or by its own weights"
    )


class TransformerFile(_Strict):
    """The denoiser's weights as one file, in place of those in the model's folder, whose other parts are used."""

    source: str = Field(min_length=1, description="A file, a folder, or a hub id")
    file: str | None = Field(None, pattern=_WEIGHTS, description="The file in a folder or on the hub")
    file_2: str | None = Field(None, pattern=_WEIGHTS, description="The one for the second expert")
    revision: str | None = Field(None, description="Hub revision")


class ModelEntry(_Strict):
    """A model to serve."""

    id: _Name = Field(description="What requests call it")
    family: str = Field(description='A row of `app/plan/families.py`, or "embedded"')
    source: str = Field(min_length=1, description='A diffusers folder, a hub id, or "embedded"')
    revision: str | None = Field(None, description="Hub revision; unset: what is there")
    transformer: TransformerFile | None = Field(
        None, description="A .gguf or .safetensors file with the denoiser's weights, instead of the folder's"
    )
    dtype: Literal["float32", "bfloat16", "float16"] | None = Field(None, description="Unset: the setting `dtype`")
    pool: _Pool | None = Field(
        None, description="Its pool; unset: `main` for an only model and the built-in one, else named after the id"
    )
    aliases: tuple[_Name, ...] = Field((), description="Other names")
    local_files_only: bool = Field(False, description="Never download; what is not in the hub's cache is missing")
    sizes: tuple[tuple[_Side, _Side], ...] = Field((), description="Instead of the family's, the default first")
    frames: tuple[_Frames, ...] = Field((), description="Legal frame counts instead of the family's")
    guidance: _Guidance | None = None
    guidance_2: _Guidance | None = Field(None, description="Of the second expert, for the low noise")
    shift: float | None = Field(None, gt=0, le=100, description="Flow shift of the noise schedule")
    step_s: float | None = Field(None, gt=0, description="Seconds of a step, until a replica has measured it")
    tiers: dict[Tier, TierEntry] = Field(default_factory=dict, description="Departures by tier")
    text_encoder: Literal["replica", "shared"] | None = Field(None, description="Unset: the setting `text_encoder`")
    loras: dict[_Word, LoraEntry] = Field(default_factory=dict, description="Adapters by name")
    lora_uploads: bool | None = Field(None, description="Tenants may upload adapters for it; unset: the setting")


BUILT_IN = ModelEntry(id="kinoray-shapes", family=EMBEDDED, source=EMBEDDED)
