"""What all attempts on one replica share: engine, stores, caches, and what the replica learns of itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from app.engine.timing.overhead import Overhead
from app.engine.timing.power import Power
from app.service.background import Background
from app.service.similar_start import ReplicaCaches
from app.settings import Settings
from app.types import ModelProfile
from app.worker.adapter_files import AdapterFiles
from app.worker.ports import Finishing, ReplicaEngine, ReplicaStores, Timing

if TYPE_CHECKING:  # a replica's story needs no tensors
    from app.engine.encoding import Encoder


@dataclass(frozen=True, slots=True)
class Measurements:
    """What a replica learns of itself from job to job."""

    overhead: Overhead
    power: Power


@dataclass(frozen=True, slots=True)
class ReplicaParts:
    """`encoder` None: the engine's own model encodes prompts."""

    settings: Settings
    model: ModelProfile
    stores: ReplicaStores
    engine: ReplicaEngine
    encoder: Encoder | None
    caches: ReplicaCaches
    finishing: Finishing
    measurements: Measurements
    adapter_files: AdapterFiles = field(default_factory=AdapterFiles)
    background: Background = field(default_factory=Background)
    timing: Timing = Timing()
