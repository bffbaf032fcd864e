"""An entry of the setting `models` comes in, its denoiser goes out: where the settings meet the model families."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from app.engine.denoiser import Denoiser
from app.engine.families.folder import Lora
from app.engine.families.registry import load
from app.engine.presets import Parallel
from app.model_entry import EMBEDDED, ModelEntry
from app.plan.families import FAMILIES
from app.settings import Settings

if TYPE_CHECKING:
    from app.engine.families.wan import Encode

log = logging.getLogger("ray.serve")


def load_entry(
    entry: ModelEntry,
    settings: Settings,
    mag_ratios: Sequence[float] = (),
    parallel: Parallel | None = None,
    encode: Encode | None = None,
) -> Denoiser:
    """The model, on a GPU where torch sees one; `settings` say how it is laid out, in which precision, and the threads.

    `encode` takes the place of the built-in model's own text encoder; its forwards are shared with the ranks of
    `parallel`.

    Raises:
        ValueError: the files are another model's than the entry says.
        OSError: files are missing.
    """
    if settings.pretend_step_s is not None:
        from app.engine.fake import FakeDenoiser

        log.warning("No model: KINORAY_PRETEND_STEP_S is set, and videos are colours. For tests and benchmarks only.")
        return FakeDenoiser(settings.pretend_step_s)
    placement = settings.layout
    if entry.source == EMBEDDED:
        from app.engine.families.embedded import load_denoiser

        placement = placement if entry.dtype is None else replace(placement, dtype=entry.dtype)
        return load_denoiser(placement.dtype, settings.threads, placement, mag_ratios, parallel, encode)
    return load(
        FAMILIES[entry.family].loader,
        entry.source,
        revision=entry.revision,
        dtype=entry.dtype or placement.dtype,
        local=entry.local_files_only,
        loras=[
            Lora(name, lora.source, lora.file, lora.file_2, lora.revision, lora.scale)
            for name, lora in entry.loras.items()
        ],
        threads=settings.threads,
        placement=placement,
        family=entry.family,
    )
