"""An entry of the setting `models` comes in, its denoiser goes out: where the settings meet the model families."""

from __future__ import annotations

from app.engine.denoiser import Denoiser
from app.engine.families.folder import Lora
from app.engine.families.registry import load
from app.model_entry import EMBEDDED, ModelEntry
from app.plan.families import FAMILIES


def load_entry(entry: ModelEntry, dtype: str, threads: int | None = None) -> Denoiser:
    """The model, on a GPU where torch sees one. `dtype` is for an entry that names none; `threads` limits a CPU.

    Raises:
        ValueError: the files are another model's than the entry says.
        OSError: files are missing.
    """
    precision = entry.dtype or dtype
    if entry.source == EMBEDDED:
        from app.engine.families.embedded import load_denoiser

        return load_denoiser(precision, threads)
    return load(
        FAMILIES[entry.family].loader,
        entry.source,
        revision=entry.revision,
        dtype=precision,
        local=entry.local_files_only,
        loras=[
            Lora(name, lora.source, lora.file, lora.file_2, lora.revision, lora.scale)
            for name, lora in entry.loras.items()
        ],
        threads=threads,
    )
