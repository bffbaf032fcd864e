"""Tries uploaded LoRAs on models' layers in processes of their own, one at a time: the AdapterFits port of a router."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from app.errors import ServiceUnavailable
from app.plan.families import FAMILIES
from app.settings import Settings
from app.settings.model_entry import ModelEntry
from app.uploads.fit import AdapterFits, Fit, FitsAll

log = logging.getLogger(__name__)
TRIAL: Final = "app.engine.families.loading.adapter_trial"
MEMORY_BYTES: Final = 8 * 2**30  # beside the file: torch, diffusers, and their maps
_FIT = TypeAdapter(Fit)


class ProcessFits:
    """Each file is opened by torch and diffusers in a process that ends with it, within `timeout_s`."""

    def __init__(self, entries: Sequence[ModelEntry], timeout_s: float) -> None:
        self._entries: Mapping[str, ModelEntry] = {entry.id: entry for entry in entries}
        self._timeout_s = timeout_s
        self._turn = asyncio.Lock()

    async def fit(self, path: Path, model: str, expert: str) -> Fit:
        entry = self._entries[model]
        trial = {
            "file": str(path),
            "loader": FAMILIES[entry.family].loader,
            "family": entry.family,
            "source": entry.source,
            "revision": entry.revision,
            "local": entry.local_files_only,
            "part": int(expert == "low"),
            "most_bytes": MEMORY_BYTES + 4 * path.stat().st_size,
        }
        async with self._turn:
            return await self._tried(json.dumps(trial).encode(), model)

    async def _tried(self, asked: bytes, model: str) -> Fit:
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", TRIAL), stdin=pipe, stdout=pipe, stderr=pipe, env=_environment()
        )
        try:
            said, errors = await asyncio.wait_for(process.communicate(asked), self._timeout_s)
        except asyncio.TimeoutError:
            raise ServiceUnavailable("The LoRA could not be tried on the model in time.", retry_after_s=30.0) from None
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        try:
            return _FIT.validate_json(said)
        except ValidationError:
            why = errors.decode(errors="replace").strip()[-2000:]
            log.warning("A LoRA could not be tried on %s (exit %s): %s", model, process.returncode, why)
            if process.returncode and process.returncode < 0:  # the file was too much for it
                return Fit("it ended the process that read it")
            raise ServiceUnavailable(f"A LoRA cannot be tried on {model} here and now.", retry_after_s=60.0) from None


def fits_of(settings: Settings) -> AdapterFits:
    """What a router asks; where there is no model, all fits."""
    if settings.pretend_step_s is not None:
        return FitsAll()
    return ProcessFits(settings.models, settings.lora_check_timeout_s)


def _environment() -> dict[str, Any]:
    """Without a GPU, and importing what this process imports."""
    path = os.pathsep.join(each for each in sys.path if each)
    return {**os.environ, "CUDA_VISIBLE_DEVICES": "", "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
