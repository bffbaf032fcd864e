"""The first scene of a film is watchable first, and nobody else waits longer for that."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from app.line.dispatch import Pool, choose
from app.line.rules import Rules
from app.types import Job
from tests.line.make import job

RULES = Rules(max_batch=4, slots=2)


def scene(number: int, of: str, seconds: float, at: float = 1.0, **changed: object) -> Job:
    """A scene's job; its id says nothing of its place."""
    made = job(at, **changed)  # type: ignore[arg-type]
    plan = replace(made.plan, estimate=replace(made.plan.estimate, step_seconds=seconds))
    return replace(made, id=f"{of}-{number * 7 % 10}", plan=plan, wishes=replace(made.wishes, storyboard=(of, number)))


def starting(line: list[Job], free: int) -> list[tuple[str, int] | None]:
    return [one.wishes.storyboard for one in choose(line, [], {"main": Pool(free, 0, 1)}, 2.0, RULES).start]


@pytest.mark.parametrize("seed", range(5))
def test_scenes_start_in_the_order_of_the_story_whatever_their_length(seed: int) -> None:
    line = [scene(number, "film", 9.0 - number) for number in range(1, 8)]
    random.Random(seed).shuffle(line)
    assert starting(line, 3) == [("film", 1), ("film", 2), ("film", 3)]


def test_others_keep_their_places_in_the_line() -> None:
    others = [job(1), job(2)]
    line = [scene(1, "film", 8.0), others[0], scene(2, "film", 0.5), others[1]]
    plain = [replace(each, wishes=replace(each.wishes, storyboard=None)) for each in line]
    for free in range(1, 5):
        with_story = choose(line, [], {"main": Pool(free, 0, 1)}, 2.0, RULES).start
        without = choose(plain, [], {"main": Pool(free, 0, 1)}, 2.0, RULES).start
        assert [one.id for one in with_story if one in others] == [
            one.id for one in without if one.id in {each.id for each in others}
        ]


def test_scenes_of_two_stories_do_not_wait_for_each_other() -> None:
    line = [scene(2, "short", 0.5), scene(1, "short", 0.6), scene(1, "long", 9.0), scene(2, "long", 8.0)]
    assert [of for of, _ in filter(None, starting(line, 4))] == ["short", "short", "long", "long"]
