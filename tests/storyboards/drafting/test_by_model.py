"""What a language model writes is taken line by line, or not at all."""

from __future__ import annotations

import pytest

from app.errors import ServiceUnavailable
from app.storyboards.drafting.by_model import Written, instruction, scenes_in
from app.storyboards.drafting.options import DraftOptions

GOOD = '{"title": "Dawn", "prompt": "a red  ball", "narration": "It dawns."}\n{"prompt": "a blue box"}'


def scenes(told: str, **options: int) -> tuple[Written, ...]:
    return scenes_in(told, DraftOptions(**options), 100, 200)  # type: ignore[arg-type]


@pytest.mark.parametrize("told", [GOOD, f"```json\n{GOOD}\n```", f"<think>Hm {{}}</think>\n\n{GOOD}\n"])
def test_json_lines_are_scenes(told: str) -> None:
    assert scenes(told) == (Written("a red ball", "It dawns.", "Dawn"), Written("a blue box"))


@pytest.mark.parametrize(
    ("told", "why"),
    [
        ("", "nothing"),
        ("Sure! Here are your scenes:\n" + GOOD, "line 1 .* not JSON"),
        (f"{GOOD}\n{{", "line 3 .* not JSON"),
        ("[" * 100_000, "not JSON"),
        ('["a"]', "no scene"),
        ('{"prompt": "a", "url": "x"}', "no scene"),
        ('{"narration": "a"}', "no scene"),
        ('{"prompt": 7}', "something else than text"),
        ('{"prompt": " . "}', "shows nothing"),
        ('{"prompt": "%s"}' % ("a" * 101), "too long"),
        ('{"prompt": "a", "narration": "%s"}' % ("a" * 201), "too long"),
        ('{"prompt": "a\\u202eb"}', "characters"),
        ('{"prompt": "a\\ud800b"}', "characters"),
        ("\n".join(['{"prompt": "a"}'] * 61), "too many"),
    ],
)
def test_anything_else_is_refused(told: str, why: str) -> None:
    with pytest.raises(ServiceUnavailable, match=why):
        scenes(told)


def test_another_number_than_was_wished_is_refused() -> None:
    assert len(scenes(GOOD, scenes=2)) == 2
    with pytest.raises(ServiceUnavailable, match="2 scenes instead of 3"):
        scenes(GOOD, scenes=3)


def test_the_instruction_says_what_is_wished() -> None:
    said = instruction(DraftOptions(scenes=4, seconds=30), "de", None)
    assert "exactly 4" in said
    assert "30 seconds" in said
    assert "language de" in said
