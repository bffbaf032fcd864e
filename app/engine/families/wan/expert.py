"""One of Wan's transformers: latents, timesteps and texts of a batch come in, velocities go out, adapters switched."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch

from app.engine.families.loading.lora import Wardrobe
from app.engine.families.wan.few_tokens import TextMemory


class Expert:
    """A WanTransformer3DModel, or what answers like one; LoRA adapters are loaded into it before."""

    def __init__(self, transformer: Any) -> None:
        self._transformer = transformer.eval()
        self._wardrobe = Wardrobe(transformer)
        # What is faster for few tokens copies weights, and so would not hear of adapters.
        fast = self._wardrobe.empty and TextMemory.suits(transformer)
        self._texts = TextMemory(transformer) if fast else None

    def run(
        self,
        latents: Sequence[torch.Tensor],
        timesteps: torch.Tensor,
        texts: Sequence[torch.Tensor],
        pictures: Sequence[torch.Tensor],
        adapter: str = "",
    ) -> torch.Tensor:
        """Velocities (B, C, F', H', W') float32.

        `latents`: (C, F', H', W') each; `timesteps`: (B,) or, one for each token, (B, N); `texts`: (T, D) each;
        `pictures`: tokens of pictures, (P, E) each, or none at all.
        """
        self._wardrobe.wear(adapter)
        dtype = self._transformer.dtype
        seen = {"encoder_hidden_states_image": torch.stack(list(pictures)).to(dtype)} if pictures else {}
        with self._hearing(texts) as text:
            velocities: torch.Tensor = self._transformer(
                hidden_states=torch.stack(list(latents)).to(dtype),
                timestep=timesteps,
                encoder_hidden_states=text,  # (B, T, D)
                return_dict=False,
                **seen,
            )[0].float()
        return velocities

    def _hearing(self, texts: Sequence[torch.Tensor]) -> AbstractContextManager[torch.Tensor]:
        """The batch's text, (B, T, D), for one forward."""
        dtype: torch.dtype = self._transformer.dtype
        if self._texts is None:
            return nullcontext(torch.stack(list(texts)).to(dtype))
        return self._texts.hearing(texts, dtype)
