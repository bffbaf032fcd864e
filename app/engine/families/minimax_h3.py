"""MiniMax-H3 of text: one transformer over a packed sequence of words, sound and picture, each at a level of its own.

diffusers has it as modular blocks alone: its workflow `t2va` is the standard, and what its blocks say of layout, rotary
places and texts is asked of them. Guidance is distilled into the weights. A job's latents are (C, F', H', W') and
(2 * L, M): the sound's rows, left channel first, L to a channel.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from diffusers.modular_pipelines.minimax_h3.before_denoise import (
    MiniMaxH3PrepareLayoutStep,
    MiniMaxH3SetTimestepsStep,
    patchify_video_latents,
)
from diffusers.modular_pipelines.minimax_h3.encoders import get_qwen3vl_prompt_embeds
from diffusers.modular_pipelines.minimax_h3.modular_pipeline import MiniMaxH3ModularPipeline, audio_latent_num_frames
from transformers import AutoTokenizer, PreTrainedTokenizerBase

from app.engine.denoiser import TOKENS, EncodePrompts, TextEmbedding
from app.engine.families.base import EVEN, BaseFamily
from app.engine.families.family import Row
from app.engine.families.loading.folder import fetched, part
from app.engine.families.loading.placement import HOST, place_encoder
from app.engine.families.loading.reader import AS_IT_IS, Files, Opened, Options, Reader
from app.engine.families.models import Autoencoder, Parts
from app.engine.modalities import AUDIO, VIDEO, Modality, apart, joined
from app.engine.samplers.levels import walked
from app.engine.samplers.schedule import Schedule
from app.errors import InvalidRequest
from app.settings.placement import Placement
from app.types import Plan, VideoSpec
from app.types.waveform import Waveform

CHANNELS: Final = 2
SOUND_SHIFT: Final = 3.0
"""Of the sound's noise levels; the pictures' is the plan's. Both are facts of the weights."""
HEARD_LAYER: Final = 50  # of the text encoder
_VIDEO, _TEXT, _AUDIO = 0, 1, 2  # tags of the rows, which index the transformer's modulation
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of the autoencoder's pixels, ImageNet's


class MiniMaxH3(BaseFamily):
    """The Family and its SoundMaking; `sound` is the waveform's autoencoder."""

    free_guidance = False

    def __init__(self, parts: Parts, sound: Autoencoder, device: torch.device | None = None) -> None:
        super().__init__(parts, EVEN, device)
        self._waveforms = sound.eval()
        self._patch: tuple[int, int, int] = tuple(self._transformer.config.patch_size)
        self._clip, self._chunk = int(self._autoencoder.config.clip_length), int(self._autoencoder.tokens_chunk_size)
        self.sound = self

    def latent_shape(self, spec: VideoSpec) -> tuple[int, int, int, int]:
        spatial = int(self._autoencoder.spatial_compression_ratio)
        if spec.frames % self._clip != self._chunk or spec.frames < self._clip:
            message = f"The number of frames has to be a multiple of {self._clip}, plus {self._chunk}."
            raise InvalidRequest(message, "frames")
        if spec.height % (spatial * self._patch[1]) or spec.width % (spatial * self._patch[2]):
            raise InvalidRequest(f"Width and height have to be multiples of {spatial * self._patch[2]}.", "size")
        frames = (spec.frames - self._chunk) // self._clip * self._chunk + 2
        return int(self._transformer.config.in_channels), frames, spec.height // spatial, spec.width // spatial

    def modalities(self, plan: Plan) -> tuple[Modality, ...]:
        rows = CHANNELS * audio_latent_num_frames(plan.spec.frames, plan.spec.fps)
        heard = (rows, int(self._transformer.config.audio_in_channels))
        levels = _levels(plan.sampling.steps, SOUND_SHIFT).sigmas
        return Modality(VIDEO, self.latent_shape(plan.spec)), Modality(AUDIO, heard, levels)

    def noise(self, plan: Plan, generator: torch.Generator) -> torch.Tensor:
        """(N,): first the video's, then the sound's."""
        modalities = self.modalities(plan)
        drawn = {each.name: torch.randn(each.shape, generator=generator) for each in modalities}
        return joined(drawn, modalities)

    def schedule(self, plan: Plan) -> Schedule:
        return _levels(plan.sampling.steps, plan.sampling.shift)

    def predict(self, rows: Sequence[Row]) -> torch.Tensor:
        """Each row by itself: its sequence has words of its own number, and one set of levels for all that is in it."""
        return torch.stack([self._alone(row) for row in rows])

    def _alone(self, row: Row) -> torch.Tensor:
        state, words = row.state, row.text[TOKENS]
        seen = apart(state.latent, state.modalities)
        places, tags, video, audio, text, *_ = self._layout(len(words), seen)
        heard = [_heard(each.sigmas or state.sigmas, state.step) for each in state.modalities]
        levels, of_rows = MiniMaxH3SetTimestepsStep.build_row_timesteps(
            video, audio, 0, 0, len(words), heard[0], heard[1], 1.0, 1.0
        )
        pictures, sound = self._transformer(
            hidden_states=patchify_video_latents(seen[VIDEO][None], self._patch)[None],
            audio_hidden_states=seen[AUDIO][None],
            encoder_hidden_states=words[None],
            timestep=levels.to(self.device),
            timestep_indices=of_rows.to(self.device),
            token_tags=tags.to(self.device),
            position_ids=places.to(self.device),
            video_indices=video.to(self.device),
            audio_indices=audio.to(self.device),
            text_indices=text.to(self.device),
            return_dict=False,
        )
        # It says where the clean latent lies, which is against the noise.
        parts = {VIDEO: -self._unpacked(pictures[0].float(), seen[VIDEO].shape), AUDIO: -sound[0].float()}
        return joined(parts, state.modalities)

    def _layout(self, words: int, seen: dict[str, torch.Tensor]) -> tuple[Any, ...]:
        """Where each row of the sequence is and of which kind, as diffusers' block lays it out, on the CPU."""
        _, frames, height, width = seen[VIDEO].shape
        tags = torch.full((words,), _TEXT)
        heard = len(seen[AUDIO]) // CHANNELS
        found: tuple[Any, ...] = MiniMaxH3PrepareLayoutStep.build_packed_sequence(
            tags, frames, height, width, heard, self._patch, CHANNELS, _AUDIO, _VIDEO
        )
        return found

    def _unpacked(self, rows: torch.Tensor, shape: Sequence[int]) -> torch.Tensor:
        """Patches (N, C * patch) back into a latent (C, F', H', W')."""
        channels, frames, height, width = shape
        deep, high, wide = self._patch
        each = rows.reshape(frames // deep, height // high, width // wide, channels, deep, high, wide)
        return each.permute(3, 0, 4, 1, 5, 2, 6).reshape(channels, frames, height, width)

    def decode(self, latent: torch.Tensor, plan: Plan) -> torch.Tensor:
        """Of fewer latent frames than the autoencoder takes, as of a preview's one, only the first pictures count."""
        model = self._autoencoder
        least = 2 * self._chunk - int(model.config.token_drop)
        if latent.shape[1] < least:
            latent = torch.cat([latent, latent[:, -1:].expand(-1, least - latent.shape[1], -1, -1)], dim=1)
        mean, std = (_along(part, latent, 4) for part in (model.config.latents_mean, model.config.latents_std))
        video = model.decode((latent * std + mean)[None], return_dict=False)[0][0].float()
        unit: torch.Tensor = (video * _along(_STD, video, 4) + _along(_MEAN, video, 4)).clamp(0, 1)
        return 2.0 * unit - 1.0

    def waveform(self, latent: torch.Tensor) -> Waveform:
        """What is heard of the sound's clean rows (2 * L, M)."""
        model = self._waveforms
        rows = latent.reshape(CHANNELS, -1, latent.shape[-1]).transpose(1, 2)
        mean, std = (_along(part, rows, 2) for part in (model.config.latents_mean, model.config.latents_std))
        samples = model.decode((rows * std + mean).to(self.device), return_dict=False)[0]
        return Waveform(samples[:, 0].float().cpu().numpy(), int(model.config.sampling_rate))


def _heard(sigmas: Sequence[float], step: int) -> float:
    """What is heard of a level: how clean it is, 0..1, in float32 as its scheduler has it."""
    return float(np.float32(1.0) - np.float32(sigmas[step]))


def _along(numbers: Sequence[float], like: torch.Tensor, axes: int) -> torch.Tensor:
    """One number for each channel, (C, 1, ...) on so many axes."""
    return torch.tensor(numbers, dtype=like.dtype, device=like.device).view(-1, *(1,) * (axes - 1))


def _levels(steps: int, shift: float) -> Schedule:
    """Even levels from 1 to 0, bent; that of MiniMaxH3Scheduler for one step more, which counts the end."""
    even = torch.linspace(1.0, 0.0, steps + 1, dtype=torch.float32)
    return walked((shift * even / (1 + (shift - 1) * even))[:-1].numpy())


class _WordsAlone:
    """In the processor's place: there is no picture among the words."""

    def create_mm_token_type_ids(self, texts: Sequence[Sequence[int]]) -> list[list[int]]:
        return [[0] * len(text) for text in texts]


class H3Text:
    """A Qwen3-VL and its tokenizer: of each prompt as many tokens as it has words, (T, D), read in the middle."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, encoder: Any) -> None:
        self._tokenizer = tokenizer
        self.module = encoder

    @classmethod
    def load(cls, folder: Path, dtype: torch.dtype, device: torch.device) -> H3Text:
        """From a model folder. Raises OSError when it is not there."""
        tokenizer = AutoTokenizer.from_pretrained(folder / "tokenizer", local_files_only=True, trust_remote_code=False)
        kind = "Qwen3VLForConditionalGeneration"
        return cls(tokenizer, part(folder, "text_encoder", "transformers", kind, dtype, device))

    def __call__(self, prompts: Sequence[str]) -> list[TextEmbedding]:
        return [{TOKENS: self._tokens(prompt)} for prompt in prompts]

    def _tokens(self, prompt: str) -> torch.Tensor:
        ids = self._tokenizer(prompt, add_special_tokens=False)["input_ids"]
        if not ids:  # nobody asks for what no words are
            return torch.zeros(0, int(self.module.config.text_config.hidden_size))
        device = self.module.device
        tokens: torch.Tensor = get_qwen3vl_prompt_embeds(
            self.module, _WordsAlone(), ids, {}, HEARD_LAYER, device, self.module.dtype
        )[0]
        return tokens


class H3Reader(Reader[Autoencoder]):
    """Reads the half of a MiniMax-H3 repository that makes videos of text; that for references stays where it is."""

    def folder(self, files: Files) -> Path:
        return fetched(files.source, files.revision, files.local, files.single is not None, ("transformer_ref/*",))

    def open(self, files: Files, encode: EncodePrompts | None) -> Opened[Autoencoder]:
        folder = self.folder(files)
        video = part(folder, "vae", "diffusers", "AutoencoderKLMiniMaxH3", files.dtype, HOST)
        sound = part(folder, "audio_vae", "diffusers", "AutoencoderKLMiniMaxH3Audio", torch.float32, HOST)
        (transformer,) = self.read_transformers(files, folder)
        module = None
        if encode is None:
            encode = text = H3Text.load(folder, files.dtype, HOST)
            module = text.module
        parts = Parts(transformer, video, encode, module, sound=[sound])
        return Opened(parts, sound, MiniMaxH3ModularPipeline)

    def family(self, opened: Opened[Autoencoder], files: Files, options: Options) -> MiniMaxH3:
        return MiniMaxH3(opened.parts, opened.facts, files.device)

    def formats(self, files: Files) -> object:
        return MiniMaxH3ModularPipeline

    def load_encoder(self, files: Files, placement: Placement = AS_IT_IS) -> EncodePrompts:
        text = H3Text.load(self.folder(files), files.dtype, HOST)
        place_encoder(text.module, placement, files.device)
        return text


READER = H3Reader(__name__)
