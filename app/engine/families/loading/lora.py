"""LoRA adapters: files come in, layers beside a transformer's own go out, switched on for the jobs that ask for it."""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

import torch
from diffusers.utils import convert_unet_state_dict_to_peft
from safetensors import SafetensorError, safe_open

from app.engine.families.loading.folder import Lora
from app.engine.families.models import Transformer

log = logging.getLogger(__name__)

PREFIX: Final = "transformer."
UNSCALED: Final[Mapping[str, float]] = MappingProxyType({})

# What a file's header may say of its own layers. All else that peft knows changes the model's own weights, loads code
# or reads files, and is taken only where it asks for nothing.
_OF_LAYERS: Final = frozenset(
    ("r", "lora_alpha", "rank_pattern", "alpha_pattern", "use_dora", "use_rslora", "lora_bias", "lora_dropout")
    + ("target_modules", "exclude_modules", "layers_to_transform", "layers_pattern", "fan_in_fan_out")
    + ("peft_type", "peft_version", "task_type", "inference_mode", "base_model_name_or_path", "revision")
)
_PLAIN_STARTS: Final = (True, False, "gaussian", "orthogonal", None)  # others take the model's own weights apart

Weights = dict[str, torch.Tensor]


@dataclass(frozen=True, slots=True)
class Placed:
    """What became of a file's layers. `lost` find no place, `others` are tensors of no transformer, `magnitudes` those
    of a DoRA in a form that diffusers does not read."""

    layers: int
    lost: tuple[str, ...] = ()
    others: int = 0
    magnitudes: int = 0


class AdapterInvalid(ValueError):
    """An adapter is not one that this model can have; the message names it and its file."""


def load_adapter(lora: Lora, transformer: Transformer, formats: object, file: str | None, local: bool) -> Placed:
    """Read a file of a LoRA into the transformer, in whatever form the pipeline `formats`, or its class, knows.

    Ranks, alphas and what else the file's header says of its layers count as in diffusers. It is switched on per job.
    Layers that the model does not have are named in the log; the others act.

    Raises:
        AdapterInvalid: it cannot be read, fits no layer, or diffusers knows no adapters for such models.
    """
    name = f"the LoRA {lora.name} ({file or lora.source})"
    if formats is None or not hasattr(formats, "lora_state_dict"):
        raise AdapterInvalid(f"{name} has no place: models of this family take no LoRA")
    with _named(name):
        weights, header = formats.lora_state_dict(
            lora.source,
            weight_name=file,
            revision=lora.revision,
            local_files_only=local,
            use_safetensors=True,
            return_lora_metadata=True,
        )
    own = _own(weights, name)
    with _named(name), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Already found a `peft_config`")  # a model may have several adapters
        transformer.load_lora_adapter(own, adapter_name=lora.name, metadata=_plain(header, name))
    layers, lost = _tell_lost(own, transformer, lora.name, name)
    magnitudes = _tell_magnitudes(Path(lora.source, file) if file else Path(lora.source), name)
    return Placed(layers, lost, len(weights) - len(own), magnitudes)


@contextmanager
def _named(name: str) -> Iterator[None]:
    """What libraries raise of a file that they cannot read, in our words."""
    try:
        yield
    except AdapterInvalid:
        raise
    except (OSError, SafetensorError, RuntimeError, ValueError, TypeError, LookupError, AttributeError) as error:
        raise AdapterInvalid(f"{name} cannot be loaded: {_why(error)}") from error


def _why(error: BaseException) -> str:
    """The first line of what went wrong, with the next where it only announces it.

    diffusers stumbles over a key of its own when it cleans up after that.
    """
    if isinstance(error, KeyError) and error.__context__ is not None:
        return _why(error.__context__)
    lines = str(error).strip().splitlines() or [""]
    said = " ".join(map(str.strip, lines[: 1 + lines[0].endswith(":")]))
    return f"{type(error).__name__}: {said[:300]}"


def _own(weights: Weights, name: str) -> Weights:
    """The tensors of the transformer's layers, as peft names them. Raises AdapterInvalid."""
    strange = next((key for key in weights if "lora" not in key and "lokr" not in key), None)
    if strange is not None:
        raise AdapterInvalid(f"{name} holds {strange[:100]}, which diffusers does not read for this family")
    own = {key: tensor for key, tensor in weights.items() if key.startswith(PREFIX)}
    if not own:
        raise AdapterInvalid(f"{name} has no layer of this transformer")
    if len(own) < len(weights):
        log.warning(
            "Of %s, %d of %d tensors are not the denoiser's and are lost", name, len(weights) - len(own), len(weights)
        )
    first = next(iter(own))
    return own if "lora_A" in first or "lokr" in first else convert_unet_state_dict_to_peft(own)


def _plain(header: Mapping[str, object] | None, name: str) -> Mapping[str, object] | None:
    """What the header says of this transformer's layers; None: nothing. Raises AdapterInvalid."""
    from peft import LoraConfig

    own = {key: value for key, value in (header or {}).items() if key.startswith(PREFIX)}
    if not own:
        return None
    usual = vars(LoraConfig())
    for key, value in own.items():
        option = key.removeprefix(PREFIX)
        if option == "init_lora_weights":
            odd = value not in _PLAIN_STARTS
        else:
            odd = option not in _OF_LAYERS and bool(value) and value not in (usual.get(option), "none")
        if odd:
            raise AdapterInvalid(
                f"{name} asks for {option[:40]}={str(value)[:60]!r}, which would change the model itself"
            )
    return own


def _layer(key: str) -> str:
    return re.split(r"\.lo(?:ra|kr)_", key.removeprefix(PREFIX))[0]


def _tell_lost(own: Weights, transformer: Transformer, adapter: str, name: str) -> tuple[int, tuple[str, ...]]:
    """Say which of its layers have found no place, of how many. Raises AdapterInvalid: none has."""
    from peft import get_peft_model_state_dict

    held = get_peft_model_state_dict(transformer, adapter_name=adapter)
    asked = {_layer(key) for key in own}
    lost = sorted({_layer(key) for key in own if key.removeprefix(PREFIX) not in held})
    if len(lost) == len(asked):
        raise AdapterInvalid(f"{name} fits no layer of this transformer")
    if lost:
        log.warning(
            "Of %s, %d of %d layers find no place and are lost, such as %s", name, len(lost), len(asked), lost[0]
        )
    return len(asked), tuple(lost)


def _tell_magnitudes(path: Path, name: str) -> int:
    """Say of how many layers diffusers leaves out the magnitudes (DoRA): they are in another form than its own."""
    if not path.is_file():
        return 0
    with safe_open(path, "pt") as opened:
        lost = [key for key in opened.keys() if "dora_scale" in key]  # noqa: SIM118, for it is no mapping
    if lost:
        log.warning(
            "Of %s, the magnitudes (DoRA) of %d layers are lost: diffusers does not read this form", name, len(lost)
        )
    return len(lost)


class Adapters:
    """The adapters that were loaded into a transformer: some act, each at its strength times its `scales`, or none."""

    def __init__(self, transformer: Transformer, scales: Mapping[str, float] = UNSCALED) -> None:
        self._transformer = transformer
        self._scales = scales
        self._active: tuple[tuple[str, float], ...] | None = None

    @property
    def empty(self) -> bool:
        """Whether there are none now."""
        return not getattr(self._transformer, "peft_config", None)

    def changed(self) -> None:
        """Some have come, and act as they are loaded, or gone."""
        self._active = None

    def activate(self, adapters: Sequence[tuple[str, float]]) -> None:
        """Have these act, by name and strength, or none: everybody in a batch has the same."""
        wanted = tuple(adapters)
        if self.empty or wanted == self._active:
            return
        # It has none of a name where an adapter is for the other expert only.
        here = {name: strength for name, strength in wanted if name in self._transformer.peft_config and strength}
        if here:
            self._transformer.enable_adapters()
            weights = [strength * self._scales.get(name, 1.0) for name, strength in here.items()]
            self._transformer.set_adapters(list(here), weights=weights)
        else:
            self._transformer.disable_adapters()
        self._active = wanted
