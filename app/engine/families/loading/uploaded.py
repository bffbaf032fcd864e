"""LoRA adapters that jobs bring: read into the transformers when one first needs them, the longest unused go."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from app.engine.families.loading.folder import Lora
from app.engine.families.loading.lora import AdapterInvalid, load_adapter
from app.engine.families.models import Transformer
from app.errors import AdapterUnusable
from app.types.upload import LOW, is_mark


@dataclass(frozen=True, slots=True)
class Room:
    """How many are kept loaded, and how many bytes of them."""

    most: int
    most_bytes: int


class UploadedAdapters:
    """Belongs to the engine's thread, but for `offer`. `transformers`: the first, and the expert for the low noise.

    What acts together has to be loaded together, so that a job's own may go beyond the room; the others go first.
    """

    def __init__(self, transformers: list[Transformer], formats: object, room: Room) -> None:
        self._transformers = transformers
        self._formats = formats
        self._room = room
        self._files: dict[str, Path] = {}
        self._loaded: OrderedDict[str, int] = OrderedDict()  # by mark, the longest unused first: bytes

    @property
    def loaded(self) -> tuple[str, ...]:
        """Their marks, the longest unused first."""
        return tuple(self._loaded)

    def offer(self, files: Mapping[str, Path]) -> None:
        """Say where the files of a job's adapters are, by mark; from any thread, before the job starts."""
        self._files.update(files)

    def ensure(self, names: Iterable[str]) -> bool:
        """Have all of these that are uploaded ones loaded; whether anything came or went.

        Raises:
            AdapterUnusable: one cannot be loaded.
        """
        wanted = [name for name in names if is_mark(name)]
        missing = [name for name in wanted if name not in self._loaded]
        for name in wanted:
            if name in self._loaded:
                self._loaded.move_to_end(name)
        for name in missing:
            self._load(name, wanted)
        return bool(missing)

    def _load(self, name: str, wanted: list[str]) -> None:
        path = self._files.get(name)
        if path is None or not path.is_file():
            raise AdapterUnusable("The file of a LoRA that the job wears is not on the machine that makes it.")
        size = path.stat().st_size
        self._make_room(size, wanted)
        transformer = self._transformers[-1 if name.endswith(f"_{LOW}") else 0]
        try:
            # Weights that are made in inference mode could never be moved or switched outside of it.
            with torch.inference_mode(False), torch.no_grad():
                load_adapter(Lora(name, str(path.parent), path.name), transformer, self._formats, path.name, True)
        except AdapterInvalid as error:
            self._drop(name)
            raise AdapterUnusable(f"A LoRA that the job wears cannot be loaded: {str(error)[:300]}") from error
        except BaseException:
            self._drop(name)
            raise
        transformer.eval()
        self._loaded[name] = size

    def _make_room(self, size: int, wanted: list[str]) -> None:
        for name in list(self._loaded):
            full = len(self._loaded) >= self._room.most or sum(self._loaded.values()) + size > self._room.most_bytes
            if not full:
                return
            if name not in wanted:
                self._drop(name)

    def _drop(self, name: str) -> None:
        self._loaded.pop(name, None)
        for transformer in self._transformers:
            if name in (getattr(transformer, "peft_config", None) or {}):
                transformer.delete_adapters(name)
