"""What `generate`, `remix` and `download` share: the file is looked at before any work, the last line names it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from app.client.client import Kinoray
from app.client.generate import Made, generate, outcome
from app.client.records import Video
from app.client.session import say_json, talk, video_json
from app.client.target import STDOUT, Target, check_folder

Out = Annotated[
    str | None,
    typer.Option("--out", "-o", metavar="FILE", help="File, device or pipe to write, - for standard output."),
]
NoClobber = Annotated[bool, typer.Option("--no-clobber", help="Refuse to write over a file that exists.")]
IdempotencyKey = Annotated[
    str | None, typer.Option(metavar="KEY", help="Your name for this request: again with it, the same video.")
]


def target_of(out: str | None, no_clobber: bool) -> Target | None:
    """Where to write, known to be writable; None: this folder, which is. Raises typer.BadParameter."""
    if out is not None:
        return target_named(out, no_clobber)
    try:
        check_folder(Path())
    except OSError as error:
        raise _refused(error, ".") from error
    return None


def target_named(word: str, no_clobber: bool) -> Target:
    """The same for a place that has a name."""
    target = Target.named(word, not no_clobber)
    try:
        target.check()
    except OSError as error:
        raise _refused(error, word) from error
    return target


def _refused(error: OSError, word: str) -> typer.BadParameter:
    return typer.BadParameter(f"{error.filename or word}: {error.strerror or error}", param_hint="--out")


def make(
    context: typer.Context, ask: Callable[[Kinoray], Awaitable[Video]], target: Target | None, as_json: bool
) -> None:
    """Have a video made, in sight of who asked, and say where it is."""
    screen = Console(stderr=True)
    made = talk(context, lambda client: generate(client, ask, target, screen))
    aside = is_stdout(target)
    if as_json:
        say_json(made_json(made), err=aside)
    else:
        typer.echo(outcome(made), err=aside)


def made_json(made: Made) -> dict[str, object]:
    """The video and its file, for programs."""
    return {**video_json(made.video), "file": str(made.path), "took_s": round(made.took_s, 3)}


def is_stdout(target: Target | None) -> bool:
    """Whether standard output is taken by the video, so that words about it go to standard error."""
    return target is not None and target.stream == STDOUT
