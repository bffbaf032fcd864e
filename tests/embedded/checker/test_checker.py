from random import Random

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from app.embedded.checker.checker import Seen, look
from app.embedded.checker.motions import UNCLEAR, Way, classify
from app.embedded.world import vocabulary as words
from app.embedded.world.scenes import draw_asks, place
from app.embedded.world.world import Scene, Subject, render


def drawn(count: int, two_share: float, seed: int) -> list[Scene]:
    return place(draw_asks(count, two_share, Random(seed)), seed)


def right(scene: Scene, seen: Seen) -> bool:
    told = {(subject.colour, subject.shape, subject.motion, subject.size) for subject in scene.subjects}
    found = [(subject.colour, subject.shape, subject.motion, subject.size) for subject in seen.subjects]
    return seen.ground == scene.ground and len(found) == len(told) and set(found) == told


def degraded(video: Tensor, seed: int) -> Tensor:
    """The video (f, h, w, 3) a little blurred (3 x 3) and noisy (6 of 255)."""
    kernel = torch.tensor([0.25, 0.5, 0.25])
    flat = video.float().permute(0, 3, 1, 2).flatten(0, 1)[:, None]
    flat = functional.pad(flat, (1, 1, 1, 1), mode="replicate")
    flat = functional.conv2d(flat, kernel.outer(kernel)[None, None])
    blurred = flat.view(len(video), 3, *video.shape[1:3]).permute(0, 2, 3, 1)
    noise = torch.randn(video.shape, generator=torch.Generator().manual_seed(seed))
    return (blurred + 6 * noise).round().clamp(0, 255).to(torch.uint8)


def way(places: Tensor) -> Way:
    frames = len(places)
    return Way(torch.arange(frames), places, torch.ones(frames), {4: torch.zeros(frames)})


@pytest.mark.parametrize("picture", [64, 128])
def test_all_is_right_about_single_subjects(picture: int) -> None:
    scenes = drawn(8, 0.0, picture)
    assert all(right(scene, look(video)) for scene, video in zip(scenes, render(scenes, picture), strict=True))


def test_all_is_right_about_two_subjects() -> None:
    scenes = drawn(10, 1.0, 3)
    assert all(right(scene, look(video)) for scene, video in zip(scenes, render(scenes, 64), strict=True))


def test_blur_and_noise_change_nothing() -> None:
    scenes = drawn(16, 0.3, 4)
    videos = [degraded(video, index) for index, video in enumerate(render(scenes, 64))]
    assert all(right(scene, look(video)) for scene, video in zip(scenes, videos, strict=True))


def test_half_the_frames_are_enough() -> None:
    scenes = drawn(16, 0.0, 5)
    assert all(right(scene, look(video)) for scene, video in zip(scenes, render(scenes, 64, frames=9), strict=True))


def test_other_scenes_are_seen_as_wrong() -> None:
    scenes = drawn(16, 0.0, 6)
    seen = [look(video) for video in render(scenes, 64)]
    assert sum(right(scene, one) for scene, one in zip(scenes, seen[1:] + seen[:1], strict=True)) <= 1


def test_an_empty_ground_has_no_subjects() -> None:
    video = torch.tensor(words.GROUNDS["sand"], dtype=torch.uint8).expand(17, 64, 64, 3)
    assert look(video) == Seen("sand", (), 0.0)


def test_two_subjects_of_one_colour_are_two() -> None:
    video = render([Scene("black", (_still(0.3), _still(0.7)))], 64)[0]
    seen = look(video)
    assert [subject.colour for subject in seen.subjects] == ["red", "red"]
    assert seen.subject("red") is None


def test_dirt_on_the_ground_is_stray() -> None:
    video = render([Scene("gray", (_still(0.3),))], 64)[0]
    assert look(video).stray == 0
    video[:, 50:54, 50:54] = torch.tensor([60, 10, 10], dtype=torch.uint8)
    assert look(video).stray == pytest.approx(16 / 64**2, rel=0.3)


def test_a_slanted_way_is_none_of_the_motions() -> None:
    steps = torch.linspace(0.2, 0.7, 17)
    assert classify(way(torch.stack([steps, steps], dim=-1))) == UNCLEAR


def test_to_and_fro_sideways_is_not_bouncing() -> None:
    swing = torch.linspace(0, 6.28, 17).sin() * 0.2 + 0.5
    level = torch.full((17,), 0.5)
    assert classify(way(torch.stack([swing, level], dim=-1))) == UNCLEAR
    assert classify(way(torch.stack([level, swing], dim=-1))) == "bouncing"


def test_other_layouts_are_refused() -> None:
    with pytest.raises(ValueError, match="side, side, 3"):
        look(torch.zeros(3, 17, 64, 64))


def _still(x: float) -> Subject:
    return Subject("red", "square", "small", "still", 0.085, x, 0.5, 0.4, 0.0)
