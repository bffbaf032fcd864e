"""From settings and a model entry to a running engine: weights loaded on a thread that ends, memory watched."""

from __future__ import annotations

import asyncio
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from app.engine.denoiser import Denoiser, EncodePrompts
from app.engine.loop import Engine
from app.engine.memory.headroom import DeviceHeadroom
from app.engine.memory.pressure import MachineMemory, MemoryMonitor
from app.line.pressure import Limits
from app.line.rules import Rules
from app.settings import Settings
from app.settings.model_entry import ModelEntry
from app.settings.placement import parallel_of
from app.types import ModelProfile

SWITCH_S = 0.0005  # the most that the engine's thread waits for the interpreter that the loop holds; else 5 ms


async def load_denoiser(
    settings: Settings,
    model: ModelProfile,
    entry: ModelEntry,
    pool: str,
    encode: EncodePrompts | None,
) -> Denoiser:
    """The model, on its device. `encode`: a text encoder elsewhere, instead of the model's own.

    Raises what `load_entry` raises.
    """
    from app.models.loading import load_entry  # torch's families: only where a model is loaded

    ratios = settings.mag_ratios.get(model.id, ())
    shared = parallel_of(settings.parallel.get(pool, {}))
    # On a thread that ends: OpenMP counts the helpers of every living thread, and with more of them than cores its
    # barriers sleep at once, which makes the engine's steps half as fast.
    with ThreadPoolExecutor(max_workers=1) as loader:
        work = partial(load_entry, entry, settings, ratios, shared, encode)
        return await asyncio.get_running_loop().run_in_executor(loader, work)


def open_engine(denoiser: Denoiser, rules: Rules, host: Limits, device: Limits) -> Engine:
    """An engine that minds this machine's memory; `host` and `device` say when it is short."""
    sys.setswitchinterval(SWITCH_S)
    reader = MachineMemory(denoiser.device)
    monitor = MemoryMonitor(reader, host, device, time.monotonic)
    scarce = device if denoiser.device.type == "cuda" else host
    headroom = DeviceHeadroom(denoiser.device, reader, scarce.warning)
    return Engine(denoiser, rules, memory=monitor, headroom=headroom)
