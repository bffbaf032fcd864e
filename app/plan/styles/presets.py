"""The styles that users keep: each belongs to a tenant, may be shown to all, and is counted when it is used."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol

from app.errors import Conflict, NotFound
from app.plan.styles.styles import TEMPLATES, Style

MOST_OWN: Final = 100  # presets of one tenant
MOST_SHOWN: Final = 100  # shared presets in a list, those shared last


@dataclass(frozen=True, slots=True)
class Preset:
    """A user's style: whose it is, since when, and since when others see it (None: they do not)."""

    style: Style
    tenant: str
    created_at: float  # Unix seconds, as all times here
    shared_at: float | None = None

    def visible_to(self, tenant: str) -> bool:
        return self.tenant == tenant or self.shared_at is not None


@dataclass(frozen=True, slots=True)
class Usage:
    """How often a style was used: by everyone, by the one who asks, and when by that one last."""

    everyone: int = 0
    yours: int = 0
    last_at: float | None = None


class Presets(Protocol):
    """Keeps presets and the figures of their use. Every method raises StoreUnavailable when the store is away."""

    async def create(self, preset: Preset) -> None:
        """Keep a new one. Raises Conflict: the tenant has its 100 (`too_many_styles`), or the id is taken."""
        ...

    async def get(self, style_id: str, tenant: str) -> Preset:
        """One's own, or one that is shared. Raises NotFound."""
        ...

    async def own(self, tenant: str) -> tuple[Preset, ...]:
        """A tenant's presets, the oldest first."""
        ...

    async def shared(self, tenant: str, most: int = MOST_SHOWN) -> tuple[Preset, ...]:
        """What other tenants share, the last shared first."""
        ...

    async def share(self, style_id: str, tenant: str, now: float) -> Preset:
        """Let everyone see and use one's own; sharing again changes nothing. Raises NotFound."""
        ...

    async def unshare(self, style_id: str, tenant: str) -> Preset:
        """Keep it to oneself again. Raises NotFound."""
        ...

    async def delete(self, style_id: str, tenant: str) -> None:
        """Forget one's own and the figures of its use. Raises NotFound."""
        ...

    async def count(self, style_id: str, tenant: str, now: float) -> None:
        """Note a use of one of the server's styles or of a preset that the tenant sees; of others nothing is noted."""
        ...

    async def usage(self, style_ids: Sequence[str], tenant: str) -> tuple[Usage, ...]:
        """The figures of each, in that order; zeros for what was never used."""
        ...


def new_id() -> str:
    """An id that no template has and nobody can guess."""
    return f"style_{uuid.uuid4().hex}"


def no_such_style() -> NotFound:
    """The same words for what is not there and for what is another tenant's."""
    return NotFound("There is no such style of yours.", code="style_not_found")


def too_many() -> Conflict:
    """What is said at the bound."""
    return Conflict(f"You have {MOST_OWN} styles; delete one first.", code="too_many_styles")


class MemoryPresets:
    """The Presets port in this process."""

    def __init__(self) -> None:
        self._presets: dict[str, Preset] = {}
        self._uses: dict[str, dict[str, tuple[int, float]]] = {}  # style -> tenant -> how often, when last

    async def create(self, preset: Preset) -> None:
        if preset.style.id in self._presets or preset.style.id in TEMPLATES:
            raise Conflict("A style of that id exists.")
        if len(await self.own(preset.tenant)) >= MOST_OWN:
            raise too_many()
        self._presets[preset.style.id] = preset

    async def get(self, style_id: str, tenant: str) -> Preset:
        preset = self._presets.get(style_id)
        if preset is None or not preset.visible_to(tenant):
            raise no_such_style()
        return preset

    async def own(self, tenant: str) -> tuple[Preset, ...]:
        mine = (preset for preset in self._presets.values() if preset.tenant == tenant)
        return tuple(sorted(mine, key=lambda preset: (preset.created_at, preset.style.id)))

    async def shared(self, tenant: str, most: int = MOST_SHOWN) -> tuple[Preset, ...]:
        others = (preset for preset in self._presets.values() if preset.tenant != tenant)
        found = [(preset.shared_at, preset.style.id, preset) for preset in others if preset.shared_at is not None]
        return tuple(preset for _, _, preset in sorted(found, reverse=True)[:most])

    async def share(self, style_id: str, tenant: str, now: float) -> Preset:
        preset = self._owned(style_id, tenant)
        if preset.shared_at is None:
            preset = self._presets[style_id] = replace(preset, shared_at=now)
        return preset

    async def unshare(self, style_id: str, tenant: str) -> Preset:
        preset = self._presets[style_id] = replace(self._owned(style_id, tenant), shared_at=None)
        return preset

    async def delete(self, style_id: str, tenant: str) -> None:
        self._owned(style_id, tenant)
        del self._presets[style_id]
        self._uses.pop(style_id, None)

    async def count(self, style_id: str, tenant: str, now: float) -> None:
        preset = self._presets.get(style_id)
        if style_id in TEMPLATES or (preset is not None and preset.visible_to(tenant)):
            by = self._uses.setdefault(style_id, {})
            by[tenant] = (by.get(tenant, (0, now))[0] + 1, now)

    async def usage(self, style_ids: Sequence[str], tenant: str) -> tuple[Usage, ...]:
        return tuple(self._usage(self._uses.get(style_id, {}), tenant) for style_id in style_ids)

    def _usage(self, by: dict[str, tuple[int, float]], tenant: str) -> Usage:
        yours, last_at = by.get(tenant, (0, None))
        return Usage(sum(times for times, _ in by.values()), yours, last_at)

    def _owned(self, style_id: str, tenant: str) -> Preset:
        preset = self._presets.get(style_id)
        if preset is None or preset.tenant != tenant:
            raise no_such_style()
        return preset
