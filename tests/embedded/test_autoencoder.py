from pathlib import Path

import pytest
import torch

from app.embedded.autoencoder import ShapesAutoencoder
from app.embedded.load import read_autoencoder
from app.embedded.training.fit import clips, fit_linear, psnr, save, train_cleaner, train_press
from app.embedded.training.recipe import Budget


@pytest.fixture(scope="module")
def pressed() -> ShapesAutoencoder:
    autoencoder = fit_linear(channels=16, components=32, picture=64, spatial=8, seed=0, count=32)
    train_press(autoencoder, 64, Budget(steps=60), seed=0, tell=lambda done, text: None, pool=32)
    return autoencoder


def test_seventeen_frames_are_five_latent_frames_and_back(pressed: ShapesAutoencoder) -> None:
    latents = pressed.encode(clips(2, 64, seed=1))
    assert latents.shape == (2, 16, 5, 8, 8)
    assert pressed.decode(latents, return_dict=False)[0].shape == (2, 3, 17, 64, 64)


def test_the_first_nine_frames_are_the_first_three_latent_frames(pressed: ShapesAutoencoder) -> None:
    video = clips(1, 64, seed=2)
    torch.testing.assert_close(pressed.encode(video)[:, :, :3], pressed.encode(video[:, :, :9]))


def test_few_lessons_bring_the_picture_back(pressed: ShapesAutoencoder) -> None:
    untaught = fit_linear(channels=16, components=32, picture=64, spatial=8, seed=0, count=32)
    assert psnr(pressed, 64, noise=0.0, rough=True) > psnr(untaught, 64, noise=0.0, rough=True) + 3


def test_whitened_latents_have_mean_nought_and_deviation_one(pressed: ShapesAutoencoder) -> None:
    latents = pressed.whitened(pressed.encode(clips(32, 64, seed=3)))
    assert latents.mean((0, 2, 3, 4)).abs().max() < 0.5
    assert latents.std((0, 2, 3, 4)).sub(1).abs().max() < 0.5


def test_noise_on_the_latents_costs_little(pressed: ShapesAutoencoder) -> None:
    assert psnr(pressed, 64, noise=0.2, rough=True) > psnr(pressed, 64, noise=0.0, rough=True) - 3


def test_the_statistics_are_kept_with_the_weights(pressed: ShapesAutoencoder, tmp_path: Path) -> None:
    save(pressed, tmp_path)
    read = read_autoencoder(tmp_path)
    assert tuple(read.config.latents_std) == pytest.approx(tuple(pressed.config.latents_std))


def test_the_cleaner_draws_better_after_a_few_lessons(pressed: ShapesAutoencoder) -> None:
    told: list[float] = []
    train_cleaner(pressed, 64, Budget(steps=30), seed=0, tell=lambda done, text: told.append(done))
    assert told == [step / 30 for step in range(30)]
    assert psnr(pressed, 64, noise=0.2) > psnr(pressed, 64, noise=0.2, rough=True)
