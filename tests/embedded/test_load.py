import json
import shutil
from pathlib import Path

import pytest
import torch
from diffusers import WanTransformer3DModel

from app.embedded.checker.sample import decode, sample, sheet
from app.embedded.load import EmbeddedModel, load
from app.embedded.model import KEPT_IN_FLOAT32
from app.embedded.profile import STUDENT_FOLDER, WEIGHTS, profile, revision, student_of

MOST_BYTES = 60 * 10**6  # of everything that ships with Kinoray
MOST_STUDENT_BYTES = 15 * 10**6


@pytest.fixture(scope="module")
def model() -> EmbeddedModel:
    return load()


def test_the_weights_are_small_enough_to_ship() -> None:
    assert sum(path.stat().st_size for path in WEIGHTS.rglob("*.safetensors")) <= MOST_BYTES
    student = (WEIGHTS / STUDENT_FOLDER).rglob("*.safetensors")
    assert sum(path.stat().st_size for path in student) <= MOST_STUDENT_BYTES


def test_the_student_that_ships_is_one_of_the_weights_that_ship() -> None:
    facts = json.loads((WEIGHTS / "model.json").read_text())["student"]
    assert facts["teacher"] == revision(WEIGHTS)
    assert [row.tier for row in profile().tiers] == facts["tiers"]


def test_the_revision_of_the_weights_is_the_same_with_and_without_a_student(tmp_path: Path) -> None:
    shutil.copytree(WEIGHTS, tmp_path / "weights", ignore=shutil.ignore_patterns(STUDENT_FOLDER))
    assert revision(tmp_path / "weights") == revision(WEIGHTS)
    assert student_of(tmp_path / "weights") is None


def test_the_revision_changes_with_the_weights(tmp_path: Path) -> None:
    shutil.copytree(WEIGHTS, tmp_path / "weights")
    assert revision(tmp_path / "weights") == revision(WEIGHTS)
    (tmp_path / "weights" / "more.safetensors").write_bytes(b"more")
    assert revision(tmp_path / "weights") != revision(WEIGHTS)


def test_a_prompt_becomes_a_video(model: EmbeddedModel) -> None:
    latents = sample(model.transformer, model.text_encoder, ["a red ball on a black background"], steps=2)
    videos = decode(model.autoencoder, latents)
    assert videos.shape == (1, model.frames, model.picture, model.picture, 3)
    assert sheet(videos, columns=1).size == (6 * model.picture, model.picture)


def test_the_wan_pipeline_of_diffusers_runs_the_model(model: EmbeddedModel) -> None:
    from diffusers import FlowMatchEulerDiscreteScheduler, WanPipeline

    scheduler = FlowMatchEulerDiscreteScheduler(shift=model.flow_shift)
    pipeline = WanPipeline(
        tokenizer=None, text_encoder=None, transformer=model.transformer, vae=model.autoencoder, scheduler=scheduler
    )
    pipeline.set_progress_bar_config(disable=True)
    video = pipeline(
        prompt_embeds=model.text_encoder.tokens(["a blue star spins on sand"]),
        negative_prompt_embeds=model.text_encoder.tokens([""]),
        height=model.picture,
        width=model.picture,
        num_frames=9,
        num_inference_steps=2,
        guidance_scale=3.0,
        output_type="pt",
    ).frames
    assert video.shape == (1, 9, 3, model.picture, model.picture)
    assert torch.isfinite(video).all()


def test_what_stays_in_float32_is_what_diffusers_keeps_so_in_wan() -> None:
    assert set(WanTransformer3DModel._keep_in_fp32_modules) == KEPT_IN_FLOAT32
