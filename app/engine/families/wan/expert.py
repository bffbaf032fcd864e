"""One of Wan's transformers: latents, timesteps and texts of a batch come in, velocities go out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from types import MappingProxyType

import torch

from app.engine.families.loading.lora import UNSCALED, Adapters
from app.engine.families.models import Transformer
from app.engine.families.wan.few_tokens import CrossAttentionCache
from app.engine.families.wan.packed import PackedForward

NO_CONTROL: Mapping[str, torch.Tensor] = MappingProxyType({})


class Expert:
    """A WanTransformer3DModel, or what answers like one; adapters are in it before, or, if it `changes`, later."""

    def __init__(self, transformer: Transformer, scales: Mapping[str, float] = UNSCALED, changes: bool = False) -> None:
        self._transformer = transformer.eval()
        self.adapters = Adapters(transformer, scales)
        # What is faster for few tokens copies weights, and so would not hear of adapters.
        fast = self.adapters.empty and not changes and CrossAttentionCache.suits(transformer)
        self._texts = CrossAttentionCache(transformer) if fast else None
        layout = None if self._texts is None else self._texts.layout
        self._packed = PackedForward(transformer, layout) if PackedForward.suits(transformer) else None

    def run(
        self,
        latents: torch.Tensor,
        timesteps: torch.Tensor,
        texts: Sequence[torch.Tensor],
        images: Sequence[torch.Tensor],
        control: Mapping[str, torch.Tensor] = NO_CONTROL,
    ) -> torch.Tensor:
        """Velocities (B, C, F', H', W') float32.

        `latents`: (B, C, F', H', W'); `timesteps`: (B,) or, one for each token, (B, N); `texts`: (T, D) each;
        `images`: tokens of pictures, (P, E) each, or none at all; `control`: further inputs, by their names.
        """
        dtype = self._transformer.dtype
        seen = {name: each.to(dtype) for name, each in control.items()}
        if images:
            tokens = torch.stack(list(images)).to(dtype)
            if self._transformer.config.pos_embed_seq_len is not None:  # two pictures of a video are two rows to it
                tokens = tokens.reshape(2 * len(tokens), -1, tokens.shape[-1])
            seen["encoder_hidden_states_image"] = tokens
        with self._attending(texts) as text:
            velocities: torch.Tensor = self._transformer(
                hidden_states=latents.to(dtype),
                timestep=timesteps,
                encoder_hidden_states=text,  # (B, T, D)
                return_dict=False,
                **seen,
            )[0].float()
        return velocities

    @property
    def packs(self) -> bool:
        """Whether `run_packed` can be asked."""
        return self._packed is not None

    def run_packed(
        self, latents: Sequence[torch.Tensor], timesteps: Sequence[torch.Tensor], texts: Sequence[torch.Tensor]
    ) -> list[torch.Tensor]:
        """Velocities (C, F', H', W') float32, in one forward.

        `latents`: (C, F', H', W') each, those of one shape next to each other; `timesteps`: () or (N,) each; `texts`:
        (T, D) each.
        """
        if self._packed is None:
            raise RuntimeError("This transformer takes no packed rows.")
        dtype = self._transformer.dtype
        with self._attending(texts) as text:
            return [each.float() for each in self._packed.run([one.to(dtype) for one in latents], timesteps, text)]

    def _attending(self, texts: Sequence[torch.Tensor]) -> AbstractContextManager[torch.Tensor]:
        """The batch's text, (B, T, D), for one forward."""
        dtype: torch.dtype = self._transformer.dtype
        if self._texts is None:
            return nullcontext(torch.stack(list(texts)).to(dtype))
        return self._texts.attending(texts, dtype)
