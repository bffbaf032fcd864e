"""CogVideoX and HunyuanVideo with a picture to begin with against diffusers: alone, together, resumed, saved."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import (
    AutoencoderKLCogVideoX,
    ClassifierFreeGuidance,
    CogVideoXDDIMScheduler,
    CogVideoXImageToVideoPipeline,
    CogVideoXTransformer3DModel,
    FlowMatchEulerDiscreteScheduler,
    HunyuanVideo15ImageToVideoPipeline,
    HunyuanVideo15Transformer3DModel,
    HunyuanVideoImageToVideoPipeline,
    HunyuanVideoTransformer3DModel,
)
from numpy.typing import NDArray
from PIL import Image
from transformers import SiglipImageProcessor, SiglipVisionConfig, SiglipVisionModel

from app.engine.checkpoint import to_bytes
from app.engine.denoiser import TOKENS, JobState
from app.engine.families import cogvideox, hunyuan15
from app.engine.families.cogvideox import CogVideoX
from app.engine.families.family_denoiser import FamilyDenoiser
from app.engine.families.hunyuan import MASK as HEARD
from app.engine.families.hunyuan import POOLED
from app.engine.families.hunyuan15 import LETTERS, LETTERS_MASK, MASK, HunyuanVideo15
from app.engine.families.hunyuan_picture import BESIDE, REPLACES, HunyuanPicture
from app.engine.families.loading.reader import Files, Options
from app.engine.families.models import Parts
from app.errors import InvalidRequest
from app.types import Artifact, Plan, VideoSpec
from tests.engine.families.standard import batched, spoken
from tests.engine.families.tiny import a_picture, tiny_clip
from tests.engine.families.tiny_cogvideox import cogvideox_parts
from tests.engine.families.tiny_hunyuan import hunyuan15_parts
from tests.engine.families.tiny_hunyuan import hunyuan_parts as tiny_hunyuan_parts
from tests.engine.plans import hear, make_plan, walk

WITHIN = 1e-4


@dataclass(frozen=True)
class Kind:
    """A denoiser, and its pipeline with what it is asked with beside picture, shape and steps."""

    make: Callable[[], FamilyDenoiser]
    pipeline: Callable[[Plan], Any]
    texts: tuple[tuple[str, str], ...]  # a pipeline's name for each part of a text
    spec: VideoSpec
    sampler: str = "euler"
    shift: float = 3.0
    sized: bool = True  # the pipeline is told its size
    frames_more: int = 0  # that the pipeline is asked for, and cuts off

    def plan(self, seed: int, steps: int = 5, **more: Any) -> Plan:
        image = Artifact(f"inputs/t/{seed}.png", "image/png", 1)
        plan = make_plan(
            f"job {seed}", steps, seed=seed, spec=self.spec, shift=self.shift, sampler=self.sampler, **more
        )
        return replace(plan, image=image)

    def picture(self, plan: Plan) -> NDArray[np.uint8]:
        return a_picture(self.spec.width, self.spec.height, plan.sampling.seed)

    def begun(self, denoiser: FamilyDenoiser, plan: Plan) -> JobState:
        seen = denoiser.encode_image(self.picture(plan), plan.spec)
        return denoiser.start("a", plan, replace(hear(denoiser, plan), picture=seen))

    def theirs(self, denoiser: FamilyDenoiser, plan: Plan) -> NDArray[np.float32]:
        heard, pipeline = hear(denoiser, plan), self.pipeline(plan)
        pipeline.set_progress_bar_config(disable=True)
        asked: dict[str, Any] = {}
        for part, name in self.texts:
            asked |= {name: batched(heard.prompt, part), f"negative_{name}": batched(heard.negative, part)}
        if self.sized:
            asked |= {"width": plan.spec.width, "height": plan.spec.height, "guidance_scale": plan.sampling.guidance}
        frames: NDArray[np.float32] = pipeline(
            image=Image.fromarray(self.picture(plan)[0]),
            num_frames=plan.spec.frames + self.frames_more,
            num_inference_steps=plan.sampling.steps,
            generator=torch.Generator().manual_seed(plan.sampling.seed),
            output_type="np",
            **asked,
        ).frames[0]
        return frames


def cog_parts(pairs: bool) -> dict[str, Any]:
    config = dict(cogvideox_parts(pairs)["transformer"].config)
    torch.manual_seed(0)
    more = {"in_channels": 8, "ofs_embed_dim": 4 if pairs else None}
    transformer = CogVideoXTransformer3DModel.from_config(config | more).eval()
    autoencoder = AutoencoderKLCogVideoX.from_config(
        dict(cogvideox_parts(pairs)["vae"].config) | {"invert_scale_latents": pairs}
    ).eval()
    return {"transformer": transformer, "vae": autoencoder}


def cog_pipeline(pairs: bool, plan: Plan, text_encoder: Any = None, tokenizer: Any = None) -> Any:
    scheduler = CogVideoXDDIMScheduler(
        prediction_type="v_prediction",
        timestep_spacing="trailing",
        rescale_betas_zero_snr=True,
        snr_shift_scale=plan.sampling.shift,
    )
    return CogVideoXImageToVideoPipeline(
        scheduler=scheduler, text_encoder=text_encoder, tokenizer=tokenizer, **cog_parts(pairs)
    )


def cog(pairs: bool) -> Kind:
    def make() -> FamilyDenoiser:
        parts = cog_parts(pairs)
        return FamilyDenoiser(CogVideoX(Parts(parts["transformer"], parts["vae"], spoken({TOKENS: (8, 16)})), 3.0))

    texts = ((TOKENS, "prompt_embeds"),)
    return Kind(make, lambda plan: cog_pipeline(pairs, plan), texts, VideoSpec(32, 16, 9, 8), sampler="ddim")


def hunyuan_parts() -> dict[str, Any]:
    parts = hunyuan15_parts()
    config = dict(parts["transformer"].config) | {"task_type": "i2v"}
    torch.manual_seed(0)
    transformer = HunyuanVideo15Transformer3DModel.from_config(config).eval()
    torch.manual_seed(2)
    sizes = {"hidden_size": 12, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    eye = SiglipVisionModel(SiglipVisionConfig(image_size=8, patch_size=4, **sizes)).eval()
    processor = SiglipImageProcessor(size={"height": 8, "width": 8})
    return {"transformer": transformer, "vae": parts["vae"], "image_encoder": eye, "feature_extractor": processor}


def hunyuan_pipeline(plan: Plan) -> Any:
    return HunyuanVideo15ImageToVideoPipeline(
        text_encoder=None,
        tokenizer=None,
        text_encoder_2=None,
        tokenizer_2=None,
        scheduler=FlowMatchEulerDiscreteScheduler(shift=plan.sampling.shift),
        guider=ClassifierFreeGuidance(guidance_scale=plan.sampling.guidance),
        **hunyuan_parts(),
    )


def hunyuan() -> Kind:
    def make() -> FamilyDenoiser:
        parts = hunyuan_parts()
        encode = spoken({TOKENS: (8, 16), MASK: (8,), LETTERS: (6, 12), LETTERS_MASK: (6,)}, (MASK, LETTERS_MASK))
        eye = (parts["feature_extractor"], parts["image_encoder"])
        return FamilyDenoiser(HunyuanVideo15(Parts(parts["transformer"], parts["vae"], encode), eye=eye))

    texts = (
        (TOKENS, "prompt_embeds"),
        (MASK, "prompt_embeds_mask"),
        (LETTERS, "prompt_embeds_2"),
        (LETTERS_MASK, "prompt_embeds_mask_2"),
    )
    return Kind(make, hunyuan_pipeline, texts, VideoSpec(16, 16, 5, 8), sized=False)


def hunyuan10_parts(sees: str) -> dict[str, Any]:
    parts = tiny_hunyuan_parts()
    channels, guided = (4, True) if sees == REPLACES else (9, False)  # as in the published weights of each
    more = {"in_channels": channels, "guidance_embeds": guided, "image_condition_type": sees}
    known = {name: value for name, value in parts["transformer"].config.items() if not name.startswith("_")}
    torch.manual_seed(0)
    transformer = HunyuanVideoTransformer3DModel(**(known | more)).eval()
    return {"transformer": transformer, "vae": parts["vae"]}


def hunyuan10_pipeline(sees: str, plan: Plan, **encoders: Any) -> Any:
    known = dict.fromkeys(("text_encoder", "tokenizer", "text_encoder_2", "tokenizer_2"))
    scheduler = FlowMatchEulerDiscreteScheduler(shift=plan.sampling.shift)
    parts = {**known, "image_processor": tiny_clip()[0], **encoders, **hunyuan10_parts(sees)}
    return HunyuanVideoImageToVideoPipeline(scheduler=scheduler, **parts)


def hunyuan10(sees: str) -> Kind:
    def make() -> FamilyDenoiser:
        parts = hunyuan10_parts(sees)
        encode = spoken({TOKENS: (8, 16), POOLED: (8,), HEARD: (8,)}, (HEARD,))
        return FamilyDenoiser(HunyuanPicture(Parts(parts["transformer"], parts["vae"], encode), tiny_clip()[0]))

    texts = ((TOKENS, "prompt_embeds"), (POOLED, "pooled_prompt_embeds"), (HEARD, "prompt_attention_mask"))
    more = 0 if sees == REPLACES else 4
    return Kind(make, partial(hunyuan10_pipeline, sees), texts, VideoSpec(32, 16, 5, 8), shift=7.0, frames_more=more)


KINDS: dict[str, Callable[[], Kind]] = {
    "hunyuan 1.0 in the first frame's place": lambda: hunyuan10(REPLACES),
    "hunyuan 1.0 beside the noise": lambda: hunyuan10(BESIDE),
    "cogvideox": lambda: cog(False),
    "cogvideox 1.5": lambda: cog(True),
    "hunyuan 1.5": hunyuan,
}


@pytest.fixture(scope="module", params=KINDS)
def kind(request: pytest.FixtureRequest) -> Kind:
    return KINDS[request.param]()


@pytest.fixture(scope="module")
def denoiser(kind: Kind) -> FamilyDenoiser:
    return kind.make()


def test_the_frames_are_those_of_the_pipeline(kind: Kind, denoiser: FamilyDenoiser) -> None:
    plan = kind.plan(3)
    state = kind.begun(denoiser, plan)
    walk(denoiser, state)
    ours, standard = denoiser.decode_float(state), kind.theirs(denoiser, plan)
    assert ours.shape == standard.shape == (kind.spec.frames, kind.spec.height, kind.spec.width, 3)
    assert np.ptp(standard) > 0.1
    assert np.abs(ours - standard).max() <= WITHIN
    other = denoiser.encode_image(255 - kind.picture(plan), plan.spec)
    unlike = denoiser.start("b", plan, replace(hear(denoiser, plan), picture=other))
    walk(denoiser, unlike)
    assert np.abs(denoiser.decode_float(unlike) - standard).max() > 1e-3, "the picture must be seen"


def test_in_a_mixed_batch_each_has_its_own(kind: Kind, denoiser: FamilyDenoiser) -> None:
    plans = [kind.plan(1, steps=5), kind.plan(2, steps=3, guidance=1.0), kind.plan(3, steps=4, guidance=2.0)]
    states = [kind.begun(denoiser, plan) for plan in plans]
    walk(denoiser, states[0], until=2)
    walk(denoiser, *states)
    for plan, state in zip(plans, states, strict=True):
        assert np.abs(denoiser.decode_float(state) - kind.theirs(denoiser, plan)).max() <= WITHIN


@pytest.mark.parametrize("at", [1, 3])
def test_resumed_from_a_checkpoint_they_are_the_same_to_the_bit(kind: Kind, denoiser: FamilyDenoiser, at: int) -> None:
    plan = kind.plan(4, deterministic=True)
    whole, parted = kind.begun(denoiser, plan), kind.begun(denoiser, plan)
    walk(denoiser, whole)
    walk(denoiser, parted, until=at)
    resumed = kind.make().resume(plan, to_bytes(parted))
    walk(denoiser, resumed)
    assert torch.equal(resumed.latent, whole.latent)
    assert np.abs(denoiser.decode_float(resumed) - kind.theirs(denoiser, plan)).max() <= WITHIN


def test_without_a_picture_they_make_nothing(kind: Kind, denoiser: FamilyDenoiser) -> None:
    plan = kind.plan(5)
    with pytest.raises(InvalidRequest, match="needs a picture"):
        denoiser.start("a", plan, hear(denoiser, plan))


def read(family: Any, folder: Path, encode: Any) -> FamilyDenoiser:
    files = Files(str(folder), torch.float32, torch.device("cpu"), local=True)
    found: FamilyDenoiser = family.READER.load(files, Options(encode=encode))
    return found


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
@pytest.mark.parametrize("name", ["cogvideox", "hunyuan 1.5"])
def test_a_folder_in_diffusers_format_is_read(name: str, tmp_path: Path) -> None:
    kind = KINDS[name]()
    ours, plan = kind.make(), kind.plan(6)
    kind.pipeline(plan).save_pretrained(tmp_path)
    denoiser = read(cogvideox if "cog" in name else hunyuan15, tmp_path, ours.encode)
    state = kind.begun(denoiser, plan)
    walk(denoiser, state)
    assert np.abs(denoiser.decode_float(state) - kind.theirs(ours, plan)).max() <= WITHIN
