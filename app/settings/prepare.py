"""The settings of preparing pictures: what looks for their subjects, and how long its answers are kept."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel

from app.settings.field import setting


class Preparing(BaseModel):
    """What may be done to a picture before a video begins with it"""

    prepare_person_model: Path | None = setting(
        None,
        "An ONNX file that finds people, instead of OpenCV's detector (docs/models.md)",
        unset="OpenCV",
        since="0.3",
    )
    prepare_foreground_model: Path | None = setting(
        None,
        "An ONNX file that finds what stands in front, instead of OpenCV's GrabCut (docs/models.md)",
        unset="OpenCV",
        since="0.3",
    )
    prepare_kept_s: float = setting(
        24 * 3600.0, "How long it is remembered what a picture's subject is", "s", since="0.3", gt=0
    )
