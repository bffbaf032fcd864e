"""A person sees where every scene of a film stands."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from app.client.records import VideoEvent
from app.client.story_progress import SceneRow, StoryLines, StoryTree, shown_rows, story_screen, tree_table


def scene(number: int, stage: str = "waiting", **more: Any) -> dict[str, Any]:
    return {"number": number, "title": f"Scene {number}", "prompt": "a", "stage": stage, **more}


def snapshot(*scenes: dict[str, Any], **more: Any) -> VideoEvent:
    told = {"title": "Film", "status": "in_progress", "phase": "making", "progress": 10, "scenes": list(scenes)}
    return VideoEvent("1", "snapshot", {**told, **more})


def changed(**more: Any) -> VideoEvent:
    return VideoEvent("2", "scene", {"scene": scene(2, **more), "progress": 40, "eta_seconds": 120.0})


BEGUN = StoryTree().after(snapshot(scene(1, "made", cached=True), scene(2), scene(3)))


def test_the_tree_follows_the_events() -> None:
    tree = BEGUN.after(changed(stage="denoising", step=5, steps=25, eta_seconds=9.4))
    assert tree.words() == "making, 1 of 3 scenes made, 40%, about 2 min to go"
    assert [row.words() for row in tree.scenes] == [
        "made, from the cache", "denoising, step 5 of 25, about 9 s to go", "waiting"
    ]  # fmt: skip
    assembling = tree.after(VideoEvent("3", "story", {"phase": "assembling", "status": "in_progress", "progress": 95}))
    assert assembling.words() == "assembling, 1 of 3 scenes made, 95%"
    ended = assembling.after(VideoEvent("4", "end", {"status": "failed", "error": {"code": "x"}}))
    assert (ended.phase, ended.status, ended.scene(2) == tree.scene(2)) == ("failed", "failed", True)


def test_what_a_newer_server_tells_changes_nothing() -> None:
    assert BEGUN.after(VideoEvent("9", "weather", {"scene": 7})) == BEGUN
    assert BEGUN.after(VideoEvent("9", "scene", {"scene": None})).scenes == BEGUN.scenes


def test_a_failed_scene_says_why_and_cannot_steer_the_terminal() -> None:
    row = SceneRow.of(scene(1, "failed", error={"code": "x", "message": "It \x1b[31mbroke."}))
    assert row.words() == "failed, It  [31mbroke."


def test_elsewhere_than_on_a_terminal_a_line_tells_of_each_stage_once() -> None:
    out = io.StringIO()
    lines = StoryLines(Console(file=out, width=200))
    tree = BEGUN
    for event in (changed(stage="speaking"), changed(stage="denoising", step=1, steps=9), changed(stage="made")):
        lines.see(tree)
        tree = tree.after(event)
        lines.see(tree)
    lines.see(tree.after(VideoEvent("3", "story", {"phase": "assembling", "progress": 95})))
    assert out.getvalue().splitlines() == [
        "scene 1 (Scene 1): made, from the cache",
        "making, 1 of 3 scenes made, 10%",
        "scene 2 (Scene 2): speaking",
        "scene 2 (Scene 2): denoising, step 1 of 9",
        "scene 2 (Scene 2): made",
        "assembling, 2 of 3 scenes made, 95%",
    ]


def test_on_a_terminal_bars_stand_below_the_storys_own() -> None:
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=120, height=20)
    with story_screen(console) as screen:
        screen.see(BEGUN.after(changed(stage="denoising", step=5, steps=25)))
    shown = out.getvalue()
    assert "Film" in shown
    assert "├─ 2 Scene 2" in shown
    assert "└─ 3 Scene 3" in shown
    assert "step 5 of 25" in shown


@pytest.mark.parametrize(
    ("stages", "most", "numbers"),
    [
        (["made", "denoising", "waiting"], 9, [1, 2, 3]),
        (["made", "made", "waiting", "denoising", "failed", "waiting"], 3, [3, 4, 5]),
        (["waiting"] * 60, 5, [1, 2, 3, 4, 5]),
        (["made"] * 60, 0, [1]),
    ],
)
def test_of_many_scenes_those_under_way_are_shown(stages: list[str], most: int, numbers: list[int]) -> None:
    rows = tuple(SceneRow(number, stage=stage) for number, stage in enumerate(stages, 1))
    assert [row.number for row in shown_rows(rows, most)] == numbers


def test_the_tree_is_no_higher_than_the_terminal() -> None:
    tree = StoryTree(scenes=tuple(SceneRow(number, f"a very long title {number} " * 9) for number in range(1, 61)))
    console = Console(file=io.StringIO(), width=80, height=24, force_terminal=True)
    lines = console.render_lines(tree_table(tree, console.height - 3))
    assert len(lines) <= console.height - 1
