"""Storyboards and their plans as the server tells them come in, tables for people go out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from rich import box
from rich.table import Table
from rich.text import Text

from app.client.show import PROMPT_CHARS, cut, plain, when
from app.client.story_making import warned
from app.client.story_progress import SceneRow, StoryTree

Record = Mapping[str, Any]


def plan_table(plan: Record, body: Record) -> Table:
    """A plan by scene: where it begins, how long it is, what it takes; with the titles of the body that was asked."""
    table = _table("scene", "title or prompt", "starts", "seconds", "said", "tier", "steps", "device s", "cost")
    asked = [each for each in body.get("scenes") or () if isinstance(each, Mapping)]
    for at, scene in enumerate(plan.get("scenes") or ()):
        title = asked[at].get("title") if at < len(asked) else None
        name = cut(plain(title or scene.get("prompt") or ""), PROMPT_CHARS)
        spoken = scene.get("narration_seconds")
        figures = (
            _s(scene.get("starts_at_seconds")),
            _s(scene.get("seconds")),
            "" if spoken is None else _s(spoken),
            scene.get("tier", ""),
            _steps(scene),
            _s(scene.get("estimated_device_seconds")),
            _money(scene.get("estimated_cost")),
        )
        table.add_row(*(Text(plain(each)) for each in (scene.get("number", at + 1), name, *figures)))
    return table


def plan_totals(plan: Record) -> tuple[str, ...]:
    """The sums, and what would not be as asked."""
    count = len(plan.get("scenes") or ())
    said = [
        f"{count} scene{'' if count == 1 else 's'}",
        f"{_s(plan.get('seconds'))} s of film at {plain(plan.get('size'))}, {plain(plan.get('fps'))} fps",
        f"{_s(plan.get('estimated_device_seconds'))} device-seconds",
    ]
    if plan.get("estimated_cost"):
        said.append(f"cost {_money(plan['estimated_cost'])}")
    return (f"{plain(plan.get('model'))}: {', '.join(said)}", *warned(plan))


def story_table(story: Record) -> Table:
    """A storyboard's scenes as they stand."""
    table = _table("scene", "title or prompt", "state", "starts", "seconds", "device s", "cost", "video")
    for scene in story.get("scenes") or ():
        row = SceneRow.of(scene)
        figures = (
            row.words(),
            _s(scene.get("starts_at_seconds")),
            _s(scene.get("duration_seconds")),
            _s(scene.get("device_seconds")),
            _money(scene.get("cost")),
            scene.get("video_id") or "",
        )
        table.add_row(*(Text(plain(each)) for each in (row.number, cut(row.title, PROMPT_CHARS), *figures)))
    return table


def story_lines(story: Record) -> tuple[str, ...]:
    """A storyboard in a few lines."""
    tree, usage = StoryTree.of(story), story.get("usage") or {}
    lines = [f"{plain(story.get('id'))}  {plain(story.get('title') or '')}".rstrip(), tree.words()]
    made = [f"revision {plain(story.get('revision'))}", f"{_s(usage.get('device_seconds'))} device-seconds"]
    if usage.get("cost"):
        made.append(f"cost {_money(usage['cost'])}")
    made += [f"{usage.get('generations', 0)} made", f"{usage.get('scenes_cached', 0)} scenes from the cache"]
    lines.append(", ".join(made))
    error = story.get("error")
    if isinstance(error, Mapping):
        where = f"scene {error.get('scene')}: " if error.get("scene") else ""
        lines.append(f"{where}{plain(error.get('code'))}: {plain(error.get('message'))}")
    return (*lines, *warned(story))


def list_table(found: Iterable[Record]) -> Table:
    """A list of storyboards."""
    table = _table("id", "state", "created", "scenes", "title")
    for story in found:
        scenes = [each for each in story.get("scenes") or () if isinstance(each, Mapping)]
        made = sum(each.get("stage") == "made" for each in scenes)
        state = f"{plain(story.get('phase'))} {story.get('progress', 0)}%"
        error = story.get("error")
        if story.get("status") in ("completed", "failed"):
            state = plain(story["status"])
        if isinstance(error, Mapping):
            state += f" ({plain(error.get('code'))})"
        title = plain(story.get("title") or (scenes[0].get("prompt") if scenes else "") or "")
        said = (
            story.get("id"),
            state,
            when(story.get("created_at")),
            f"{made}/{len(scenes)}",
            cut(title, PROMPT_CHARS),
        )
        table.add_row(*(Text(plain(each)) for each in said))
    return table


def _table(first: str, *more: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column(first, no_wrap=True, overflow="fold")
    for name in more:
        table.add_column(name)
    return table


def _steps(scene: Record) -> str:
    budget, steps = scene.get("budget"), scene.get("steps")
    return plain(steps) if budget in (None, steps) else f"{plain(budget)} of {plain(steps)}"


def _s(value: object) -> str:
    return f"{value:.1f}" if isinstance(value, (int, float)) else ""


def _money(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, (int, float)) and value else ""
