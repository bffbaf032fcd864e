import pytest
import torch
from torch import Tensor

from app.embedded.model import sigmas
from app.embedded.training.segments import Segments, crossings, neighbours, walked

SEGMENTS = Segments((1.0, 0.8, 0.4), (3, 2, 1), shift=12.0)
TEXT = torch.zeros(2, 48, 384)
GOAL = 0.5


def straight(latents: Tensor, level: float) -> Tensor:
    """The flow to one point: any number of steps gets there."""
    return (latents - GOAL) / level


def lots(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def noise() -> Tensor:
    return torch.randn(2, 4, 5, 4, 4, generator=lots(1))


def test_a_walk_goes_from_a_level_to_the_next_in_steps_that_are_even_before_the_shift() -> None:
    whole = Segments((1.0,), (5,), shift=12.0).walk(0)
    torch.testing.assert_close(torch.tensor(whole), sigmas(5, 12.0))
    assert [len(SEGMENTS.walk(place)) for place in range(3)] == [4, 3, 2]
    assert [(walk[0], walk[-1]) for walk in map(SEGMENTS.walk, range(3))] == [(1.0, 0.8), (0.8, 0.4), (0.4, 0.0)]


@pytest.mark.parametrize(
    ("levels", "strides"), [((0.9, 0.5), (1, 1)), ((1.0, 1.0), (1, 1)), ((1.0,), (1, 1)), ((1.0, 0.0), (1, 1))]
)
def test_levels_that_do_not_fall_from_one_are_refused(levels: tuple[float, ...], strides: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="levels"):
        Segments(levels, strides, 12.0)


def test_a_crossing_ends_where_the_teacher_does() -> None:
    found = crossings(SEGMENTS, straight, straight, noise(), TEXT, own=0.0, lots=lots())
    assert found.latents.shape == (6, 4, 5, 4, 4)
    assert found.levels.tolist() == pytest.approx([1.0, 1.0, 0.8, 0.8, 0.4, 0.4])
    expected = GOAL + (found.latents - GOAL) * (found.ends / found.levels).view(-1, 1, 1, 1, 1)
    torch.testing.assert_close(found.outs, expected)
    torch.testing.assert_close(found.latents[2:4], found.outs[:2])


def test_a_walk_of_the_students_own_goes_on_from_where_the_student_came_out() -> None:
    def astray(latents: Tensor, level: float) -> Tensor:
        return straight(latents, level) + 1.0

    found = crossings(SEGMENTS, straight, astray, noise(), TEXT, own=1.0, lots=lots())
    torch.testing.assert_close(found.latents[2:4], walked(astray, noise(), (1.0, 0.8)))
    torch.testing.assert_close(found.outs[:2], walked(straight, noise(), SEGMENTS.walk(0)))


def test_neighbours_end_where_the_average_goes_after_one_short_step() -> None:
    clean = torch.full((2, 4, 5, 4, 4), GOAL)
    found = neighbours(SEGMENTS, straight, straight, clean, TEXT, segment=1, place=0, lots=lots())
    expected = GOAL + (found.latents - GOAL) * (0.4 / 0.8)
    torch.testing.assert_close(found.outs, expected)
    last = neighbours(SEGMENTS, straight, straight, clean, TEXT, segment=2, place=0, lots=lots())
    torch.testing.assert_close(last.outs, clean)
