"""The `kinoray` command: what a person types becomes calls of the client, or the start of a service."""

from __future__ import annotations

import json
import math
import os
import sys
from base64 import b64encode
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import asdict, dataclass
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar

import anyio
import typer
from rich.console import Console

from app import __version__
from app.client import caching, models, show, warm
from app.client.calibrate import calibrate
from app.client.client import Kinoray
from app.client.errors import UNREACHABLE, KinorayClientError
from app.client.generate import Interrupted, generate
from app.client.options import CreateOptions, Priority
from app.client.records import Health, Video

T = TypeVar("T")

LOCAL_URL = "http://127.0.0.1:8000"
INTERRUPTED = 130  # the shell's code for Ctrl-C

app = typer.Typer(
    help="Self-hosted text-to-video.", no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False
)


class Sampler(str, Enum):
    """What may be asked for; the server says which its model has."""

    EULER = "euler"
    UNIPC = "unipc"
    DDIM = "ddim"


@dataclass(frozen=True, slots=True)
class Server:
    """Which service the commands talk to."""

    url: str
    api_key: str | None


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


def _talk(context: typer.Context, story: Callable[[Kinoray], Coroutine[Any, Any, T]]) -> T:
    """Run a story with a client; whatever goes wrong becomes one line and an exit code."""
    server: Server = context.obj

    async def run() -> T:
        async with Kinoray(server.url, server.api_key) as client:
            return await story(client)

    try:
        return anyio.run(run)
    except KinorayClientError as failure:
        _fail(_explain(failure), failure)
    except OSError as failure:
        _fail(f"{failure.filename or 'file'}: {failure.strerror or failure}", failure)
    except (Interrupted, KeyboardInterrupt) as stop:
        typer.echo(str(stop) or "Interrupted.", err=True)
        raise typer.Exit(INTERRUPTED) from stop


def _fail(line: str, cause: Exception) -> NoReturn:
    typer.echo(line, err=True)
    raise typer.Exit(1) from cause


def _explain(failure: KinorayClientError) -> str:
    if failure.code == UNREACHABLE and failure.status == 0:
        return f"{failure.message}; start one with `kinoray serve`"
    again = f" (try again in {failure.retry_after_s:.0f} s)" if failure.retry_after_s else ""
    return f"{failure.code}: {show.plain(failure.message)}{again}"


def _say_json(record: Any) -> None:
    typer.echo(json.dumps(record, indent=2, ensure_ascii=False))


app.add_typer(caching.commands(_talk, _say_json), name="cache")


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="Port to listen on.")] = None,
    config: Annotated[Path | None, typer.Option(exists=True, dir_okay=False, help="A serve_config.yaml.")] = None,
    state_dir: Annotated[Path | None, typer.Option(help="Folder for Redis data, artifacts and logs.")] = None,
    redis_url: Annotated[str | None, typer.Option(help="Redis to use; without one, Kinoray starts its own.")] = None,
) -> None:
    """Start a Kinoray on this machine."""
    chosen = {"HOST": host, "PORT": port, "STATE_DIR": state_dir, "REDIS_URL": redis_url}
    os.environ.update({f"KINORAY_{name}": str(value) for name, value in chosen.items() if value is not None})
    rest = ["--config", str(config)] if config else []
    os.execv(sys.executable, [sys.executable, "-m", "cluster.local", *rest])


def _finite(number: float | None) -> float | None:
    if number is not None and not math.isfinite(number):  # JSON has no word for it
        raise typer.BadParameter(f"{number} is not a number of seconds")
    return number


@app.command(name="generate")
def make(
    context: typer.Context,
    prompt: str,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="File to write; else named after the video.")] = None,
    tier: Annotated[str | None, typer.Option(help="auto, preview, standard, premium or ultra.")] = None,
    seed: Annotated[int | None, typer.Option(help="Same plan, same seed: same video.")] = None,
    seconds: Annotated[float | None, typer.Option(callback=_finite, help="Playing time.")] = None,
    size: Annotated[str | None, typer.Option(help="WIDTHxHEIGHT.")] = None,
    steps: Annotated[int | None, typer.Option(help="Length of the noise schedule, instead of the planner's.")] = None,
    budget: Annotated[int | None, typer.Option(help="How many of the steps run the denoiser.")] = None,
    sampler: Annotated[Sampler | None, typer.Option(help="How the noise is walked down.")] = None,
    priority: Annotated[Priority | None, typer.Option(help="A more urgent one pauses others.")] = None,
    deadline: Annotated[
        float | None, typer.Option(callback=_finite, metavar="SECONDS", help="Give it up when not done in that time.")
    ] = None,
    deterministic: Annotated[
        bool, typer.Option("--deterministic", help="The same bits each time, whatever else is made beside it.")
    ] = False,
    model: Annotated[str | None, typer.Option(help="Which model.")] = None,
    negative: Annotated[str | None, typer.Option(help="What the video should not show.")] = None,
    style: Annotated[str | None, typer.Option(help="The id of a style; see `kinoray styles`.")] = None,
    after: Annotated[
        list[str] | None, typer.Option(metavar="ID", help="A video to be completed first; may be given more than once.")
    ] = None,
    idempotency_key: Annotated[
        str | None, typer.Option(metavar="KEY", help="Your name for this request: again with it, the same video.")
    ] = None,
    image: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="A picture to begin with: PNG, JPEG or WebP.")
    ] = None,
    no_cache: Annotated[bool, typer.Option("--no-cache", help="Make it anew and keep nothing.")] = False,
) -> None:
    """Make a video from PROMPT. Ctrl-C cancels it on the server too."""
    if out is not None and (out.is_dir() or not out.absolute().parent.is_dir()):
        raise typer.BadParameter(f"{out} is not a file in an existing folder", param_hint="--out")
    options: CreateOptions = {
        "quality_tier": tier,
        "seed": seed,
        "seconds": seconds,
        "size": size,
        "num_inference_steps": steps,
        "budget": budget,
        "sampler": sampler.value if sampler else None,
        "priority": priority,
        "deadline_s": deadline,
        "deterministic": deterministic or None,
        "model": model,
        "negative_prompt": negative,
        "style": style,
        "after": after or None,
        "idempotency_key": idempotency_key,
        "input_reference": f"data:image/any;base64,{b64encode(image.read_bytes()).decode()}" if image else None,
        "cache": {"mode": "off"} if no_cache else None,
    }
    screen = Console(stderr=True)
    typer.echo(_talk(context, lambda client: generate(client, prompt, options, out, screen)))


@app.command()
def analyze(
    context: typer.Context,
    prompt: str,
    tier: Annotated[str, typer.Option(help="auto, preview, standard, premium or ultra.")] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="The server's answer as it is.")] = False,
) -> None:
    """Show the plan PROMPT would get, and why, without making anything."""
    answer = _talk(context, lambda client: client.analyze(prompt, tier))
    if as_json:
        _say_json(answer)
        return
    inner = answer.get("optimization")
    record = {**answer, **inner} if isinstance(inner, Mapping) else dict(answer)
    record.pop("optimization", None)
    console = Console()
    if record.get("factors"):
        console.print(show.factors(record))
    console.print(show.verdict(record))


@app.command()
def styles(
    context: typer.Context,
    prompt: Annotated[str | None, typer.Argument(metavar="[PROMPT]", help="Recommend some for it.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """List the styles for `generate --style`, or those that suit PROMPT."""
    if prompt is None:
        listed = _talk(context, lambda client: client.styles())
        records, table = [asdict(style) for style in listed], show.styles(listed)
    else:
        found = _talk(context, lambda client: client.recommend_styles(prompt))
        records, table = [asdict(each) for each in found], show.recommended(found)
    _say_json(records) if as_json else Console().print(table)


warm.add_to(app, _talk)
models.add_to(app, _say_json)


@app.command(name="list")
def list_videos(
    context: typer.Context,
    limit: Annotated[int, typer.Option(min=1, max=100, help="How many.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """List your videos, newest first."""
    page = _talk(context, lambda client: client.list(limit))
    if as_json:
        _say_json([_record(video) for video in page.videos])
        return
    Console().print(show.videos(page.videos))
    if page.has_more:
        typer.echo("There are more; see --limit.")


def _record(video: Video) -> dict[str, Any]:
    record = asdict(video)
    return record | dict(record.pop("extra"))


@app.command()
def status(
    context: typer.Context,
    video_id: Annotated[str | None, typer.Argument(metavar="[ID]", help="A video; without one, the service.")] = None,
) -> None:
    """Show how a video stands, or how the service is (exit code 1 when not well)."""
    console = Console()
    if video_id is not None:
        wanted = video_id
        console.print(show.video(_talk(context, lambda client: client.retrieve(wanted))))
        return
    health, stats = _talk(context, _service)
    console.print(show.health(health))
    if stats:
        console.print(show.facts(stats, "since the start"))
    if not health.ok:
        raise typer.Exit(1)


async def _service(client: Kinoray) -> tuple[Health, Mapping[str, Any]]:
    health = await client.health()
    return health, (await client.stats() if health.ok else {})


@app.command()
def rate(
    context: typer.Context,
    video_id: Annotated[str, typer.Argument(metavar="ID")],
    score: Annotated[int, typer.Argument(min=1, max=5, help="1 (bad) to 5 (good).")],
    reason: Annotated[
        list[str] | None,
        typer.Option(help="too_rough, wrong_motion, off_prompt, too_slow or good_enough; may be given more than once."),
    ] = None,
) -> None:
    """Say what you think of a video; budgets follow what people say."""
    said = _talk(context, lambda client: client.rate(video_id, score, reason or ()))
    typer.echo(f"Rated {video_id}: {said.get('score', score)} of 5.")


@app.command()
def cancel(context: typer.Context, video_id: Annotated[str, typer.Argument(metavar="ID")]) -> None:
    """Stop making a video; its record stays."""
    video = _talk(context, lambda client: client.cancel(video_id))
    done = video.error is not None and video.error.code == "cancelled"
    typer.echo(f"Cancelled {video.id}." if done else f"{video.id} had already ended: {video.status}.")


@app.command()
def delete(context: typer.Context, video_id: Annotated[str, typer.Argument(metavar="ID")]) -> None:
    """Stop a video if need be and forget it and its files."""
    _talk(context, lambda client: client.delete(video_id))
    typer.echo(f"Deleted {video_id}.")


app.command(add_help_option=False, context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(
    calibrate
)


@app.command()
def version() -> None:
    """Show the version, as `kinoray --version` does."""
    typer.echo(__version__)


def main() -> None:
    """Entry point of `kinoray`."""
    app()


if __name__ == "__main__":
    main()
