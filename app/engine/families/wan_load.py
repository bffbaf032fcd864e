"""Reads a Wan model from a diffusers folder or the hub: its parts checked, in their precision, as a denoiser."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from app.engine.families.folder import Lora, config, fetched, has, part
from app.engine.families.placement import HOST, Parts, place
from app.engine.families.t5_text import T5Text
from app.engine.families.wan import WanDenoiser
from app.engine.families.wan_sight import Beside, Sight, Within
from app.engine.presets import Placement

TAKES_LORAS = True
PIPELINES = ("WanPipeline", "WanImageToVideoPipeline")


def load(
    source: str,
    *,
    revision: str | None,
    dtype: torch.dtype,
    device: torch.device,
    local: bool,
    loras: Sequence[Lora] = (),
    placement: Placement | None = None,
) -> WanDenoiser:
    """Any Wan 2.1 or 2.2 model of text or text and picture; what it is follows from its own configuration.

    The transformers and the text encoder are read in `dtype`, the autoencoder and CLIP in float32, as diffusers
    advises, and laid out as the `placement` says. Weights are read from safetensors alone, and code that comes with a
    model is never run.

    Raises:
        ValueError: the folder holds another pipeline.
        OSError: files are missing.
    """
    folder = fetched(source, revision, local)
    facts = config(folder, "model_index.json")
    if facts.get("_class_name") not in PIPELINES:
        raise ValueError(f"{source} is a {facts.get('_class_name')}, not one of {', '.join(PIPELINES)}")
    autoencoder = part(folder, "vae", "diffusers", "AutoencoderKLWan", torch.float32, HOST)
    first = part(folder, "transformer", "diffusers", "WanTransformer3DModel", dtype, HOST)
    second = None
    if has(facts, "transformer_2") and facts.get("boundary_ratio") is not None:
        second = part(folder, "transformer_2", "diffusers", "WanTransformer3DModel", dtype, HOST)
    for lora in loras:
        put_on(lora, first, second, local)
    text = T5Text.load(folder, dtype, HOST)
    parts = Parts(first, autoencoder, text, text.module, second)
    place(parts, placement or Placement(), device)
    return WanDenoiser(
        parts.transformer,
        parts.autoencoder,
        parts.encode,
        device,
        second=parts.second,
        boundary=facts.get("boundary_ratio"),
        sight=_sight(folder, facts, parts.transformer, parts.autoencoder, device),
        per_token=bool(facts.get("expand_timesteps")),
    )


def _sight(
    folder: Path, facts: dict[str, Any], transformer: Any, autoencoder: Any, device: torch.device
) -> Sight | None:
    if facts.get("expand_timesteps"):
        return Within(autoencoder)
    if transformer.config.in_channels == autoencoder.config.z_dim:
        return None
    if transformer.config.image_dim is None:
        return Beside(autoencoder)
    from transformers import CLIPImageProcessor

    processor = CLIPImageProcessor.from_pretrained(folder / "image_processor", local_files_only=True)
    encoder = part(folder, "image_encoder", "transformers", "CLIPVisionModel", torch.float32, device)
    return Beside(autoencoder, (processor, encoder))


def put_on(lora: Lora, first: Any, second: Any, local: bool) -> None:
    """Read a LoRA into the transformers, in whatever of the known formats it is; it is switched on per job.

    Raises:
        OSError: its files are missing.
        ValueError: it fits no layer of the model.
    """
    from diffusers.loaders import WanLoraLoaderMixin

    for transformer, file in ((first, lora.file), (second, lora.file_2)):
        if transformer is None or (transformer is second and file is None):
            continue
        weights = WanLoraLoaderMixin.lora_state_dict(
            lora.source, weight_name=file, revision=lora.revision, local_files_only=local, use_safetensors=True
        )
        own = {key: value for key, value in weights.items() if key.startswith("transformer.")}
        if not any("lora_A" in key for key in own):
            raise ValueError(f"the LoRA {lora.name} has no layer of a Wan transformer")
        own = {key: value * lora.scale if "lora_B" in key else value for key, value in own.items()}
        transformer.load_lora_adapter(own, adapter_name=lora.name, prefix="transformer")
