"""Reads an LTX-2 model by its pipeline's class: Gemma and the connectors are what hears, the rest what draws."""

from __future__ import annotations

from collections.abc import Sequence

from diffusers import LTX2Pipeline
from diffusers.pipelines.ltx2 import LTX2LatentUpsamplerModel

from app.engine.denoiser import TOKENS, EncodePrompts, TextEmbedding
from app.engine.families.loading.pipelines import PipelineReader
from app.engine.families.loading.reader import Files
from app.engine.families.ltx2.family import LTX2, MASK, SOUND_TOKENS
from app.engine.families.ltx2.releases import FULL, RELEASES, Release
from app.engine.families.models import Parts, Pipeline
from app.engine.samplers.levels import Bend

UPSAMPLER = "latent_upsampler"


def release_of(files: Files) -> Release:
    """By the name of the row, or, where there is none, of the folder or repository."""
    name = (files.family or files.source).rstrip("/").rpartition("/")[2].lower()
    if name in RELEASES:
        return RELEASES[name]
    return RELEASES["ltx-2.3-distilled"] if "distilled" in name else FULL


def text_encoder_of(pipeline: Pipeline, files: Files) -> EncodePrompts:
    """Every layer of Gemma, made into what picture and sound hear: (T, D) and (T, D')."""

    def encode(prompts: Sequence[str]) -> list[TextEmbedding]:
        layers, mask, *_ = pipeline.encode_prompt(list(prompts), do_classifier_free_guidance=False, device=files.device)
        side = pipeline.tokenizer.padding_side
        heard = zip(*pipeline.connectors(layers, mask, padding_side=side), strict=True)
        return [{TOKENS: video, SOUND_TOKENS: sound, MASK: own.float()} for video, sound, own in heard]

    return encode


def _family(parts: Parts, pipeline: Pipeline, files: Files) -> LTX2:
    sound, release = (pipeline.audio_vae, pipeline.vocoder), release_of(files)
    upsampler = None
    if release.refining:  # beside the pipeline, whose index does not name it
        upsampler = LTX2LatentUpsamplerModel.from_pretrained(
            files.source,
            subfolder=UPSAMPLER,
            revision=files.revision,
            local_files_only=files.local,
            torch_dtype=files.dtype,
            use_safetensors=True,
        )
        upsampler.to(files.device).requires_grad_(False)
    return LTX2(parts, sound, release, Bend.of(pipeline.scheduler.config), files.device, upsampler)


READER = PipelineReader(
    __name__,
    lambda files: LTX2Pipeline,
    text_encoder_of,
    _family,
    not_for_text=("transformer", "vae", "audio_vae", "vocoder"),
    never=("processor", "prompt_enhancer", "duration_head"),
)
