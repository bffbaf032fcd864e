"""The few-step methods that families ship, a row each: what tiers name by `few_step`, and where its numbers are from.

A step of a distilled model is half of a guided one, as it has one pass, and it needs few: 4 of them are 2 guided
evaluations instead of 35. Levels are given where a method was distilled at its own; a walk at others is not what its
makers show.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

ADAPTER: Final = "LoRA"
WEIGHTS: Final = "weights"
LTX: Final = (1.0, 0.9937, 0.9875, 0.9812, 0.975, 0.9094, 0.725)
LTX_096: Final = (*LTX, 0.4219)
"""`allowed_inference_steps` in the header of ltxv-2b-0.9.6-distilled-04-25.safetensors, as readers of it print them."""
LTX_2: Final = (1.0, 0.99375, 0.9875, 0.98125, 0.975, 0.909375, 0.725, 0.421875)
"""DISTILLED_SIGMA_VALUES of Lightricks' ltx-pipelines and of diffusers."""
KANDINSKY_5: Final = 16
"""Steps of its distilled weights."""
_DMD: Final = "distribution matching (DMD2, arXiv 2405.14867) by Self Forcing's recipe (arXiv 2506.08009)"
_LIGHTX2V: Final = "https://github.com/ModelTC/LightX2V/blob/main/configs/distill"


@dataclass(frozen=True, slots=True)
class FewStep:
    """A method of some families: an adapter that a tier puts on, or weights of their own, `source` and `file` either.

    `method` is the field's word for it, with its paper; `told` the page that has its numbers.
    """

    name: str
    families: tuple[str, ...]  # rows of app/plan/families.py
    kind: str  # ADAPTER or WEIGHTS
    source: str  # on the hub
    steps: int
    method: str
    told: str
    file: str = ""
    file_2: str = ""  # for the expert of the low noise
    guidance: float = 1.0
    shift: float | None = None  # None: the model's own
    sampler: str = ""  # empty: the model's own
    levels: tuple[float, ...] = ()  # empty: the sampler's, or, of weights, those that their family walks

    @property
    def given(self) -> bool:
        """Whether its levels are given to the sampler, and not those that a family of its weights walks anyway."""
        return self.kind == ADAPTER or bool(self.sampler)


def shifted(shift: float, *times: float) -> tuple[float, ...]:
    """Even noise levels, 0..1, moved by a flow shift. Source: Esser et al., arXiv 2403.03206, section 5.3.2."""
    return tuple(round(shift * time / (1 + (shift - 1) * time), 6) for time in times)


def _lightx2v(family: str, config: str, source: str, file: str, file_2: str = "") -> FewStep:
    """Their step list is 1000, 750, 500, 250 of 1000, at a shift of 5, walked by Euler's steps."""
    return FewStep(
        "lightx2v",
        (family,),
        ADAPTER,
        source,
        4,
        f"step and CFG distillation: {_DMD}",
        f"{_LIGHTX2V}/{config}",
        file,
        file_2,
        shift=5.0,
        sampler="euler",
        levels=shifted(5.0, 1.0, 0.75, 0.5, 0.25),
    )


FEW_STEPS: Final = (
    _lightx2v(
        "wan2.1-t2v-14b",
        "wan21/wan_t2v_distill_lora_4step_cfg.json",
        "lightx2v/Wan2.1-Distill-Loras",
        "wan2.1_t2v_14b_lora_rank64_lightx2v_4step.safetensors",
    ),
    _lightx2v(
        "wan2.1-i2v-14b-480p",
        "wan21/wan_i2v_distill_lora_4step_cfg.json",
        "lightx2v/Wan2.1-Distill-Loras",
        "wan2.1_i2v_lora_rank64_lightx2v_4step.safetensors",
    ),
    _lightx2v(
        "wan2.2-t2v-a14b",
        "wan22/wan_moe_t2v_distill_lora.json",
        "lightx2v/Wan2.2-Distill-Loras",
        "wan2.2_t2v_A14b_high_noise_lora_rank64_lightx2v_4step_1217.safetensors",
        "wan2.2_t2v_A14b_low_noise_lora_rank64_lightx2v_4step_1217.safetensors",
    ),
    _lightx2v(
        "wan2.2-i2v-a14b",
        "wan22/wan_moe_i2v_distill_with_lora.json",
        "lightx2v/Wan2.2-Distill-Loras",
        "wan2.2_i2v_A14b_high_noise_lora_rank64_lightx2v_4step_1022.safetensors",
        "wan2.2_i2v_A14b_low_noise_lora_rank64_lightx2v_4step_1022.safetensors",
    ),
    FewStep(
        "fastwan",
        ("wan2.2-ti2v-5b",),
        WEIGHTS,
        "FastVideo/FastWan2.2-TI2V-5B-FullAttn-Diffusers",
        3,
        "distribution matching (DMD2, arXiv 2405.14867), new noise at each step",
        "https://github.com/hao-ai-lab/FastVideo/blob/main/fastvideo/configs/pipelines/wan.py",
        sampler="lcm",
        levels=shifted(8.0, 1.0, 0.28, 0.12),  # where its timesteps 1000, 757 and 522 are at the shift that it takes
    ),
    FewStep(
        "distilled",
        ("ltx-2",),
        ADAPTER,
        "Lightricks/LTX-2",
        8,
        "the difference of the distilled weights to the others",
        "https://huggingface.co/Lightricks/LTX-2",
        "ltx-2-19b-distilled-lora-384.safetensors",
        levels=LTX_2,
    ),
    FewStep(
        "distilled",
        ("ltx-2-distilled", "ltx-2.3-distilled"),
        WEIGHTS,
        "Lightricks/LTX-2",
        len(LTX_2),
        "timestep and guidance distillation",
        "https://huggingface.co/Lightricks/LTX-2",
        levels=LTX_2,
    ),
    FewStep(
        "distilled",
        ("ltx-video-distilled",),
        WEIGHTS,
        "Lightricks/LTX-Video-0.9.8-13B-distilled",
        len(LTX),
        "timestep and guidance distillation",
        "https://github.com/Lightricks/LTX-Video/blob/main/configs/ltxv-13b-0.9.8-distilled.yaml",
        levels=LTX,
    ),
    FewStep(
        "distilled",
        ("ltx-video-0.9.6-distilled",),
        WEIGHTS,
        "Lightricks/LTX-Video",
        len(LTX_096),
        "timestep and guidance distillation; its makers draw new noise at each step, which is not done here",
        "https://github.com/Lightricks/LTX-Video/blob/main/configs/ltxv-2b-0.9.6-distilled.yaml",  # the steps alone
        levels=LTX_096,
    ),
    FewStep(
        "step_distilled",
        ("hunyuan-video-1.5-i2v-480p",),
        WEIGHTS,
        "hunyuanvideo-community/HunyuanVideo-1.5-Diffusers-480p_i2v_step_distilled",
        12,
        "step distillation",
        "https://github.com/Tencent-Hunyuan/HunyuanVideo-1.5",
    ),
    FewStep(
        "distilled",
        ("kandinsky-5-lite-distilled-t2v-5s",),
        WEIGHTS,
        "kandinskylab/Kandinsky-5.0-T2V-Lite-distilled16steps-5s-Diffusers",
        KANDINSKY_5,
        "diffusion and guidance distillation",
        "https://github.com/kandinskylab/kandinsky-5/blob/main/configs/k5_lite_t2v_5s_distil_sd.yaml",
        shift=5.0,
    ),
    FewStep(
        "turbo",
        ("z-image-turbo",),
        WEIGHTS,
        "Tongyi-MAI/Z-Image-Turbo",
        8,
        "decoupled distribution matching (Decoupled-DMD, arXiv 2511.22677)",
        "https://huggingface.co/Tongyi-MAI/Z-Image-Turbo",
    ),
)
"""Models that have none here have none that we know to be shown by their makers: CogVideoX, VACE. FastWan of 2.1 is not
here: its weights were distilled together with a sparse attention (VSA) that diffusers' class does not have."""


def by_family(rows: Iterable[FewStep] = FEW_STEPS) -> Mapping[str, Mapping[str, FewStep]]:
    """The methods of each family, by their names.

    Raises:
        ValueError: a family has two of one name, or a row has other levels than steps.
    """
    found: dict[str, dict[str, FewStep]] = {}
    for row in rows:
        if row.levels and len(row.levels) != row.steps:
            raise ValueError(f"{row.name} has {row.steps} steps and {len(row.levels)} levels")
        for family in row.families:
            if row.name in found.setdefault(family, {}):
                raise ValueError(f"{family} has two methods called {row.name}")
            found[family][row.name] = row
    return MappingProxyType({family: MappingProxyType(own) for family, own in found.items()})


BY_FAMILY: Final = by_family()
