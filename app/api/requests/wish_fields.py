"""What a request may wish of caches and webhooks, as pydantic models: objects within its fields."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from app.api.requests.strict import Strict
from app.types import Prepare


class CacheWish(Strict):
    """What the caches may do for a request."""

    mode: Literal["use", "read", "write", "bypass", "off"] = Field(
        "use",
        description="use: read and keep. read: read only. write: make it anew and keep it. "
        "bypass: make it anew and do not keep it. off: the same, and without cached embeddings",
    )
    ttl_s: float | None = Field(None, gt=0, le=366 * 86400.0, description="Keep the result for so long")
    similar: bool = Field(
        False,
        description="It may begin with a similar video of yours instead of noise, and is kept for others to do so",
    )


class PrepareWish(Strict):
    """What is done to a picture before the video begins with it."""

    subject: Literal["person", "foreground"] | None = Field(
        None, description="What has to be in it; without one the foreground, where background or crop need it"
    )
    background: Annotated[str, StringConstraints(pattern=r"^(keep|remove|blur|#[0-9a-fA-F]{6})$")] = Field(
        "keep", description="keep, remove (it becomes white), blur, or a colour such as #20a0ff"
    )
    crop: Literal["subject", "cover", "contain"] = Field(
        "cover",
        description="subject: what is around it goes. cover: what is beside the video's shape goes. "
        "contain: all of it stays, with bars",
    )


def wished_picture(wish: PrepareWish | None) -> Prepare | None:
    """The wish as the planner has it."""
    return None if wish is None else Prepare(wish.subject, wish.background.lower(), wish.crop)


class WebhookWish(Strict):
    """Who is to be told of the job's end."""

    url: str = Field(max_length=2048, description="An https:// address that takes a signed POST")
    events: Annotated[list[Literal["video.completed", "video.failed"]], Field(min_length=1, max_length=2)] | None = (
        Field(None, description="Both, if not given")
    )
