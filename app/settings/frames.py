"""The settings of what becomes of frames before they are a file: more a second, and larger."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, field_validator

from app.settings.field import setting


class Frames(BaseModel):
    """More frames a second, and larger pictures"""

    interpolation_model: Path | None = setting(
        None,
        "TorchScript file that makes the frames between two others for `interpolate: model`: it takes both, "
        "(1, 3, H, W) in 0..1, and the moment, (1, 1, 1, 1), and gives the one there",
        unset="`interpolate: model` is refused",
        since="0.3",
    )
    upscale_models: dict[Literal["2", "4"], Path] = setting(
        {},
        "By factor, a model file that spandrel reads (extra `upscale`), better a safetensors, that enlarges by it",
        unset="Lanczos' filter",
        since="0.3",
    )
    upscale_tile: int = setting(
        256,
        "Pictures are enlarged by models in tiles of this side, before enlarging: what their memory follows from",
        "pixels",
        since="0.3",
        ge=32,
        le=4096,
    )
    max_picture_megapixels: float = setting(
        9.0, "A larger picture than that is not made by `upscale`; 9 is a little more than 4K", "MP", since="0.3", gt=0
    )
    max_video_megapixels: float = setting(
        4000.0, "All frames of a video together, where `fps` or `upscale` make them more", "MP", since="0.3", gt=0
    )

    @field_validator("interpolation_model", "upscale_models")
    @classmethod
    def _there(cls, value: Path | dict[str, Path] | None) -> Path | dict[str, Path] | None:
        for path in value.values() if isinstance(value, dict) else [value] if value else []:
            if not path.is_file():
                raise ValueError(f"there is no file {path}")
        return value
