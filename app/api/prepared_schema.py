"""What was done to the picture that a video begins with, on the wire."""

from __future__ import annotations

import base64

from pydantic import BaseModel, Field

from app.types import Prepared


class VideoPrepared(BaseModel):
    """What was done to the picture that it begins with; the picture itself is `content?variant=prepared`."""

    subject: str | None = Field(description="person or foreground; null: none had to be found")
    background: str = Field(description="keep, remove, blur, or a colour")
    crop: str = Field(description="subject, cover or contain")
    box: list[int] | None = Field(description="x, y, width, height of the subject, in pixels of width and height below")
    coverage: float | None = Field(description="How much of the picture the subject covers, 0 to 1")
    width: int = Field(description="Of the picture as it came, upright and at most 2048 pixels long")
    height: int = Field(description="Of the same")
    model: str | None = Field(description="What found the subject")
    cached: bool = Field(description="It was found before: in the same picture, by the same model")


class PlannedPicture(VideoPrepared):
    """What would be done to it, and how it would look."""

    preview: str = Field(description="What the video would begin with, at most 320 pixels long: a data URL, image/webp")


def planned_picture(done: Prepared | None, webp: bytes | None) -> PlannedPicture | None:
    """As clients see it before anything is made."""
    told = prepared_object(done)
    if told is None or webp is None:
        return None
    return PlannedPicture(**told.model_dump(), preview=f"data:image/webp;base64,{base64.b64encode(webp).decode()}")


def prepared_object(done: Prepared | None) -> VideoPrepared | None:
    """As clients see it."""
    if done is None:
        return None
    return VideoPrepared(
        subject=done.wish.sought,
        background=done.wish.background,
        crop=done.wish.crop,
        box=None if done.box is None else list(done.box),
        coverage=done.coverage,
        width=done.width,
        height=done.height,
        model=done.model or None,
        cached=done.cached,
    )
