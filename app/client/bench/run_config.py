"""What one run of a benchmark asks for: a YAML file comes in, a checked RunConfig goes out."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from app.client.options import CreateOptions

MOST_JOBS = 10_000


class BadConfig(ValueError):
    """The file cannot be used; the message says where and why."""


class RunConfig(BaseModel):
    """One run. `settings` are those of a service that is started for it, by their names without KINORAY_."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = "run"
    prompts: Annotated[tuple[str, ...], Field(min_length=1)]
    n: Annotated[int, Field(ge=1, le=MOST_JOBS)] = 10
    concurrency: Annotated[int, Field(ge=1, le=256)] = 1
    warmup: Annotated[int, Field(ge=0, le=100)] = 1
    cache: bool = False
    model: str | None = None
    tier: str | None = None
    steps: Annotated[int | None, Field(ge=1)] = None
    budget: Annotated[int | None, Field(ge=1)] = None
    sampler: str | None = None
    size: str | None = None
    seconds: Annotated[float | None, Field(gt=0)] = None
    num_frames: Annotated[int | None, Field(ge=1)] = None
    fps: Annotated[int | None, Field(ge=1)] = None
    guidance_scale: float | None = None
    seed: Annotated[int | None, Field(ge=-1)] = None
    deterministic: bool | None = None
    priority: Literal["low", "normal", "high"] | None = None
    settings: dict[str, Any] | None = None

    @model_validator(mode="before")
    @classmethod
    def _one_prompt(cls, given: Any) -> Any:
        """`prompt: …` is the same as a list of one."""
        if isinstance(given, dict) and isinstance(given.get("prompt"), str) and "prompts" not in given:
            return {**{name: value for name, value in given.items() if name != "prompt"}, "prompts": [given["prompt"]]}
        return given

    def options(self) -> CreateOptions:
        """What each request asks for beside its prompt."""
        return {
            "model": self.model,
            "tier": self.tier,
            "steps": self.steps,
            "budget": self.budget,
            "sampler": self.sampler,
            "size": self.size,
            "seconds": self.seconds,
            "num_frames": self.num_frames,
            "fps": self.fps,
            "guidance_scale": self.guidance_scale,
            "seed": self.seed,
            "deterministic": self.deterministic,
            "priority": self.priority,
            "cache": {"mode": "use" if self.cache else "off"},
        }


def read_config(path: Path) -> RunConfig:
    """The run that a file describes, named after the file unless it says otherwise. Raises BadConfig."""
    try:
        found = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise BadConfig(f"{path}: {' '.join(str(error).split())}") from error
    if not isinstance(found, dict):
        raise BadConfig(f"{path}: a mapping is needed, such as `prompts: [a red ball]`.")
    try:
        return RunConfig.model_validate({"name": path.stem, **found})
    except ValidationError as error:
        raise BadConfig(f"{path}: {'; '.join(_said(each) for each in error.errors())}.") from error


def _said(fault: Any) -> str:
    name = ".".join(str(part) for part in fault["loc"])
    if fault["type"] != "extra_forbidden":
        return f"{name}: {fault['msg']}"
    near = get_close_matches(name, [*RunConfig.model_fields, "prompt"], 1)
    return f"there is no {name}" + (f"; did you mean {near[0]}?" if near else "")
