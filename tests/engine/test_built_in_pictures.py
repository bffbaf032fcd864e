"""The built-in model where its weights take a picture: the mechanics, with today's weights told that they do."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from app.calibration.mask_search import plans
from app.embedded.checker.checker import look
from app.embedded.load import read_autoencoder
from app.embedded.profile import ACROSS, PICTURES, WEIGHTS, profile
from app.embedded.world.world import Scene, Subject, render
from app.engine.checkpoint import to_bytes
from app.engine.denoiser import Frames, JobState
from app.engine.families import embedded
from app.engine.families.family_denoiser import FamilyDenoiser
from app.engine.families.loading.reader import PLAIN, Files
from app.engine.families.registry import files_of
from app.types import Artifact, Plan
from tests.engine.plans import hear, walk

PROMPTS = ("a red ball moves right on a sand background", "a blue star spins on a black background")
STEPS = 4


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("weights") / "weights"
    shutil.copytree(WEIGHTS, folder)
    facts = json.loads((folder / "model.json").read_text())
    (folder / "model.json").write_text(json.dumps({**facts, "knows": [ACROSS, PICTURES]}))
    return folder


@pytest.fixture(scope="module")
def denoiser(weights: Path) -> FamilyDenoiser:
    class Told(embedded.EmbeddedReader):
        def folder(self, files: Files) -> Path:
            return weights

    reader = Told(embedded.__name__, "CleanWanTransformer")
    return reader.load(files_of(str(weights), dtype="float32", threads=1), PLAIN)


def drawing(x: float = 0.3) -> Frames:
    ball = Subject("red", "circle", "medium", "still", 0.142, x, 0.5, 0.5, 0.0)
    return render([Scene("sand", (ball,))], frames=1)[0].numpy()


def asked(weights: Path, prompt: int = 0, seed: int = 1, pictured: bool = True) -> Plan:
    plan = plans(profile(weights), PROMPTS, STEPS, "euler")[prompt]
    image = Artifact("inputs/a.png", "image/png", 1) if pictured else None
    return replace(plan, image=image, sampling=replace(plan.sampling, seed=seed, budget=STEPS, deterministic=True))


def started(denoiser: FamilyDenoiser, plan: Plan, x: float = 0.3) -> JobState:
    picture = denoiser.encode_image(drawing(x), plan.spec) if plan.image else {}
    return denoiser.start(plan.prompt, plan, replace(hear(denoiser, plan), picture=picture))


def psnr(one: Frames, other: Frames) -> float:
    return float(10 * np.log10(255**2 / np.square(one.astype(float) - other.astype(float)).mean()))


def test_weights_say_in_their_card_whether_they_take_pictures(weights: Path) -> None:
    assert profile(weights).takes_image
    assert not profile().takes_image or PICTURES in json.loads((WEIGHTS / "model.json").read_text())["knows"]


def test_a_picture_moves_as_asked_wherever_its_subject_stands(denoiser: FamilyDenoiser, weights: Path) -> None:
    prompt = "Make a yellow orb become smaller over a light blue ground"
    plan = replace(asked(weights), prompt=prompt)
    plan = replace(plan, sampling=replace(plan.sampling, steps=30, budget=30))
    ball = Subject("yellow", "circle", "medium", "shrinking", 0.142, 0.5625, 0.40625, 0.0, 0.0)
    picture = denoiser.encode_image(render([Scene("sky blue", (ball,))], frames=1)[0].numpy(), plan.spec)
    state = denoiser.start("job", plan, replace(hear(denoiser, plan), picture=picture))
    walk(denoiser, state)
    (seen,) = look(torch.from_numpy(denoiser.decode(state))).subjects
    assert (seen.colour, seen.motion) == ("yellow", "shrinking")
    assert seen.place == pytest.approx((ball.x, ball.y), abs=0.02)


def test_a_prompt_that_names_nobody_is_of_who_is_in_the_picture(denoiser: FamilyDenoiser, weights: Path) -> None:
    plan = replace(asked(weights), prompt="make it move to the right")
    plan = replace(plan, sampling=replace(plan.sampling, steps=30, budget=30))
    state = started(denoiser, plan)
    walk(denoiser, state)
    (seen,) = look(torch.from_numpy(denoiser.decode(state))).subjects
    assert (seen.colour, seen.shape, seen.motion) == ("red", "circle", "right")


def test_the_first_frame_is_the_picture(denoiser: FamilyDenoiser, weights: Path) -> None:
    state = started(denoiser, asked(weights))
    walk(denoiser, state)
    frames = denoiser.decode(state)
    assert frames.shape == (17, 128, 128, 3)
    assert psnr(frames[:1], drawing()) > 29


def test_a_picture_of_one_frame_has_the_latent_of_a_clips_first_frame(denoiser: FamilyDenoiser, weights: Path) -> None:
    ball = Subject("red", "circle", "medium", "right", 0.142, 0.25, 0.5, 0.5, 0.0)
    clip = render([Scene("sand", (ball,))])[0]
    given: Mapping[str, torch.Tensor] = denoiser.encode_image(clip[:1].numpy(), asked(weights).spec)
    autoencoder = read_autoencoder(weights / "autoencoder")
    whole = autoencoder.whitened(autoencoder.encode(clip.permute(3, 0, 1, 2)[None].float() / 127.5 - 1))
    torch.testing.assert_close(given["latent"], whole[0, :, :1])


def test_jobs_with_and_without_a_picture_share_a_forward(denoiser: FamilyDenoiser, weights: Path) -> None:
    def trio() -> list[JobState]:
        two = [started(denoiser, asked(weights)), started(denoiser, asked(weights, seed=2), x=0.6)]
        return [*two, started(denoiser, asked(weights, prompt=1, pictured=False))]

    alone, together = trio(), trio()
    for state in alone:
        walk(denoiser, state)
    walk(denoiser, *together)
    for one, other in zip(alone, together, strict=True):
        torch.testing.assert_close(one.latent, other.latent, atol=1e-3, rtol=1e-3)


def test_a_job_with_a_picture_goes_on_from_its_checkpoint_with_the_same_bits(
    denoiser: FamilyDenoiser, weights: Path
) -> None:
    plan = asked(weights)
    straight, stopped = started(denoiser, plan), started(denoiser, plan)
    walk(denoiser, straight)
    walk(denoiser, stopped, until=2)
    resumed = denoiser.resume(plan, to_bytes(stopped))
    walk(denoiser, resumed)
    assert np.array_equal(denoiser.decode(resumed), denoiser.decode(straight))


def test_weights_that_go_across_read_it_as_it_is_said(denoiser: FamilyDenoiser) -> None:
    whole, side = denoiser.encode(["a red ball moves across the screen", "a red ball moves to the right"])
    assert not torch.equal(whole["tokens"], side["tokens"])


def test_text_alone_is_as_without_pictures(denoiser: FamilyDenoiser, weights: Path) -> None:
    plain = embedded.load_denoiser("float32", threads=1)
    found = []
    for each in (denoiser, plain):
        plan = asked(weights, prompt=1, pictured=False)
        state = each.start("a", plan, hear(each, plan))
        walk(each, state)
        found.append(state.latent)
    assert torch.equal(*found)


def test_a_clip_that_begins_with_a_picture_shares_a_forward_with_other_lengths(
    denoiser: FamilyDenoiser, weights: Path
) -> None:
    assert denoiser.packs
    short = asked(weights, 1, 2, pictured=False)
    given = (asked(weights), replace(short, spec=replace(short.spec, frames=9)))
    alone = [started(denoiser, each) for each in given]
    for state in alone:
        walk(denoiser, state)
    together = [started(denoiser, each) for each in given]
    walk(denoiser, *together)
    for one, other in zip(alone, together, strict=True):
        assert np.abs(denoiser.decode_float(one) - denoiser.decode_float(other)).max() <= 1e-4
