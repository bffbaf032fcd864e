"""What was done to the picture that a video begins with, on the wire."""

from __future__ import annotations

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
