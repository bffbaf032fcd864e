"""Every kind of Wan model against diffusers' pipeline of it: alone, in a mixed batch, after pause and resume."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from app.engine.checkpoint import from_bytes, to_bytes
from app.engine.denoiser import TOKENS, Conditioning, JobState
from app.engine.families.family_denoiser import FamilyDenoiser
from app.engine.families.models import Parts
from app.engine.families.wan.image import ChannelConditioning, FirstFrameConditioning
from app.engine.loop import Engine
from app.engine.memory.state import move_state
from app.engine.shown import Shown
from app.errors import InvalidRequest
from app.line.batcher import Rules
from app.types import FIRST, IMAGE, LAST, Artifact, Plan, PlannedInput, VideoSpec
from tests.engine.families.tiny import (
    Z,
    a_picture,
    by_pipeline,
    tiny_autoencoder,
    tiny_clip,
    tiny_encode,
    tiny_press,
    tiny_text,
    tiny_transformer,
    tiny_wan,
)
from tests.engine.plans import Listener, hear, make_plan, walk

WITHIN = 1e-4
BOUNDARY = 0.875
GUIDANCE_2 = 2.0


@dataclass
class Kind:
    """A denoiser and what its pipeline has to be told."""

    denoiser: FamilyDenoiser
    transformer: Any
    autoencoder: Any
    spec: VideoSpec = VideoSpec(32, 16, 5, 8)
    seen: bool = False  # it gets a picture
    more: dict[str, Any] = field(default_factory=dict)
    ends: bool = False  # and one to end with
    text: Callable[[Sequence[str]], torch.Tensor] = tiny_text

    def plan(self, seed: int = 0, steps: int = 6, guidance: float = 4.0, sampler: str = "unipc", **more: Any) -> Plan:
        plan = make_plan(f"job {seed}", steps, seed=seed, spec=self.spec, guidance=guidance, sampler=sampler, **more)
        second = GUIDANCE_2 if "second" in self.more else None
        image = Artifact(f"inputs/t/{seed}.png", "image/png", 1) if self.seen else None
        last = (PlannedInput(LAST, IMAGE, Artifact("inputs/t/l.png", "image/png", 1)),) if self.ends else ()
        return replace(plan, sampling=replace(plan.sampling, guidance_2=second), image=image, references=last)

    def picture(self, plan: Plan) -> NDArray[np.uint8] | None:
        return a_picture(self.spec.width, self.spec.height, plan.sampling.seed) if self.seen else None

    def last(self, plan: Plan) -> NDArray[np.uint8] | None:
        return a_picture(self.spec.width, self.spec.height, 90 + plan.sampling.seed) if self.ends else None

    def begun(self, plan: Plan) -> JobState:
        picture, last = self.picture(plan), self.last(plan)
        seen = {} if picture is None else self.denoiser.encode_image(picture, plan.spec)
        if picture is not None and last is not None:
            seen = self.denoiser.encode_inputs([Shown(FIRST, picture), Shown(LAST, last)], plan.spec)
        return self.denoiser.start("a", plan, replace(hear(self.denoiser, plan), picture=seen))

    def theirs(self, plan: Plan) -> NDArray[np.float32]:
        text, picture, last = self.text([plan.prompt, ""]), self.picture(plan), self.last(plan)
        return by_pipeline(self.transformer, self.autoencoder, text, plan, picture=picture, last=last, **self.more)


def two_experts(seen: bool = False, ends: bool = False) -> Kind:
    channels = 2 * Z + 4 if seen else Z
    first, second, autoencoder = tiny_transformer(0, channels), tiny_transformer(1, channels), tiny_autoencoder()
    image = ChannelConditioning(autoencoder) if seen else None
    denoiser = tiny_wan(Parts(first, autoencoder, tiny_encode, second=second), boundary=BOUNDARY, image=image)
    return Kind(denoiser, first, autoencoder, seen=seen, ends=ends, more={"second": second, "boundary": BOUNDARY})


def with_clip() -> Kind:
    transformer = tiny_transformer(0, 2 * Z + 4, image_dim=8, added_kv_proj_dim=24)
    autoencoder, clip = tiny_autoencoder(), tiny_clip()
    denoiser = tiny_wan(Parts(transformer, autoencoder, tiny_encode), image=ChannelConditioning(autoencoder, clip))
    return Kind(denoiser, transformer, autoencoder, seen=True, more={"clip": clip})


def long_text(prompts: Sequence[str]) -> torch.Tensor:
    """(B, 512, 16): attention takes what is in front of the last 512 tokens for the picture's."""
    seeds = [torch.Generator().manual_seed(sum(prompt.encode())) for prompt in prompts]
    return torch.stack([torch.randn(512, 16, generator=seed) for seed in seeds])


def first_last_with_clip() -> Kind:
    transformer = tiny_transformer(0, 2 * Z + 4, image_dim=8, added_kv_proj_dim=24, pos_embed_seq_len=10)
    torch.nn.init.normal_(transformer.condition_embedder.image_embedder.pos_embed)
    autoencoder, clip = tiny_autoencoder(), tiny_clip()
    image = ChannelConditioning(autoencoder, clip, both=True)
    encode = lambda prompts: [{TOKENS: each} for each in long_text(prompts)]  # noqa: E731
    denoiser = tiny_wan(Parts(transformer, autoencoder, encode), image=image)
    return Kind(denoiser, transformer, autoencoder, seen=True, ends=True, text=long_text, more={"clip": clip})


def per_token(seen: bool) -> Kind:
    transformer, autoencoder = tiny_transformer(), tiny_press()
    image = FirstFrameConditioning(autoencoder)
    denoiser = tiny_wan(Parts(transformer, autoencoder, tiny_encode), image=image, per_token=True)
    return Kind(denoiser, transformer, autoencoder, VideoSpec(64, 32, 9, 8), seen, {"expand": True})


KINDS: dict[str, Callable[[], Kind]] = {
    "T2V with two experts": two_experts,
    "I2V with two experts": lambda: two_experts(seen=True),
    "I2V with CLIP": with_clip,
    "first and last frame with two experts": lambda: two_experts(seen=True, ends=True),
    "first and last frame with CLIP": first_last_with_clip,
    "TI2V of text": lambda: per_token(False),
    "TI2V of a picture": lambda: per_token(True),
}


@pytest.fixture(scope="module", params=list(KINDS))
def kind(request: pytest.FixtureRequest) -> Kind:
    return KINDS[request.param]()


def off(kind: Kind, state: JobState, theirs: NDArray[np.float32]) -> float:
    ours = kind.denoiser.decode_float(state)
    assert ours.shape == theirs.shape
    assert np.ptp(theirs) > 0.1, "a flat picture would prove nothing"
    return float(np.abs(ours - theirs).max())


@pytest.mark.parametrize("sampler", ["euler", "unipc"])
@pytest.mark.parametrize("guidance", [1.0, 4.0])
def test_the_frames_are_those_of_the_pipeline(kind: Kind, sampler: str, guidance: float) -> None:
    plan = kind.plan(3, guidance=guidance, sampler=sampler)
    state = kind.begun(plan)
    walk(kind.denoiser, state)
    assert off(kind, state, kind.theirs(plan)) <= WITHIN


def test_in_a_mixed_batch_they_still_are(kind: Kind) -> None:
    plans = [kind.plan(1, steps=5), kind.plan(2, steps=3, guidance=1.0), kind.plan(3, steps=8, sampler="euler")]
    states = [kind.begun(plan) for plan in plans]
    walk(kind.denoiser, states[2], until=3)  # at another step, and with two experts at the other one
    walk(kind.denoiser, *states)
    for plan, state in zip(plans, states, strict=True):
        assert off(kind, state, kind.theirs(plan)) <= WITHIN


@pytest.mark.parametrize("at", [0, 2, 5])
def test_paused_and_resumed_from_a_checkpoint_they_still_are_to_the_bit(kind: Kind, at: int) -> None:
    plan = kind.plan(4, deterministic=True)
    whole, parted = kind.begun(plan), kind.begun(plan)
    walk(kind.denoiser, whole)
    walk(kind.denoiser, parted, until=at)
    move_state(parted, "cpu")
    resumed = kind.denoiser.resume(plan, to_bytes(parted))
    walk(kind.denoiser, resumed)
    assert torch.equal(resumed.latent, whole.latent)
    assert off(kind, resumed, kind.theirs(plan)) <= WITHIN


def test_the_engine_serves_the_same_frames_to_jobs_that_come_together(kind: Kind) -> None:
    engine = Engine(kind.denoiser, Rules(max_batch=4, slots=4))
    plans, heard = [kind.plan(seed, steps=5) for seed in range(3)], []
    for plan in plans:
        picture = kind.picture(plan)
        seen = {} if picture is None else engine.encode_image(picture, plan.spec).result(20)
        if picture is not None and (last := kind.last(plan)) is not None:
            seen = engine.encode_inputs([Shown(FIRST, picture), Shown(LAST, last)], plan.spec).result(20)
        heard.append(Listener())
        engine.submit(plan.prompt, plan, heard[-1], picture=seen)
    served = [listener.wait().frames.astype(float) / 255 for listener in heard]
    engine.close(20)  # the autoencoder is not for two threads
    for plan, frames in zip(plans, served, strict=True):
        assert np.abs(frames - kind.theirs(plan)).max() <= 1.01 / 255


def test_two_experts_and_their_guidance_change_at_the_boundary() -> None:
    kind = two_experts()
    state = kind.begun(kind.plan(steps=8))
    high = [timestep >= 1000 * BOUNDARY for timestep in state.timesteps]
    assert list(state.groups) == ["high" if each else "low" for each in high]
    assert {*state.groups} == {"high", "low"}
    assert list(state.guidances) == [4.0 if each else GUIDANCE_2 for each in high]


def test_the_engine_batches_jobs_on_one_expert_only_and_yet_batches() -> None:
    kind, seen = two_experts(), []
    predict = kind.denoiser.predict

    def watched(states: Sequence[JobState]) -> list[torch.Tensor]:
        seen.append([state.group for state in states])
        return predict(states)

    kind.denoiser.predict = watched  # type: ignore[method-assign]
    engine = Engine(kind.denoiser, Rules(max_batch=4, slots=4))
    heard = [Listener() for _ in range(4)]
    for seed, listener in enumerate(heard):
        engine.submit(f"job {seed}", kind.plan(seed, steps=4 + seed), listener)
    for listener in heard:
        assert listener.wait().error is None
    engine.close(20)
    assert all(len(set(groups)) == 1 for groups in seen)
    assert max(map(len, seen)) > 1
    assert {group for groups in seen for group in groups} == {"high", "low"}


def test_a_model_that_needs_a_picture_says_so() -> None:
    kind = with_clip()
    plan = kind.plan()
    with pytest.raises(InvalidRequest, match="picture") as caught:
        kind.denoiser.start("a", plan, hear(kind.denoiser, plan))
    assert caught.value.error_code == "image_required"


def test_a_model_of_text_takes_no_picture() -> None:
    kind = two_experts()
    with pytest.raises(InvalidRequest) as caught:
        kind.denoiser.encode_image(a_picture(32, 16), kind.spec)
    assert caught.value.error_code == "image_not_taken"


def test_a_checkpoint_of_a_plan_without_a_picture_holds_none() -> None:
    kind = per_token(True)
    plan = kind.plan()
    data = to_bytes(kind.begun(plan))
    with pytest.raises(ValueError, match="plan"):
        from_bytes(data, replace(plan, image=None))
    assert isinstance(from_bytes(data, plan).conditioning, Conditioning)
