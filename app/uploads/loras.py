"""The port to the records of uploaded LoRAs: each belongs to a tenant, who has only so many; and it in this process."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Protocol

from app.errors import Conflict, NotFound
from app.types import UploadedLora

_ID: Final = re.compile(r"lora_[0-9a-f]{32}")
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True)
class LoraUpload:
    """An adapter on record. Times are Unix seconds."""

    lora: UploadedLora
    tenant: str
    created_at: float
    expires_at: float | None = None
    description: str = ""
    layers: int = 0
    lost: tuple[str, ...] = ()  # layers without a place in the model, where their owner wanted it nevertheless
    ranks: tuple[int, ...] = ()
    alphas: tuple[float, ...] = ()
    dora: bool = False
    dtypes: tuple[str, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)

    @property
    def id(self) -> str:
        return self.lora.id

    @property
    def size_bytes(self) -> int:
        return self.lora.artifact.size_bytes

    def lives(self, now: float) -> bool:
        """Whether its time is not over."""
        return self.expires_at is None or now < self.expires_at


class Most(NamedTuple):
    """What a tenant may have at a time."""

    loras: int
    bytes: int


class LoraPage(NamedTuple):
    """Part of a list."""

    loras: tuple[LoraUpload, ...]
    has_more: bool


class LoraUploads(Protocol):
    """Keeps the records. Every method raises StoreUnavailable when the store is away."""

    async def create(self, upload: LoraUpload, most: Most) -> None:
        """Keep a new one. Raises Conflict: the tenant has one of that name, or would have too many or too much."""
        ...

    async def own(self, tenant: str, now: float) -> tuple[LoraUpload, ...]:
        """A tenant's, the oldest first, but for those whose time is over."""
        ...

    async def delete(self, lora_id: str, tenant: str) -> None:
        """Forget one's own. Raises NotFound."""
        ...

    async def expired(self, now: float, most: int) -> Sequence[LoraUpload]:
        """Some whose time is over."""
        ...

    async def known(self, lora_id: str) -> bool:
        """Whether there is a record of it, whosever it is."""
        ...


def new_id(now: float) -> str:
    """An id that nobody can guess, and that sorts by the time, so that a page can go on behind one that is gone."""
    return f"lora_{int(now * 1000):012x}{secrets.token_hex(10)}"


def is_id(text: str) -> bool:
    """Whether it may be an id."""
    return _ID.fullmatch(text) is not None


def is_name(text: str) -> bool:
    """Whether an adapter may be called so: letters, digits, `.`, `_` and `-`, and no id."""
    return _NAME.fullmatch(text) is not None and not is_id(text)


def no_such_lora() -> NotFound:
    """The same words for what is not there and for what is another tenant's."""
    return NotFound("There is no such LoRA of yours.", code="lora_not_found")


def refusal(upload: LoraUpload, own: Sequence[LoraUpload], most: Most) -> Conflict | None:
    """Why a tenant who has these cannot have one more; None: it can."""
    if any(each.lora.name == upload.lora.name for each in own):
        return Conflict(f"You have a LoRA named {upload.lora.name!r}; delete it first.", "name", "lora_exists")
    if len(own) >= most.loras:
        return Conflict(f"You have {len(own)} LoRAs, of at most {most.loras}; delete one first.", code="too_many_loras")
    held = sum(each.size_bytes for each in own)
    if held + upload.size_bytes > most.bytes:
        message = f"With this one your LoRAs would have {held + upload.size_bytes:,} bytes, of at most {most.bytes:,}."
        return Conflict(message, code="too_many_loras")
    return None


def found(name: str, own: Sequence[LoraUpload]) -> LoraUpload | None:
    """The one of that id or name."""
    return next((each for each in own if name in (each.id, each.lora.name)), None)


def page_of(own: Sequence[LoraUpload], after: str | None, limit: int, newest_first: bool) -> LoraPage:
    """A page behind an id, which may be gone."""
    rows = sorted(own, key=lambda each: each.id, reverse=newest_first)
    if after:
        rows = [each for each in rows if (each.id < after if newest_first else each.id > after)]
    return LoraPage(tuple(rows[:limit]), len(rows) > limit)


class MemoryLoraUploads:
    """The LoraUploads port in this process."""

    def __init__(self) -> None:
        self._kept: dict[str, LoraUpload] = {}

    async def create(self, upload: LoraUpload, most: Most) -> None:
        refused = refusal(upload, await self.own(upload.tenant, upload.created_at), most)
        if refused is not None:
            raise refused
        self._kept[upload.id] = upload

    async def own(self, tenant: str, now: float) -> tuple[LoraUpload, ...]:
        mine = (each for each in self._kept.values() if each.tenant == tenant and each.lives(now))
        return tuple(sorted(mine, key=lambda each: each.id))

    async def delete(self, lora_id: str, tenant: str) -> None:
        kept = self._kept.get(lora_id)
        if kept is None or kept.tenant != tenant:
            raise no_such_lora()
        del self._kept[lora_id]

    async def expired(self, now: float, most: int) -> Sequence[LoraUpload]:
        return [each for each in self._kept.values() if not each.lives(now)][:most]

    async def known(self, lora_id: str) -> bool:
        return lora_id in self._kept
