"""What a request may wish of caches and webhooks, as pydantic models: objects within its fields."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from app.api.requests.strict import Strict


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


class WebhookWish(Strict):
    """Who is to be told of the job's end."""

    url: str = Field(max_length=2048, description="An https:// address that takes a signed POST")
    events: Annotated[list[Literal["video.completed", "video.failed"]], Field(min_length=1, max_length=2)] | None = (
        Field(None, description="Both, if not given")
    )
