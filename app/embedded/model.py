"""The denoiser: diffusers' Wan transformer that guesses the clean latent and answers with the flow's velocity."""

import torch
from diffusers import WanTransformer3DModel
from diffusers.configuration_utils import register_to_config
from diffusers.models.modeling_outputs import Transformer2DModelOutput
from torch import Tensor

MIN_SIGMA = 0.01

KEPT_IN_FLOAT32 = frozenset({"rope", "time_embedder", "scale_shift_table", "norm1", "norm2", "norm3"})
"""Parts of the names of layers that diffusers wants in float32 in a Wan transformer of any precision."""


class CleanWanTransformer(WanTransformer3DModel):
    """A Wan transformer whose network output is the clean latent; `forward` returns the velocity as all flow models do.

    Guessing the clean latent is easier for a small network than guessing noise or velocity, for clean data lie on a
    low-dimensional manifold: "Back to Basics: Let Denoising Generative Models Denoise" (2025).
    """

    @register_to_config
    def __init__(
        self,
        patch_size: tuple[int, ...] = (1, 2, 2),
        num_attention_heads: int = 4,
        attention_head_dim: int = 64,
        in_channels: int = 64,
        out_channels: int = 64,
        text_dim: int = 384,
        freq_dim: int = 256,
        ffn_dim: int = 1024,
        num_layers: int = 6,
        cross_attn_norm: bool = True,
        qk_norm: str | None = "rms_norm_across_heads",
        eps: float = 1e-6,
        image_dim: int | None = None,
        added_kv_proj_dim: int | None = None,
        rope_max_seq_len: int = 64,
        pos_embed_seq_len: int | None = None,
    ) -> None:
        super().__init__(
            patch_size=patch_size,
            num_attention_heads=num_attention_heads,
            attention_head_dim=attention_head_dim,
            in_channels=in_channels,
            out_channels=out_channels,
            text_dim=text_dim,
            freq_dim=freq_dim,
            ffn_dim=ffn_dim,
            num_layers=num_layers,
            cross_attn_norm=cross_attn_norm,
            qk_norm=qk_norm,
            eps=eps,
            image_dim=image_dim,
            added_kv_proj_dim=added_kv_proj_dim,
            rope_max_seq_len=rope_max_seq_len,
            pos_embed_seq_len=pos_embed_seq_len,
        )

    def estimate(self, noisy: Tensor, timestep: Tensor, text: Tensor) -> Tensor:
        """The clean latent that the network sees behind `noisy` (b, c, f, h, w) at timesteps (b,) in 0..1000.

        Or (b, tokens), each token's own, as Wan 2.2 TI2V does it: 0 for a first frame that is given.
        """
        clean: Tensor = super().forward(noisy, timestep, text, return_dict=False)[0]
        return clean

    def velocity(self, noisy: Tensor, timestep: Tensor, clean: Tensor) -> Tensor:
        """What an estimate of the clean latent means for the flow; `timestep` in a shape that fits the latents'."""
        sigma = (timestep.float() / 1000).clamp(min=MIN_SIGMA)
        return ((noisy.float() - clean.float()) / sigma).to(noisy.dtype)

    def forward(
        self,
        hidden_states: Tensor,
        timestep: Tensor,
        encoder_hidden_states: Tensor,
        encoder_hidden_states_image: Tensor | None = None,
        return_dict: bool = True,
        attention_kwargs: dict[str, object] | None = None,
    ) -> Transformer2DModelOutput | tuple[Tensor]:
        """The velocity (noise minus clean latent) at `hidden_states` (b, c, f, h, w).

        Timesteps (b,) in 0..1000, or (b, tokens), alike within a latent frame.
        """
        clean = self.estimate(hidden_states, timestep, encoder_hidden_states)
        sigma = _of_frames(timestep, hidden_states.shape[2])
        velocity = self.velocity(hidden_states, sigma, clean)
        if timestep.ndim == 2:
            velocity = velocity.where(sigma > 0, 0)  # what is given stays
        return Transformer2DModelOutput(sample=velocity) if return_dict else (velocity,)


def held(timestep: Tensor, frames: int, patches: int) -> Tensor:
    """Timesteps (b, frames * patches) of tokens for timesteps (b,) of which the first latent frame is given: 0 there.

    "Wan: Open and Advanced Large-Scale Video Generative Models" (2025) conditions its 2.2 TI2V model so.
    """
    each = timestep[:, None, None].repeat(1, frames, patches)
    each[:, 0] = 0
    return each.flatten(1)


def _of_frames(timestep: Tensor, frames: int) -> Tensor:
    """Timesteps (b,) or (b, tokens) as (b, 1 or frames) by latent frame: (b, 1, f, 1, 1)."""
    by_frame = timestep[:, None] if timestep.ndim == 1 else timestep.reshape(len(timestep), frames, -1)[..., 0]
    return by_frame[:, None, :, None, None]


def sigmas(steps: int, shift: float = 3.0) -> Tensor:
    """Noise levels of a schedule of `steps` steps: (steps + 1,), from 1 down to 0."""
    even = torch.linspace(1, 0, steps + 1)
    return shift * even / (1 + (shift - 1) * even)
