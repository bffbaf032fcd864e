"""An entry of the setting `models` comes in, its denoiser goes out: where the settings meet the model families."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence

from app.embedded.profile import profile
from app.engine.denoiser import Denoiser, EncodePrompts
from app.engine.embedding import Embedding, embedder
from app.engine.families.loading.folder import Lora
from app.engine.families.loading.lora import AdapterInvalid
from app.engine.families.loading.reader import Files, Options
from app.engine.families.loading.single_file import SingleFile
from app.engine.families.loading.uploaded import Room
from app.engine.families.registry import EMBEDDED as EMBEDDED_LOADER
from app.engine.families.registry import Reads, files_of, reader
from app.models.served import BadModel
from app.models.sources import locate
from app.plan.families import FAMILIES
from app.plan.layouts.table import find, gated
from app.settings import Settings
from app.settings.model_entry import EMBEDDED, ModelEntry
from app.settings.placement import Parallel, Placement

log = logging.getLogger(__name__)


def load_entry(
    entry: ModelEntry,
    settings: Settings,
    mag_ratios: Sequence[float] = (),
    parallel: Parallel | None = None,
    encode: EncodePrompts | None = None,
) -> Denoiser:
    """The model, on a GPU where torch sees one; `settings` say how it is laid out, in which precision, and the threads.

    `encode` takes the place of the model's own text encoders, which are then not loaded; its forwards are shared with
    the ranks of `parallel`.

    Raises:
        BadModel: a LoRA cannot be loaded into it; the message names the entry, the LoRA and its file.
        ValueError: the files are another model's than the entry says.
        OSError: files are missing.
    """
    if settings.pretend_step_s is not None:
        from app.engine.fake import FakeDenoiser

        log.warning("No model: KINORAY_PRETEND_STEP_S is set, and videos are colours. For tests and benchmarks only.")
        return FakeDenoiser(settings.pretend_step_s, further=settings.pretend_further_share)
    parallel = parallel or Parallel()
    placement = layout_of(entry, settings)
    loras = [
        Lora(name, lora.source, lora.file, lora.file_2, lora.revision, lora.scale) for name, lora in entry.loras.items()
    ]
    room = Room(settings.loras_loaded, settings.loras_loaded_bytes) if entry.lora_uploads else None
    options = Options(placement, encode, loras, parallel, room, mag_ratios)
    try:
        return _reader(entry).load(_files(entry, settings, parallel.ranks, placement.dtype), options)
    except AdapterInvalid as error:
        raise BadModel(f"models: {entry.id}: {error}") from error


def layout_of(entry: ModelEntry, settings: Settings) -> Placement:
    """How it is laid out: as the settings say, but for what was measured to lose too much and is not forced.

    What is compiled is kept in the state folder, so that only the first start on a machine pays for it.
    """
    placement, table = settings.layout, find(entry.id, settings.calibration_folder)
    if table is not None:
        revision = profile().revision if entry.source == EMBEDDED else locate(entry).digest
        device = _files(entry, settings).device.type
        forced = set(settings.placement) | ({"dtype"} & (settings.model_fields_set | entry.model_fields_set))
        placement, told = gated(placement, forced, table, revision, device)
        for line in told:
            log.warning("%s: %s", entry.id, line)
    if placement.compile != "none":
        os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(settings.state_dir / "compiled"))
        measured = table.row(f"compile={placement.compile}") if table is not None else None
        cost = f"{measured.first_step_s:.0f} s where it was measured" if measured and not measured.why else "a minute"
        log.info("%s: the first step of each shape compiles, about %s; it is kept for later starts.", entry.id, cost)
    return placement


def load_text_encoder(entry: ModelEntry, settings: Settings) -> Callable[[Sequence[str]], list[Embedding]]:
    """The model's text encoders by themselves, laid out as its replicas' own would be. Raises as `load_entry`."""
    placement = layout_of(entry, settings)
    return embedder(_reader(entry).load_encoder(_files(entry, settings, dtype=placement.dtype), placement))


def _reader(entry: ModelEntry) -> Reads:
    return reader(EMBEDDED_LOADER if entry.source == EMBEDDED else FAMILIES[entry.family].loader)


def _files(entry: ModelEntry, settings: Settings, ranks: int = 1, dtype: str | None = None) -> Files:
    return files_of(
        entry.source,
        revision=entry.revision,
        dtype=entry.dtype or dtype or settings.layout.dtype,
        local=entry.local_files_only,
        family=entry.family,
        threads=settings.threads,
        ranks=ranks,
        single=SingleFile(**entry.transformer.model_dump()) if entry.transformer else None,
    )
