"""The commands about one video that there is: download, rate, cancel, reprioritise, delete."""

from __future__ import annotations

from enum import Enum
from typing import Annotated

import typer

from app.client import show
from app.client.options import Priority
from app.client.session import AsJson, say_json, talk, video_json
from app.client.writing import NoClobber, Out, is_stdout, target_named

VideoId = Annotated[str, typer.Argument(metavar="ID")]


class Variant(str, Enum):
    """The files of a video; png and jpeg of a picture, which is a video of one frame; webp and gif of any; audio (AAC)
    and wav of one with sound; draft of a speculative one, from when it is told of."""

    VIDEO = "video"
    THUMBNAIL = "thumbnail"
    SPRITESHEET = "spritesheet"
    PNG = "png"
    JPEG = "jpeg"
    WEBP = "webp"
    GIF = "gif"
    AUDIO = "audio"
    WAV = "wav"
    DRAFT = "draft"


ENDINGS = {
    Variant.VIDEO: ".mp4",
    Variant.THUMBNAIL: "-thumbnail.webp",
    Variant.SPRITESHEET: "-spritesheet.jpg",
    Variant.PNG: ".png",
    Variant.JPEG: ".jpg",
    Variant.WEBP: ".webp",
    Variant.GIF: ".gif",
    Variant.AUDIO: ".m4a",
    Variant.WAV: ".wav",
    Variant.DRAFT: "-draft.mp4",
}


def download(
    context: typer.Context,
    video_id: VideoId,
    out: Out = None,
    variant: Annotated[Variant, typer.Option(help="Which of its files.")] = Variant.VIDEO,
    no_clobber: NoClobber = False,
    as_json: AsJson = False,
) -> None:
    """Write a completed video to a file, by default one named after it."""
    target = target_named(out or f"./{_file_name(video_id)}{ENDINGS[variant]}", no_clobber)

    path = str(talk(context, lambda client: client.download_to(video_id, target, variant.value)))
    aside = is_stdout(target)
    if as_json:
        say_json({"id": video_id, "variant": variant.value, "file": path}, err=aside)
    else:
        typer.echo(path, err=aside)


def _file_name(video_id: str) -> str:
    """The id as a name in this folder, whatever it is made of."""
    return video_id.replace("/", "_").lstrip(".") or "video"


def rate(
    context: typer.Context,
    video_id: VideoId,
    score: Annotated[int, typer.Argument(min=1, max=5, help="1 (bad) to 5 (good).")],
    reason: Annotated[
        list[str] | None,
        typer.Option(help="too_rough, wrong_motion, off_prompt, too_slow or good_enough; may be given more than once."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Say what you think of a video; budgets follow what people say."""
    said = talk(context, lambda client: client.rate(video_id, score, reason or ()))
    say_json(said) if as_json else typer.echo(f"Rated {video_id}: {said.get('score', score)} of 5.")


def mark(
    context: typer.Context,
    video_id: VideoId,
    favourite: Annotated[bool | None, typer.Option(help="Whether it is one of your favourites.")] = None,
    tag: Annotated[list[str] | None, typer.Option(help="Keep it by this tag; may be given more than once.")] = None,
    no_tags: Annotated[bool, typer.Option("--no-tags", help="Take all of its tags away.")] = False,
    as_json: AsJson = False,
) -> None:
    """Keep a video as a favourite, or by tags, which take the place of those that it has."""
    tags = tag if tag else [] if no_tags else None
    video = talk(context, lambda client: client.mark(video_id, favourite, tags))
    if as_json:
        say_json(video_json(video))
        return
    told = [*(["a favourite"] if video.favourite else []), *video.tags]
    typer.echo(f"{video.id}: {show.plain(', '.join(told)) or 'no marks'}.")


def cancel(context: typer.Context, video_id: VideoId, as_json: AsJson = False) -> None:
    """Stop making a video; its record stays."""
    video = talk(context, lambda client: client.cancel(video_id))
    if as_json:
        say_json(video_json(video))
        return
    done = video.error is not None and video.error.code == "cancelled"
    typer.echo(f"Cancelled {video.id}." if done else f"{video.id} had already ended: {video.status}.")


def reprioritise(
    context: typer.Context,
    video_id: VideoId,
    priority: Annotated[Priority, typer.Argument(help="From now on.")],
    as_json: AsJson = False,
) -> None:
    """Make a video that waits, or is being made, more or less urgent."""
    video = talk(context, lambda client: client.reprioritise(video_id, priority))
    say_json(video_json(video)) if as_json else typer.echo(f"{video.id} has priority {video.priority}.")


def delete(context: typer.Context, video_id: VideoId, as_json: AsJson = False) -> None:
    """Stop a video if need be and forget it and its files."""
    done = talk(context, lambda client: client.delete(video_id))
    say_json({"id": video_id, "deleted": done}) if as_json else typer.echo(f"Deleted {video_id}.")
