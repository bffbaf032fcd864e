import pytest
import torch

from app.embedded.autoencoder import LinearAutoencoder
from app.embedded.fit import clips, fit_linear, psnr, train_cleaner
from app.embedded.pools import whitening
from app.embedded.recipe import Budget


@pytest.fixture(scope="module")
def fitted() -> LinearAutoencoder:
    return fit_linear(channels=24, picture=64, spatial=8, seed=0, whitening=0.5, count=32)


def test_seventeen_frames_are_five_latent_frames_and_back(fitted: LinearAutoencoder) -> None:
    latents = fitted.encode(clips(2, 64, seed=1))
    assert latents.shape == (2, 24, 5, 8, 8)
    assert fitted.decode(latents, return_dict=False)[0].shape == (2, 3, 17, 64, 64)


def test_the_first_nine_frames_are_the_first_three_latent_frames(fitted: LinearAutoencoder) -> None:
    video = clips(1, 64, seed=2)
    torch.testing.assert_close(fitted.encode(video)[:, :, :3], fitted.encode(video[:, :, :9]))


def test_the_linear_part_alone_gives_back_the_picture(fitted: LinearAutoencoder) -> None:
    assert psnr(fitted, 64, noise=0.0, linear=True) > 22


def test_whitened_latents_fall_from_louder_to_quieter_than_noise(fitted: LinearAutoencoder) -> None:
    mean, deviation = whitening(fitted)
    spread = ((fitted.encode(clips(16, 64, seed=3)) - mean) / deviation).std((0, 2, 3, 4))
    assert 1.3 < spread.max() < 3
    assert spread[-1] < 0.5 * spread[0]


def test_the_cleaner_draws_better_than_the_linear_part_after_a_few_lessons(fitted: LinearAutoencoder) -> None:
    told: list[float] = []
    train_cleaner(fitted, 64, Budget(steps=60), seed=0, tell=lambda done, text: told.append(done))
    assert told == [step / 60 for step in range(60)]
    assert psnr(fitted, 64, noise=0.5) > psnr(fitted, 64, noise=0.5, linear=True)
