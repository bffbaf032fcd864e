"""The `kinoray` command: the tree of all commands; each does its work in a file of its own."""

from __future__ import annotations

from typing import Annotated

import typer

from app import __version__
from app.client import plan_commands, video_commands
from app.client.caching import caches
from app.client.calibrate import calibrate
from app.client.generate_command import generate_command
from app.client.models import models
from app.client.serve import serve
from app.client.session import LOCAL_URL, Server
from app.client.settings import settings
from app.client.warm import warm_command

app = typer.Typer(
    help="Self-hosted text-to-video.", no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False
)


def _say_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"kinoray {__version__}")
        raise typer.Exit


@app.callback()
def _choose(
    context: typer.Context,
    say_version: Annotated[
        bool, typer.Option("--version", callback=_say_version, is_eager=True, help="Show the version and leave.")
    ] = False,
    url: Annotated[str, typer.Option(envvar="KINORAY_URL", help="The service to talk to.")] = LOCAL_URL,
    api_key: Annotated[str | None, typer.Option(envvar="KINORAY_API_KEY", help="Your key, if it wants one.")] = None,
) -> None:
    context.obj = Server(url, api_key)


def version() -> None:
    """Show the version, as `kinoray --version` does."""
    typer.echo(__version__)


app.command()(serve)
app.command(name="generate")(generate_command)
app.command()(plan_commands.analyze)
app.command()(plan_commands.styles)
app.command(name="warm")(warm_command)
app.command(name="list")(video_commands.list_videos)
app.command()(video_commands.status)
app.command()(video_commands.rate)
app.command()(video_commands.cancel)
app.command()(video_commands.delete)
app.add_typer(caches, name="cache")
app.command()(models)
app.command()(settings)
app.add_typer(calibrate, name="calibrate")
app.command()(version)


def main() -> None:
    """Entry point of `kinoray`."""
    app()


if __name__ == "__main__":
    main()
