"""The `kinoray` command: the tree of all commands; each does its work in a file of its own."""

from __future__ import annotations

from collections.abc import Callable

import typer

from app import __version__
from app.client import plan_commands, story_verbs, video_commands
from app.client.bench_commands import bench, profile
from app.client.caching import caches
from app.client.calibrate import calibrate
from app.client.generate_command import generate_command, remix_command
from app.client.global_options import ApiKey, Server, Url, Version, everywhere
from app.client.health_command import health
from app.client.key_commands import keys
from app.client.listing import list_videos
from app.client.logs_command import logs
from app.client.lora_commands import loras
from app.client.models import models
from app.client.report_command import report
from app.client.serve import serve
from app.client.session import AsJson, say_json
from app.client.settings import settings
from app.client.simulate_commands import simulate
from app.client.simulate_faults import faults
from app.client.standing import status
from app.client.trace_commands import traces
from app.client.usage import usage
from app.client.voice_command import voices
from app.client.warm import warm_command

app = typer.Typer(help="Self-hosted text-to-video.", no_args_is_help=True, pretty_exceptions_enable=False)


@app.callback()
def _choose(context: typer.Context, say_version: Version = False, url: Url = None, api_key: ApiKey = None) -> None:
    context.obj = Server(url, api_key)


def version(as_json: AsJson = False) -> None:
    """Show the version, as `kinoray --version` does."""
    say_json({"version": __version__}) if as_json else typer.echo(__version__)


VERBS: dict[str, Callable[..., None]] = {
    "serve": serve,
    "generate": generate_command,
    "remix": remix_command,
    "download": video_commands.download,
    "analyze": plan_commands.analyze,
    "styles": plan_commands.styles,
    "warm": warm_command,
    "list": list_videos,
    "status": status,
    "health": health,
    "logs": logs,
    "report": report,
    "rate": video_commands.rate,
    "mark": video_commands.mark,
    "cancel": video_commands.cancel,
    "reprioritise": video_commands.reprioritise,
    "delete": video_commands.delete,
    "usage": usage,
    "profile": profile,
    "bench": bench,
    "models": models,
    "voices": voices,
    "settings": settings,
    "version": version,
}
for verb, command in VERBS.items():
    app.command(name=verb)(everywhere(command))
app.add_typer(caches, name="cache")
app.add_typer(keys, name="keys")
app.add_typer(calibrate, name="calibrate")
app.add_typer(loras, name="lora")
app.add_typer(story_verbs.stories, name="story")
simulate.command()(faults)
app.add_typer(simulate, name="simulate")
app.add_typer(traces, name="trace")


def main() -> None:
    """Entry point of `kinoray`, by which name it goes however it was called: completion goes by that."""
    app(prog_name="kinoray")


if __name__ == "__main__":
    main()
