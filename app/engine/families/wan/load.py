"""Reads a Wan model from a diffusers folder or the hub: its parts checked, in their precision, as a denoiser."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from diffusers import WanPipeline

from app.engine.denoiser import TOKENS
from app.engine.families.loading.folder import config, fetched, has, part
from app.engine.families.loading.lora import put_on
from app.engine.families.loading.placement import HOST, Parts, place
from app.engine.families.loading.reader import PLAIN, Files, Listen, Options
from app.engine.families.parallel.ranks import Ranks
from app.engine.families.wan.denoiser import Encode, WanDenoiser
from app.engine.families.wan.image import Beside, Sight, Within
from app.engine.families.wan.t5_text import T5Text

PIPELINES = ("WanPipeline", "WanImageToVideoPipeline")


def tokens_of(listen: Listen) -> Encode:
    """Wan hears the tokens alone."""
    return lambda prompts: torch.stack([heard[TOKENS] for heard in listen(prompts)])


class WanReader:
    """Any Wan 2.1 or 2.2 model of text or text and picture; what it is follows from its own configuration.

    Weights are read from safetensors alone, and code that comes with a model is never run.
    """

    def load(self, files: Files, options: Options = PLAIN) -> WanDenoiser:
        """The transformers and the text encoder in the files' precision, the autoencoder and CLIP in float32, as
        diffusers advises, laid out as the options say.

        Raises:
            ValueError: the folder holds another pipeline, an adapter fits no layer, or there are ranks and adapters.
            OSError: files are missing.
        """
        if options.parallel.ranks > 1 and options.loras:
            raise ValueError("adapters are not told to the ranks that share a forward; merge them, or use one GPU")
        folder, facts = _opened(files)
        names = ["transformer"]
        if has(facts, "transformer_2") and facts.get("boundary_ratio") is not None:
            names.append("transformer_2")
        ranks = _ranks(folder, names, files, options)
        autoencoder = part(folder, "vae", "diffusers", "AutoencoderKLWan", torch.float32, HOST)
        first, *rest = [part(folder, each, "diffusers", "WanTransformer3DModel", files.dtype, HOST) for each in names]
        second = rest[0] if rest else None
        for lora in options.loras:
            put_on(lora, first, WanPipeline, lora.file, files.local)
            if second is not None and lora.file_2 is not None:
                put_on(lora, second, WanPipeline, lora.file_2, files.local)
        if options.listen is None:
            text = T5Text.load(folder, files.dtype, HOST)
            parts = Parts(first, autoencoder, text, text.module, second)
        else:
            parts = Parts(first, autoencoder, tokens_of(options.listen), None, second)
        place(parts, options.placement, files.device)
        leads = parts.transformers
        if ranks is not None:
            leads = [ranks.lead(each, options.parallel, at) for at, each in enumerate(leads)]
        return WanDenoiser(
            leads[0],
            parts.autoencoder,
            parts.encode,
            files.device,
            options.mag_ratios,
            second=leads[1] if rest else None,
            boundary=facts.get("boundary_ratio"),
            sight=_sight(folder, facts, parts.transformer, parts.autoencoder, files.device),
            per_token=bool(facts.get("expand_timesteps")),
        )

    def load_encoder(self, files: Files) -> Listen:
        """The model's text encoder alone, on the device. Raises as `load`."""
        text = T5Text.load(_opened(files)[0], files.dtype, files.device)
        return lambda prompts: [{TOKENS: tokens} for tokens in text(prompts)]


READER = WanReader()


def _ranks(folder: Path, names: list[str], files: Files, options: Options) -> Ranks | None:
    """The other ranks, which begin to load at once."""
    if options.parallel.ranks == 1:
        return None
    dtype = str(files.dtype).removeprefix("torch.")
    spec = {"kind": "wan", "folder": str(folder), "parts": names, "dtype": dtype}
    return Ranks(options.parallel, {**spec, "placement": asdict(options.placement)})


def _opened(files: Files) -> tuple[Path, dict[str, Any]]:
    """The folder, on this machine, and what its index says."""
    folder = fetched(files.source, files.revision, files.local)
    facts = config(folder, "model_index.json")
    if facts.get("_class_name") not in PIPELINES:
        raise ValueError(f"{files.source} is a {facts.get('_class_name')}, not one of {', '.join(PIPELINES)}")
    return folder, facts


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
