"""An entry of the setting `models` comes in, its denoiser goes out: where the settings meet the model families."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace

from app.engine.denoiser import Denoiser
from app.engine.embedding import Embedding, embedder
from app.engine.families.loading.folder import Lora
from app.engine.families.loading.reader import Files, Listen, Options
from app.engine.families.registry import files_of, reader
from app.plan.families import FAMILIES
from app.settings import Settings
from app.settings.model_entry import EMBEDDED, ModelEntry
from app.settings.placement import Parallel

log = logging.getLogger(__name__)


def load_entry(
    entry: ModelEntry,
    settings: Settings,
    mag_ratios: Sequence[float] = (),
    parallel: Parallel | None = None,
    listen: Listen | None = None,
) -> Denoiser:
    """The model, on a GPU where torch sees one; `settings` say how it is laid out, in which precision, and the threads.

    `listen` takes the place of the model's own text encoders, which are then not loaded; its forwards are shared with
    the ranks of `parallel`.

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
        return load_denoiser(placement.dtype, settings.threads, placement, mag_ratios, parallel, listen)
    loras = [
        Lora(name, lora.source, lora.file, lora.file_2, lora.revision, lora.scale) for name, lora in entry.loras.items()
    ]
    options = Options(placement, listen, loras, parallel or Parallel(), mag_ratios)
    return reader(FAMILIES[entry.family].loader).load(_files(entry, settings), options)


def load_text_encoder(entry: ModelEntry, settings: Settings) -> Callable[[Sequence[str]], list[Embedding]]:
    """The model's text encoders by themselves. Raises as `load_entry`."""
    if entry.source == EMBEDDED:
        from app.engine.families.embedded import load_encoder

        return embedder(load_encoder(settings.threads))
    return embedder(reader(FAMILIES[entry.family].loader).load_encoder(_files(entry, settings)))


def _files(entry: ModelEntry, settings: Settings) -> Files:
    return files_of(
        entry.source,
        revision=entry.revision,
        dtype=entry.dtype or settings.layout.dtype,
        local=entry.local_files_only,
        family=entry.family,
        threads=settings.threads,
    )
