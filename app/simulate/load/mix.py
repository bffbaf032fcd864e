"""A mix of requests in YAML comes in; its kinds go out, each with the steps and budget that the planner gives it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from app.embedded.profile import MODEL_ID, profile
from app.errors import KinorayError
from app.models.served import profile_of
from app.plan.catalogue import Catalogue
from app.plan.cost import UNKNOWN
from app.plan.families import FAMILIES
from app.plan.planner import make_plan
from app.plan.tables import Tables
from app.plan.work import evaluations
from app.settings import Settings
from app.settings.model_entry import ModelEntry
from app.settings.strict_yaml import loaded
from app.simulate.load.problem import CannotSimulate
from app.simulate.load.request_kind import RequestKind, plan_of
from app.simulate.load.step_times import StepTimes
from app.types import ModelProfile, VideoRequest

MOST_BYTES: Final = 2**20
PROMPTS: Final = {
    "simple": "a red ball",
    "moderate": "two dogs run along a beach at sunset",
    "complex": "two dogs run along a beach at sunset while waves crash",
    "very_complex": "two dogs run along a beach at sunset while waves crash and gulls circle, cinematic tracking shot",
}
"""A prompt of each class, for kinds that name a class and no prompt of their own."""
_Share = Annotated[float, Field(gt=0, le=1e6)]


class _Kind(BaseModel):
    """A row of `kinds`."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    name: str = Field(min_length=1, max_length=60)
    share: _Share = 1.0
    tier: str = "auto"
    prompt: str | None = Field(None, max_length=2000)
    complexity: Literal["simple", "moderate", "complex", "very_complex"] | None = None
    size: str | None = Field(None, pattern=r"^\d{2,5}x\d{2,5}$")
    frames: int | None = Field(None, ge=1, le=10_000)
    steps: int | None = Field(None, ge=1)
    budget: int | None = Field(None, ge=1)
    priority: Literal["low", "normal", "high"] = "normal"
    deadline_s: float | None = Field(None, gt=0)
    pool: str | None = Field(None, pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,39}$")
    tenants: list[str] | int = 1
    repeats: float = Field(0.0, ge=0, lt=1)

    @model_validator(mode="after")
    def _one_prompt(self) -> _Kind:
        if self.prompt is not None and self.complexity is not None:
            raise ValueError("give `prompt` or `complexity`, not both")
        count = len(self.tenants) if isinstance(self.tenants, list) else self.tenants
        if not 1 <= count <= 10_000:
            raise ValueError("`tenants` are 1 to 10000, or their names")
        return self


class _Mix(BaseModel):
    model_config = ConfigDict(extra="forbid")

    family: str | None = None
    kinds: list[_Kind] = Field(min_length=1, max_length=200)


def read_mix(path: Path, times: StepTimes, settings: Settings, tables: Tables) -> tuple[RequestKind, ...]:
    """The kinds of a file, planned as the service would. Raises CannotSimulate."""
    mix = _read(path)
    model = _model(mix.family, path)
    names = [kind.name for kind in mix.kinds]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise CannotSimulate(f"{path}: two kinds are called {twice[0]!r}.")
    return tuple(_planned(kind, model, times, settings, tables, path) for kind in mix.kinds)


def _read(path: Path) -> _Mix:
    try:
        if path.stat().st_size > MOST_BYTES:
            raise CannotSimulate(f"{path} has more than {MOST_BYTES // 2**20} MiB; it is no mix of requests.")
        return _Mix.model_validate(loaded(path.read_text()))
    except (OSError, UnicodeDecodeError) as error:
        raise CannotSimulate(f"{path} cannot be read: {error}.") from None
    except yaml.YAMLError as error:
        raise CannotSimulate(f"{path} is not YAML: {' '.join(str(error).split())}.") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise CannotSimulate(f"{path}: {where}: {first['msg']}." if where else f"{path}: {first['msg']}.") from None


def _model(family: str | None, path: Path) -> ModelProfile:
    if family is None or family == MODEL_ID:
        return profile()
    if family not in FAMILIES:
        raise CannotSimulate(
            f"{path}: there is no model family {family[:40]!r}; there are {', '.join(sorted(FAMILIES))}, "
            f"and without `family` it is the built-in model."
        )
    return profile_of(ModelEntry(id=family, family=family, source=family), FAMILIES[family], "")


def _planned(
    kind: _Kind, model: ModelProfile, times: StepTimes, settings: Settings, tables: Tables, path: Path
) -> RequestKind:
    width, height = map(int, kind.size.split("x")) if kind.size else (None, None)
    request = VideoRequest(
        prompt=kind.prompt or PROMPTS[kind.complexity or "simple"],
        tier=kind.tier,
        steps=kind.steps,
        budget=kind.budget,
        frames=kind.frames,
        width=width,
        height=height,
        seed=0,
    )
    try:
        made = make_plan(request, Catalogue([model], model.id), settings, UNKNOWN, lambda: 0, tables)
    except KinorayError as error:
        raise CannotSimulate(f"{path}: kind {kind.name!r}: {error.message}") from None
    work = evaluations(made)
    pool = kind.pool or made.pool
    plan = plan_of(
        *(kind.name, made.tier, pool, made.spec, made.sampling, work, times, settings.price_per_device_hour),
        model=model.id,
    )
    names = kind.tenants if isinstance(kind.tenants, list) else _numbered(kind.tenants)
    return RequestKind(
        name=kind.name,
        plan=plan,
        forwards=made.sampling.budget,
        evaluations=work,
        priority=kind.priority,
        deadline_s=kind.deadline_s,
        share=kind.share,
        tenants=tuple(names),
        repeats=kind.repeats,
    )


def _numbered(count: int) -> list[str]:
    return ["default"] if count == 1 else [f"tenant-{number}" for number in range(1, count + 1)]
