"""`kinoray story list|status|cancel|delete|retry|edit|download`: the commands about films that there are."""

from __future__ import annotations

import os
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from app.client.client import Kinoray
from app.client.global_options import everywhere
from app.client.records import JsonObject
from app.client.session import FAILED, MISUSED, AsJson, say_json, talk
from app.client.show import plain
from app.client.story_command import SceneNumber, Srt, Vtt, beside
from app.client.story_file import Pictures, StoryFileError
from app.client.story_group import stories as stories
from app.client.story_making import Wanted, watch, written
from app.client.story_show import list_table, story_lines, story_table
from app.client.words import TIERS, tiers
from app.client.writing import NoClobber, Out, is_stdout, target_named

StoryId = Annotated[str, typer.Argument(metavar="ID", help="A storyboard.")]
Number = Annotated[int, typer.Argument(metavar="N", min=1, help="A scene's number, from 1.")]
UNWATCHED = 160  # columns for a pipe or a file, which have no width


class StoryFiles(str, Enum):
    """The files of a film."""

    VIDEO = "video"
    THUMBNAIL = "thumbnail"
    SPRITESHEET = "spritesheet"
    AUDIO = "audio"
    SRT = "srt"
    VTT = "vtt"


ENDINGS = {
    StoryFiles.VIDEO: ".mp4",
    StoryFiles.THUMBNAIL: "-thumbnail.webp",
    StoryFiles.SPRITESHEET: "-spritesheet.jpg",
    StoryFiles.AUDIO: ".m4a",
    StoryFiles.SRT: ".srt",
    StoryFiles.VTT: ".vtt",
}


class TransitionWord(str, Enum):
    """How a scene begins."""

    CUT = "cut"
    CROSSFADE = "crossfade"
    FADE = "fade"


class FitWord(str, Enum):
    """What fills a scene that its narration is longer than."""

    HOLD = "hold"
    LOOP = "loop"
    SLOW = "slow"
    EXTEND = "extend"


@stories.command("list")
@everywhere
def list_stories(
    context: typer.Context,
    limit: Annotated[int, typer.Option(min=1, max=100, help="How many.")] = 20,
    after: Annotated[str | None, typer.Option(metavar="ID", help="Go on behind this one.")] = None,
    oldest: Annotated[bool, typer.Option("--oldest-first", help="Instead of the newest.")] = False,
    as_json: AsJson = False,
) -> None:
    """List your films, newest first."""
    page = talk(context, lambda client: client.storyboards(limit, after, "asc" if oldest else "desc"))
    found = page.storyboards
    say_json(list(found)) if as_json else _console().print(list_table(found))
    if page.has_more and found:
        typer.echo(f"There are more: the same with --after {plain(found[-1]['id'])}.", err=as_json)


@stories.command()
@everywhere
def status(
    context: typer.Context,
    story_id: StoryId,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="See it until it has ended; Ctrl-C leaves it.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show how a film stands, scene by scene."""

    async def run(client: Kinoray) -> JsonObject:
        story = await client.storyboard(story_id)
        if follow:
            await watch(client, story, None, Console(stderr=True))
            story = await client.storyboard(story_id)
        return story

    story = talk(context, run)
    say_json(story) if as_json else _show(story)
    if follow and story.get("status") != "completed":
        raise typer.Exit(FAILED)


@stories.command()
@everywhere
def cancel(context: typer.Context, story_id: StoryId, as_json: AsJson = False) -> None:
    """Stop making a film; its record and the scenes that are made stay."""
    story = talk(context, lambda client: client.cancel_storyboard(story_id))
    if as_json:
        say_json(story)
        return
    done = (story.get("error") or {}).get("code") == "cancelled"
    name = plain(story.get("id"))
    typer.echo(f"Cancelled {name}." if done else f"{name} had already ended: {plain(story.get('status'))}.")


@stories.command()
@everywhere
def delete(context: typer.Context, story_id: StoryId, as_json: AsJson = False) -> None:
    """Stop a film if need be, and forget it, its scenes and its files."""
    done = talk(context, lambda client: client.delete_storyboard(story_id))
    say_json({"id": story_id, "deleted": done}) if as_json else typer.echo(f"Deleted {plain(story_id)}.")


@stories.command()
@everywhere
def retry(context: typer.Context, story_id: StoryId, number: Number, as_json: AsJson = False) -> None:
    """Make a scene that failed once more, that one alone, and then the film."""
    story = talk(context, lambda client: client.retry_scene(story_id, number))
    say_json(story) if as_json else _changed(story, number)


@stories.command()
@everywhere
def edit(
    context: typer.Context,
    story_id: StoryId,
    number: Number,
    prompt: Annotated[str | None, typer.Option(help="What it is to show.")] = None,
    title: Annotated[str | None, typer.Option(help="Of its chapter.")] = None,
    narration: Annotated[str | None, typer.Option(help="What is said; empty: nothing.")] = None,
    caption: Annotated[str | None, typer.Option(help="What is shown as text; empty: the narration.")] = None,
    seconds: Annotated[float | None, typer.Option(min=0.01, help="Playing time.")] = None,
    image: Annotated[str | None, typer.Option(metavar="FILE|URL", help="A picture to begin with; empty: none.")] = None,
    style: Annotated[str | None, typer.Option(help="The id of a style; empty: the film's.")] = None,
    tier: Annotated[str | None, typer.Option(help=TIERS, autocompletion=tiers)] = None,
    seed: Annotated[int | None, typer.Option(help="Same plan, same seed: same video.")] = None,
    transition: Annotated[TransitionWord | None, typer.Option(help="How it begins.")] = None,
    fit: Annotated[FitWord | None, typer.Option(help="What fills it where its narration is longer.")] = None,
    revision: Annotated[int | None, typer.Option(min=1, help="Refuse where the film has another one by now.")] = None,
    as_json: AsJson = False,
) -> None:
    """Change a scene; what that changes is made again, and the film."""
    said: dict[str, object] = {
        "prompt": prompt,
        "title": title,
        "narration": narration,
        "caption": caption,
        "seconds": seconds,
        "image": _picture(image),
        "style": style,
        "tier": tier,
        "seed": seed,
        "transition": transition.value if transition else None,
        "fit": fit.value if fit else None,
    }
    change = {name: None if value == "" else value for name, value in said.items() if value is not None}
    if not change:
        raise typer.BadParameter("say what is to change, such as --prompt", param_hint="edit")
    story = talk(context, lambda client: client.change_scene(story_id, number, change, revision))
    say_json(story) if as_json else _changed(story, number)


@stories.command()
@everywhere
def download(
    context: typer.Context,
    story_id: StoryId,
    out: Out = None,
    variant: Annotated[StoryFiles, typer.Option(help="Which of its files.")] = StoryFiles.VIDEO,
    scene: SceneNumber = None,
    srt: Srt = False,
    vtt: Vtt = False,
    no_clobber: NoClobber = False,
    as_json: AsJson = False,
) -> None:
    """Write a film, or a scene of it that is made, to a file, by default one named after it."""
    name = story_id.replace("/", "_").lstrip(".") or "film"
    word = out or f"./{name}{'' if scene is None else f'-{scene}'}{ENDINGS[variant]}"
    target = target_named(word, no_clobber)
    wanted = Wanted(target, scene, beside(word, srt, vtt, no_clobber, scene))

    async def run(client: Kinoray) -> tuple[tuple[Path, ...], tuple[str, ...]]:
        if variant is not StoryFiles.VIDEO:
            return (await client.download_storyboard_to(story_id, target, variant.value, scene),), ()
        return await written(client, {"id": story_id}, wanted)

    paths, notes = talk(context, run)
    aside = is_stdout(target)
    if as_json:
        files = [str(path) for path in paths]
        say_json(
            {"id": story_id, "variant": variant.value, "scene": scene, "file": files[0], "files": files}, err=aside
        )
        return
    for line in (*map(str, paths), *notes):
        typer.echo(line, err=aside)


def _picture(said: str | None) -> str | None:
    """A data URL of a file, which was named on purpose; an address as it is."""
    if not said:
        return said
    try:
        return Pictures(Path(), outside=True).read(said)
    except StoryFileError as error:
        typer.echo(plain(error.message), err=True)
        raise typer.Exit(MISUSED) from error


def _changed(story: Mapping[str, Any], number: int) -> None:
    name, revision = plain(story.get("id")), plain(story.get("revision"))
    row = next((each for each in story.get("scenes") or () if each.get("number") == number), None) or {}
    typer.echo(
        f"{name} is {plain(story.get('phase'))}, revision {revision}; scene {number}: {plain(row.get('stage'))}."
    )
    typer.echo(f"See it with `kinoray story status {name} --follow`.", err=True)


def _show(story: Mapping[str, Any]) -> None:
    console = _console()
    for line in story_lines(story):
        console.print(line, soft_wrap=True, markup=False, highlight=False)
    console.print(story_table(story))


def _console() -> Console:
    console = Console()
    return Console(width=UNWATCHED) if not console.is_terminal and "COLUMNS" not in os.environ else console
