"""The script's narrations and music come in; the film's sound goes out as a file, or nothing where there is none."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

import av

from app.captions.language import iso_639_2
from app.errors import GenerationError
from app.video.film.clips import unreadable
from app.video.film.runs import Stop, checked
from app.video.film.script import FilmScript
from app.video.film.sound.aac import write_m4a
from app.video.film.sound.decode import pieces
from app.video.film.sound.limiter import limited_piece
from app.video.film.sound.loudness import LoudnessMeter
from app.video.film.sound.music import Bed, Span, ducking, file_bed, level, own_bed
from app.video.film.sound.overheard import overhear, sounding
from app.video.film.sound.samples import RATE, Samples, Sound

CEILING_DBTP: Final = -2.0
"""Before AAC, which may put a peak up to a decibel higher."""
_CLOSE_LU: Final = 0.3
_TRIES: Final = 4


def soundtrack(script: FilmScript, scratch: Path, path: Path, stop: Stop) -> bool:
    """Write the film's sound to `path`, exactly as long as its pictures (to a sample); False: it has none.

    With narration the whole is as loud as the script has it, else music and clips as their levels have it; no true peak
    is above -1 dBTP.

    Raises:
        GenerationError: `unreadable_speech` or `unreadable_clip`, naming the scene, or `unreadable_music`.
        Cancelled: `stop` said so.
    """
    speaking = any(scene.speech for scene in script.scenes)
    clips = sounding(script)
    if not speaking and script.music_level <= 0 and not clips:
        return False
    count = round(script.frames * RATE / script.fps)
    with closing(Samples(scratch / "mix.f32", count)) as mix:
        spoken = _speak(script, mix, stop)
        overhear(script, clips, mix, spoken, stop)
        if script.music_level > 0:
            _play(script, mix, spoken, scratch, stop)
        with closing(Samples(scratch / "mastered.f32", count)) as mastered:
            _master(mix, mastered, script.lufs if speaking else None, stop)
            write_m4a(path, _checked(mastered, stop), iso_639_2(script.language))
    return True


def _speak(script: FilmScript, mix: Samples, stop: Stop) -> list[Span]:
    """Put every narration in its place; where each is."""
    spans: list[Span] = []
    for number, (scene, start) in enumerate(zip(script.scenes, script.starts(), strict=True)):
        if scene.speech is None:
            continue
        begin = at = round((start + scene.speech_at) * RATE / script.fps)
        try:
            for piece in pieces(scene.speech):
                checked(stop)
                if at >= mix.count:
                    break
                mix.add(at, piece)
                at += len(piece)
        except (av.FFmpegError, OSError, ValueError) as error:
            raise unreadable(number, error, "speech") from error
        spans.append((begin, at))
    return sorted(spans)


def _play(script: FilmScript, mix: Samples, spoken: list[Span], scratch: Path, stop: Stop) -> None:
    """Put the music under it."""
    bed = _bed(script, scratch, mix.count)
    with closing(bed):
        level(bed, mix.count, min(1.0, script.music_level))
        gain = ducking(spoken, mix.count)
        for start, piece in mix.pieces():
            checked(stop)
            mix.write(start, piece + bed.read(start, len(piece)) * gain(start, len(piece)))


def _bed(script: FilmScript, scratch: Path, count: int) -> Bed:
    if script.music is None:
        return own_bed(scratch / "music.f32")
    try:
        return file_bed(script.music, scratch / "music.f32", count)
    except (av.FFmpegError, OSError, ValueError) as error:
        raise GenerationError(f"The music cannot be read: {error}", "music", "unreadable_music") from error


def _master(mix: Samples, mastered: Samples, lufs: float | None, stop: Stop) -> None:
    """The mix with its peaks limited, made as loud as it should be in spite of that; None: as loud as it is."""
    loud = _lufs(_checked(mix, stop)) if lufs is not None else -math.inf
    gain = 1.0 if lufs is None or math.isinf(loud) else _linear(lufs - loud)
    for _ in range(_TRIES):
        meter = LoudnessMeter()
        for start, piece in mix.pieces():
            checked(stop)
            sound = limited_piece(mix, start, len(piece), gain, _linear(CEILING_DBTP))
            mastered.write(start, sound)
            if lufs is not None:
                meter.take(sound)
        off = 0.0 if lufs is None or math.isinf(loud) else lufs - meter.lufs()
        if abs(off) <= _CLOSE_LU:
            break
        gain *= _linear(off)


def _checked(samples: Samples, stop: Stop) -> Iterator[Sound]:
    for _, piece in samples.pieces():
        checked(stop)
        yield piece


def _lufs(sounds: Iterator[Sound]) -> float:
    meter = LoudnessMeter()
    for sound in sounds:
        meter.take(sound)
    return meter.lufs()


def _linear(decibels: float) -> float:
    return float(10 ** (decibels / 20))
