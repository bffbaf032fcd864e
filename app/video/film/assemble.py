"""A film's script comes in, its files go out: the whole way, in one pass over the frames, on the calling thread."""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import av

from app.captions.files import srt, vtt
from app.errors import GenerationError
from app.video.film.burn import Burner
from app.video.film.clips import measured
from app.video.film.cutting import check, order, segments
from app.video.film.mux import mux
from app.video.film.pictures import even, film_pictures
from app.video.film.previews import Previews
from app.video.film.runs import Stop, draw_runs, header_of
from app.video.film.script import FilmFiles, FilmScript
from app.video.film.sound.soundtrack import soundtrack


def assemble(script: FilmScript, folder: Path, stop: Stop = lambda: False) -> FilmFiles:
    """Put a film together in `folder`; what is written on the way lies there, too, and goes.

    H.264 and AAC in an MP4 with its index in front. Every frame lasts 1 / fps, whatever rates the clips have. Where the
    film shows a clip of its own size and rate from the beginning, unchanged, it has that clip's packets; all else is
    drawn and encoded as `app.video.encode` does. A few frames are in memory at a time, however long the film. The same
    script gives the same bytes with the same FFmpeg, deterministic or not.

    Raises:
        GenerationError: `unusable_film`, `unreadable_clip` or `unreadable_speech` (they name the scene, in `param`
            from 0 as `scenes[0]`), `unreadable_music`, `encoding_failed`.
        Cancelled: `stop`, asked before each frame and each second of sound, has said so.
    """
    began = time.monotonic()
    check(script)
    with TemporaryDirectory(dir=folder, prefix="assembling_") as scratch:
        try:
            return _assemble(script, folder, Path(scratch), stop, began)
        except (av.FFmpegError, OSError, ValueError) as error:
            raise GenerationError(f"The film could not be written: {error}", code="encoding_failed") from error


def _assemble(script: FilmScript, folder: Path, scratch: Path, stop: Stop, began: float) -> FilmFiles:
    # 1. What there is: times and parameters of every clip, none decoded yet.
    clips = [[measured(path, number) for path in scene.clips] for number, scene in enumerate(script.scenes)]
    orders = [order(own, scene.frames, script.fps, scene.fit) for own, scene in zip(clips, script.scenes, strict=True)]
    # 2. What is taken over, and what is drawn.
    cut = segments(script, clips, orders, header_of(even(script.width), even(script.height), script.fps))
    # 3. The sound, which is short work, and may be unusable.
    audio = folder / "audio.m4a"
    sounding = soundtrack(script, scratch, audio, stop)
    # 4. All pictures once: those to be drawn are encoded, those for the previews kept, the others only looked at.
    previews = Previews(script.frames, script.width, script.height)
    with closing(film_pictures(script, clips, orders)) as frames:
        runs = draw_runs(script, frames, cut, Burner(script), previews, scratch, stop)
    # 5. The files.
    files = FilmFiles(
        video=folder / "film.mp4",
        thumbnail=folder / "thumbnail.webp",
        spritesheet=folder / "spritesheet.jpg",
        audio=audio if sounding else None,
        srt=folder / "captions.srt" if script.cues else None,
        vtt=folder / "captions.vtt" if script.cues else None,
        frames=script.frames,
        took_s=0.0,
    )
    mux(script, runs, files.audio, files.video, stop)
    previews.save(files.thumbnail, files.spritesheet)
    if files.srt and files.vtt:
        files.srt.write_text(srt(script.cues), "utf-8")
        files.vtt.write_text(vtt(script.cues, script.language), "utf-8")
    return replace(files, took_s=time.monotonic() - began)
