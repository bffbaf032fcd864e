"""`kinoray story FILM`, its plan, and `kinoray story draft`: files a person wrote come in, films and files go out."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Final, NoReturn, cast

import typer
from rich.console import Console

from app.client.client import Kinoray
from app.client.errors import KinorayClientError
from app.client.global_options import everywhere
from app.client.leaving import Leaving
from app.client.options import DraftOptions
from app.client.records import JsonObject
from app.client.session import MISUSED, AsJson, say_json, talk
from app.client.show import plain
from app.client.story_file import MOST_FILE_BYTES, StoryFile, StoryFileError, read_story
from app.client.story_group import MAKE, stories
from app.client.story_making import Told, Wanted, make_story, outcome
from app.client.story_show import plan_table, plan_totals
from app.client.story_writing import story_yaml
from app.client.target import Target
from app.client.writing import IdempotencyKey, NoClobber, Out, is_stdout, target_named, target_of

MOST_TEXT_BYTES: Final = 200_000
STDIN: Final = "-"
Film = Annotated[str, typer.Argument(metavar="FILM", help="A YAML file, or - for standard input; see docs/cli.md.")]
SceneNumber = Annotated[
    int | None, typer.Option(min=1, metavar="N", help="The clip of this scene alone, from 1, as soon as it is made.")
]
Srt = Annotated[bool, typer.Option("--srt", help="Write captions beside it too, as SubRip.")]
Vtt = Annotated[bool, typer.Option("--vtt", help="Write captions beside it too, as WebVTT.")]


@stories.command(MAKE)
@everywhere
def make(
    context: typer.Context,
    film: Film,
    out: Out = None,
    no_clobber: NoClobber = False,
    scene: SceneNumber = None,
    srt: Srt = False,
    vtt: Vtt = False,
    analyze: Annotated[
        bool, typer.Option("--analyze", help="Show what it would be and take, and make nothing.")
    ] = False,
    outside: Annotated[
        bool, typer.Option("--outside", help="Take pictures from outside the file's folder too.")
    ] = False,
    idempotency_key: IdempotencyKey = None,
    as_json: AsJson = False,
) -> None:
    """Make the film that FILM describes, each scene a job of its own.

    Ctrl-C asks on a terminal whether to cancel it or leave it running, and cancels it elsewhere; a second one leaves at
    once. SIGTERM cancels it.
    """
    story = _film(film, outside)
    if analyze:
        _analyze(context, film, story, as_json)
        return
    wanted = Wanted(target_of(out, no_clobber), scene, beside(out, srt, vtt, no_clobber, scene))
    screen, leaving = Console(stderr=True), Leaving(at_once=True)

    async def run(client: Kinoray) -> Told:
        return await make_story(client, _asking(film, story, idempotency_key), wanted, screen, leaving)

    told = talk(context, run, leaving)
    aside = is_stdout(wanted.target)
    if as_json:
        files = [str(path) for path in told.paths]
        say_json({**told.story, "file": files[0], "files": files, "took_s": round(told.took_s, 3)}, err=aside)
    else:
        typer.echo(outcome(told), err=aside)


def beside(
    out: str | None, srt: bool, vtt: bool, no_clobber: bool, scene: int | None
) -> tuple[tuple[str, Target], ...]:
    """Where captions go: to files named after the film. Raises typer.BadParameter."""
    wanted = [variant for variant, asked in (("srt", srt), ("vtt", vtt)) if asked]
    if not wanted:
        return ()
    hint = "--" + wanted[0]
    if scene is not None:
        raise typer.BadParameter("captions are of the whole film, not of a scene", param_hint=hint)
    if out is None:
        raise typer.BadParameter("say with --out how the film is called: captions go beside it", param_hint=hint)
    target = target_named(out, no_clobber)
    if target.stream is not None or (target.path.exists() and not target.place.is_file()):
        raise typer.BadParameter("there is nothing beside a stream, a pipe or a device", param_hint=hint)
    found = tuple((each, target_named(str(target.path.with_suffix(f".{each}")), no_clobber)) for each in wanted)
    if target.place in {each.place for _, each in found}:
        raise typer.BadParameter("the film has that name itself", param_hint=hint)
    return found


def _asking(film: str, story: StoryFile, key: str | None) -> Callable[[Kinoray], Awaitable[JsonObject]]:
    """Asks for the film; a refusal is told with the line that it is about."""

    async def ask(client: Kinoray) -> JsonObject:
        try:
            return await client.create_storyboard(story.body, key)
        except KinorayClientError as refused:
            raise _at_line(refused, film, story) from refused

    return ask


def _analyze(context: typer.Context, film: str, story: StoryFile, as_json: bool) -> None:
    async def ask(client: Kinoray) -> JsonObject:
        try:
            return await client.analyze_storyboard(story.body)
        except KinorayClientError as refused:
            raise _at_line(refused, film, story) from refused

    plan = talk(context, ask)
    if as_json:
        say_json(plan)
        return
    console = Console()
    console.print(plan_table(plan, story.body))
    for line in plan_totals(plan):
        console.print(line, soft_wrap=True, markup=False, highlight=False)


def _at_line(refused: KinorayClientError, film: str, story: StoryFile) -> KinorayClientError:
    line = story.line_of(refused.param)
    if line is None:
        return refused
    place = f"{film}, line {line}: {refused.message}"
    return KinorayClientError(refused.status, refused.code, place, refused.param, refused.retry_after_s)


def _film(word: str, outside: bool) -> StoryFile:
    """The film in a file, or one line and exit code 2."""
    text, folder = _text(word, MOST_FILE_BYTES), Path() if word == STDIN else Path(word).parent
    try:
        return read_story(text, folder, outside)
    except StoryFileError as error:
        _misused(f"{word}{', ' if error.line else ': '}{error}")


def _text(word: str, most_bytes: int) -> str:
    """A text file, or standard input, at most so large; else one line and exit code 2."""
    try:
        if word == STDIN:
            content = sys.stdin.buffer.read(most_bytes + 1)
        else:
            with Path(word).open("rb") as file:
                content = file.read(most_bytes + 1)
        if len(content) > most_bytes:
            _misused(f"{word}: it is larger than {most_bytes:,} bytes")
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        _misused(f"{word}: it is no UTF-8")
    except OSError as error:
        _misused(f"{word}: {error.strerror or error}")


def _misused(line: str) -> NoReturn:
    typer.echo(plain(line), err=True)
    raise typer.Exit(MISUSED)


@stories.command()
@everywhere
def draft(
    context: typer.Context,
    article: Annotated[str, typer.Argument(metavar="TEXT", help="A text file: plain, Markdown or HTML; - for stdin.")],
    scenes: Annotated[int | None, typer.Option(min=1, max=60, help="How many scenes; else as the text needs.")] = None,
    seconds: Annotated[float | None, typer.Option(min=1, help="About how long the film is to be.")] = None,
    scene_seconds: Annotated[float | None, typer.Option(min=1, max=60, help="About how long a scene is to be.")] = None,
    model: Annotated[str | None, typer.Option(help="The video model that it is for; else the server's.")] = None,
    language: Annotated[str | None, typer.Option(help="Of the text, such as en or pt-BR; else guessed.")] = None,
    title: Annotated[str | None, typer.Option(help="Of the film; else the text's own.")] = None,
    style: Annotated[str | None, typer.Option(help="The id of a style; see `kinoray styles`.")] = None,
    no_narration: Annotated[bool, typer.Option("--no-narration", help="Show the text as captions alone.")] = False,
    by_rules: Annotated[bool, typer.Option("--rules", help="Without the server's language model.")] = False,
    as_json: AsJson = False,
) -> None:
    """Write the scenes of TEXT to standard output, as the YAML that `kinoray story` reads; nothing is made."""
    text = _text(article, MOST_TEXT_BYTES)
    options: dict[str, object] = {
        "scenes": scenes,
        "seconds": seconds,
        "scene_seconds": scene_seconds,
        "model": model,
        "language": language,
        "title": title,
        "style": style,
        "narrate": False if no_narration else None,
        "by": "rules" if by_rules else None,
    }
    wished = cast(DraftOptions, options)
    found = talk(context, lambda client: client.draft_storyboard(text, **wished))
    if as_json:
        say_json(found)
        return
    notes = [str(note) for note in found.get("notes") or ()]
    for each in found.get("warnings") or ():
        typer.echo(f"Note on {plain(each.get('param'))}: {plain(each.get('message'))}", err=True)
    remarks = [
        f"Drafted by {'a language model' if found.get('by') == 'model' else 'rules'}; make it: kinoray story FILE"
    ]
    typer.echo(story_yaml(found.get("storyboard") or {}, [*remarks, *notes]), nl=False)
    for note in notes:
        typer.echo(plain(note), err=True)
