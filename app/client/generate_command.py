"""`kinoray generate` and `remix`: what a person types becomes the options of a request."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Mapping, Sequence
from enum import Enum
from typing import Annotated, cast

import typer

from app.client.begin_with import Input, begun_with, input_of, picture_of
from app.client.client import Kinoray
from app.client.options import CreateOptions, Priority
from app.client.records import Video
from app.client.session import AsJson
from app.client.words import TIERS, tiers
from app.client.writing import IdempotencyKey, NoClobber, Out, make, target_of


class Interpolate(str, Enum):
    """How frames come about between those that the model makes."""

    OFF = "off"
    FLOW = "flow"
    MODEL = "model"


class Subject(str, Enum):
    """What is looked for in a picture."""

    PERSON = "person"
    FOREGROUND = "foreground"


class Crop(str, Enum):
    """What of a picture is shown."""

    SUBJECT = "subject"
    COVER = "cover"
    CONTAIN = "contain"


class Sampler(str, Enum):
    """What may be asked for; the server says which its model has."""

    EULER = "euler"
    UNIPC = "unipc"
    UNIPC_FORCING = "unipc_forcing"
    DDIM = "ddim"


def _finite(number: float | None) -> float | None:
    if number is not None and not math.isfinite(number):  # JSON has no word for it
        raise typer.BadParameter(f"{number} is not a number of seconds")
    return number


def generate_command(
    context: typer.Context,
    prompt: str,
    out: Out = None,
    no_clobber: NoClobber = False,
    tier: Annotated[str | None, typer.Option(help=TIERS, autocompletion=tiers)] = None,
    seed: Annotated[int | None, typer.Option(help="Same plan, same seed: same video.")] = None,
    seconds: Annotated[float | None, typer.Option(callback=_finite, help="Playing time.")] = None,
    size: Annotated[str | None, typer.Option(metavar="WIDTHxHEIGHT", help="In pixels.")] = None,
    fps: Annotated[int | None, typer.Option(min=1, help="Frames a second.")] = None,
    interpolate: Annotated[
        Interpolate | None, typer.Option(help="Frames between those the model makes; flow where --fps asks for more.")
    ] = None,
    upscale: Annotated[int | None, typer.Option(min=1, max=4, help="Enlarge the pictures 2 or 4 times.")] = None,
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
    speculative: Annotated[
        bool, typer.Option("--speculative", help="Have a draft of few evaluations first, and go on from it.")
    ] = False,
    audio: Annotated[
        bool | None, typer.Option("--audio/--no-audio", help="With sound or not at all; without that of the model.")
    ] = None,
    model: Annotated[str | None, typer.Option(help="Which model.")] = None,
    negative: Annotated[str | None, typer.Option(help="What the video should not show.")] = None,
    style: Annotated[str | None, typer.Option(help="The id of a style; see `kinoray styles`.")] = None,
    after: Annotated[
        list[str] | None, typer.Option(metavar="ID", help="A video to be completed first; may be given more than once.")
    ] = None,
    idempotency_key: IdempotencyKey = None,
    image: Annotated[
        str | None,
        typer.Option(metavar="FILE|URL", help="A picture to begin with: a PNG, JPEG or WebP, or its http address."),
    ] = None,
    first: Annotated[
        str | None, typer.Option(metavar="FILE|URL", help="A picture to begin with, beside --last and --reference.")
    ] = None,
    last: Annotated[str | None, typer.Option(metavar="FILE|URL", help="A picture to end with.")] = None,
    reference: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FILE|URL[@FRAME]",
            help="A picture of what is to be seen, or to stand at a frame; may be given more than once.",
        ),
    ] = None,
    control: Annotated[str | None, typer.Option(metavar="FILE|URL", help="A video to move like.")] = None,
    mask: Annotated[
        str | None, typer.Option(metavar="FILE|URL", help="Of --control: white where the video is made anew.")
    ] = None,
    subject: Annotated[
        Subject | None, typer.Option(help="Of --image: what has to be in it, for --background and --crop.")
    ] = None,
    background: Annotated[
        str | None, typer.Option(metavar="keep|remove|blur|#RRGGBB", help="Of --image: what becomes of its ground.")
    ] = None,
    crop: Annotated[Crop | None, typer.Option(help="Of --image: what of it is shown.")] = None,
    lora: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME[:STRENGTH]", help="An adapter of the model; may be given more than once."),
    ] = None,
    enhance: Annotated[bool, typer.Option("--enhance", help="Have the prompt expanded.")] = False,
    allow_degrade: Annotated[
        bool, typer.Option("--allow-degrade", help="With --deadline: rather a lower tier than a late video.")
    ] = False,
    no_cache: Annotated[bool, typer.Option("--no-cache", help="Make it anew and keep nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Make a video from PROMPT. Ctrl-C, or ending the command in another way, cancels it on the server too."""
    target = target_of(out, no_clobber)
    inputs = _inputs(image, {"first": first, "last": last, "control": control, "mask": mask}, reference or ())
    image = None if inputs else image  # the API takes one list, or the short form
    adapters, picture = [_adapter(each) for each in lora or ()], None if image is None else picture_of(image)
    options: dict[str, object] = {
        "quality_tier": tier,
        "seed": seed,
        "seconds": seconds,
        "size": size,
        "fps": fps,
        "interpolate": interpolate.value if interpolate else None,
        "upscale": upscale,
        "num_inference_steps": steps,
        "budget": budget,
        "sampler": sampler.value if sampler else None,
        "priority": priority,
        "deadline_s": deadline,
        "deterministic": deterministic or None,
        "speculative": speculative or None,
        "audio": audio,
        "model": model,
        "negative_prompt": negative,
        "style": style,
        "after": after or None,
        "idempotency_key": idempotency_key,
        "prepare": _prepare(subject, background, crop),
        "loras": adapters or None,
        "enhance": enhance or None,
        "allow_degrade": allow_degrade or None,
        "cache": {"mode": "off"} if no_cache else None,
    }
    asked = cast(CreateOptions, options)
    make(context, lambda client: begun_with(client, picture, prompt, asked, inputs), target, as_json)


def remix_command(
    context: typer.Context,
    video_id: Annotated[str, typer.Argument(metavar="ID", help="The video to make another one like.")],
    prompt: str,
    out: Out = None,
    no_clobber: NoClobber = False,
    seed: Annotated[int | None, typer.Option(help="Another one than the earlier video's; -1: a fresh one.")] = None,
    priority: Annotated[Priority | None, typer.Option(help="A more urgent one pauses others.")] = None,
    idempotency_key: IdempotencyKey = None,
    as_json: AsJson = False,
) -> None:
    """Make a video like an earlier one (model, shape, tier, style, seed, pictures, LoRAs) from another PROMPT."""
    target = target_of(out, no_clobber)

    def asked(client: Kinoray) -> Awaitable[Video]:
        return client.remix(video_id, prompt, idempotency_key, seed=seed, priority=priority)

    make(context, asked, target, as_json)


def _adapter(said: str) -> dict[str, object]:
    """NAME or NAME:STRENGTH as the API's `{name, strength}`."""
    name, colon, strength = said.rpartition(":")
    if not colon:
        return {"name": said, "strength": 1.0}
    try:
        number = float(strength)
    except ValueError:
        number = math.nan
    if not name or not math.isfinite(number):
        raise typer.BadParameter(f"{said!r} is not NAME or NAME:STRENGTH, such as film:0.8", param_hint="--lora")
    return {"name": name, "strength": number}


def _inputs(image: str | None, named: Mapping[str, str | None], references: Sequence[str]) -> list[Input]:
    """All pictures and videos, where there are more than the one of --image. Raises typer.BadParameter."""
    if image is not None and named["first"] is not None:
        raise typer.BadParameter("it says what --image says", param_hint="--first")
    inputs = [input_of(role, said, f"--{role}") for role, said in named.items() if said is not None]
    inputs += [input_of("reference", said, "--reference") for said in references]
    return [input_of("first", image, "--image"), *inputs] if image is not None and inputs else inputs


def _prepare(subject: Subject | None, background: str | None, crop: Crop | None) -> dict[str, str] | None:
    wished = {
        "subject": subject.value if subject else None,
        "background": background,
        "crop": crop.value if crop else None,
    }
    return {name: value for name, value in wished.items() if value is not None} or None
