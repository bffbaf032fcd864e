"""`kinoray generate`: what a person types becomes the options of a request."""

from __future__ import annotations

import math
from base64 import b64encode
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from app.client.generate import generate
from app.client.options import CreateOptions, Priority
from app.client.session import talk


class Sampler(str, Enum):
    """What may be asked for; the server says which its model has."""

    EULER = "euler"
    UNIPC = "unipc"
    DDIM = "ddim"


def _finite(number: float | None) -> float | None:
    if number is not None and not math.isfinite(number):  # JSON has no word for it
        raise typer.BadParameter(f"{number} is not a number of seconds")
    return number


def generate_command(
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
    typer.echo(talk(context, lambda client: generate(client, prompt, options, out, screen)))
