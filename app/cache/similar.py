"""Final latents by the meaning of their prompts: the index's port, what an entry is, and the answer in this process."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from cachetools import LRUCache
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError
from safetensors import SafetensorError
from safetensors.numpy import load, save

from app.cache.store import SIMILAR, ByteCache
from app.types import Plan

Vector = NDArray[np.float32]  # (384,), of length one
Latent = NDArray[np.float32]  # (C, F', H', W')

MOST_ENTRIES = 512  # of one scope: the newest and those used last
MOST_SCOPES = 32  # that one process holds: 0.8 MB of vectors each
MOST_NEAR = 32  # candidates of one question
MOST_PROMPT_CHARS = 4000  # longer prompts are not kept
MAX_LATENT_BYTES = 32 * 2**20  # in float16
_MOST = 65504.0  # that float16 can hold
_HEADER_BYTES = 64 * 2**10
WIDTH = 384


@dataclass(frozen=True, slots=True)
class Note:
    """What is known of a kept latent without opening it."""

    entry: str
    prompt: str
    seed: int
    at: float = 0.0  # Unix seconds


@dataclass(frozen=True, slots=True)
class Near:
    """A note, and its prompt's cosine similarity to the one asked about."""

    note: Note
    similarity: float


class SimilarIndex(Protocol):
    """Which latents of a scope are near a sentence. Never raises: an index that fails is empty."""

    async def near(self, scope: str, vector: Vector, most: int = MOST_NEAR) -> list[Near]:
        """At most so many, the nearest first, whose latents were there a moment ago."""
        ...

    async def note(self, scope: str, note: Note, vector: Vector, ttl_s: float) -> None:
        """From now on it can be found, for `ttl_s`; call it once the latent is kept."""
        ...


_NOTE = TypeAdapter(Note)


def scope_of(plan: Plan, tenant: str) -> str:
    """Whose latents a plan may begin with: the tenant's own, of the same weights, adapters and shape; SHA-256."""
    spec = plan.spec
    student = () if plan.student is None else (plan.student.revision,)
    facts = (tenant, plan.model, plan.revision, spec.width, spec.height, spec.frames, *plan.adapters, *student)
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


def entry_of(scope: str, job_id: str) -> str:
    """The key of a job's latent."""
    return f"{scope[:32]}.{job_id}"


async def keep_latent(cache: ByteCache, entry: str, latent: Latent, ttl_s: float, worth: float) -> bool:
    """Keep a final latent, in float16; False when it is too large. A start with it saves `worth` step-seconds."""
    if 2 * latent.size > MAX_LATENT_BYTES or not bool((np.abs(latent) < _MOST).all()):  # NaN falls out too
        return False
    half = np.ascontiguousarray(latent, np.float16)
    await cache.put(SIMILAR, entry, save({"latent": half}), ttl_s, worth)
    return True


async def kept_latent(cache: ByteCache, entry: str) -> Latent | None:
    """The latent, float32, or None; what is damaged or too large is dropped."""
    data = await cache.get(SIMILAR, entry)
    if data is None:
        return None
    latent = _opened(data)
    if latent is None:
        await cache.drop(SIMILAR, entry)
    return latent


def _opened(data: bytes) -> Latent | None:
    if not 8 < len(data) <= MAX_LATENT_BYTES + _HEADER_BYTES or int.from_bytes(data[:8], "little") > _HEADER_BYTES:
        return None
    try:
        latent = load(data)["latent"]
    except (SafetensorError, ValueError, KeyError, TypeError, AttributeError):
        return None
    sound = latent.dtype == np.float16 and latent.ndim in (1, 4)  # of several modalities, or a video's
    return latent.astype(np.float32) if sound else None


def to_bytes(note: Note, vector: Vector) -> bytes:
    """A note and its vector, in float16, as the shared tier keeps them."""
    return np.asarray(vector, np.float16).tobytes() + _NOTE.dump_json(note)


def from_bytes(data: bytes) -> tuple[Note, Vector] | None:
    """The same back; None for what is damaged."""
    try:
        note = _NOTE.validate_json(data[2 * WIDTH :])
    except ValidationError:
        return None
    vector = np.frombuffer(data[: 2 * WIDTH], np.float16).astype(np.float32)
    return (note, vector) if vector.shape == (WIDTH,) and np.isfinite(vector).all() else None


class Scope:
    """The notes of one scope with their vectors in one matrix, so that a question is one product."""

    def __init__(self) -> None:
        self._notes: dict[str, Note] = {}  # noted last comes last
        self._rows: dict[str, int] = {}
        self._matrix = np.zeros((MOST_ENTRIES, WIDTH), np.float32)
        self._free = list(range(MOST_ENTRIES))

    def __len__(self) -> int:
        return len(self._notes)

    def add(self, note: Note, vector: Vector) -> str | None:
        """Take in a note; the entry that had to leave for it, if one had."""
        self.remove(note.entry)
        gone = None
        if not self._free:
            gone = next(iter(self._notes))
            self.remove(gone)
        row = self._rows[note.entry] = self._free.pop()
        self._matrix[row] = vector
        self._notes[note.entry] = note
        return gone

    def remove(self, entry: str) -> None:
        """Forget one; no matter if it is not here."""
        if self._notes.pop(entry, None) is not None:
            row = self._rows.pop(entry)
            self._matrix[row] = 0.0
            self._free.append(row)

    def near(self, vector: Vector, most: int) -> list[Near]:
        """The nearest by cosine, exactly."""
        if not self._notes:
            return []
        likeness = self._matrix @ np.asarray(vector, np.float32)
        entries = sorted(self._notes, key=lambda entry: -float(likeness[self._rows[entry]]))[:most]
        return [Near(self._notes[each], float(min(1.0, likeness[self._rows[each]]))) for each in entries]


class Scopes:
    """The scopes that one process holds; those not asked about for longest leave."""

    def __init__(self) -> None:
        self._kept: LRUCache[str, Scope] = LRUCache(MOST_SCOPES)

    def get(self, name: str) -> Scope | None:
        """The scope, if it is here."""
        return self._kept.get(name)

    def put(self, name: str, scope: Scope) -> Scope:
        """Hold a scope in place of what there was of it."""
        self._kept[name] = scope
        return scope


class MemorySimilar:
    """The SimilarIndex port in this process. For tests and tools."""

    def __init__(self) -> None:
        self._scopes = Scopes()

    async def near(self, scope: str, vector: Vector, most: int = MOST_NEAR) -> list[Near]:
        here = self._scopes.get(scope)
        return [] if here is None else here.near(vector, most)

    async def note(self, scope: str, note: Note, vector: Vector, ttl_s: float) -> None:
        if fits(note):
            here = self._scopes.get(scope)
            if here is None:
                here = self._scopes.put(scope, Scope())
            here.add(note, vector)


class NoSimilar:
    """The SimilarIndex port that finds nothing."""

    async def near(self, scope: str, vector: Vector, most: int = MOST_NEAR) -> list[Near]:
        return []

    async def note(self, scope: str, note: Note, vector: Vector, ttl_s: float) -> None:
        return None


def fits(note: Note) -> bool:
    """Whether its prompt is short enough to be kept."""
    return len(note.prompt) <= MOST_PROMPT_CHARS
