"""Runs of packets, a finished sound track and cues come in; one MP4 goes out, its index in front, with chapters."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import av

from app.captions.cue import Cue
from app.captions.files import mov_text
from app.captions.language import iso_639_2
from app.types.storyboard import CaptionMode
from app.video.film.runs import Run, Stop, checked
from app.video.film.script import FilmScript

_MILLISECOND: Final = Fraction(1, 1000)
_STYLE: Final = b"""[Script Info]
ScriptType: v4.00+

[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour, SecondaryColour, OutlineColour, BackColour, Bold, Italic, Underline, \
StrikeOut, ScaleX, ScaleY, Spacing, Angle, BorderStyle, Outline, Shadow, Alignment, MarginL, MarginR, MarginV, Encoding
Style: Default,Sans,16,&Hffffff,&Hffffff,&H0,&H0,0,0,0,0,100,100,0,0,1,1,0,2,10,10,10,1

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
"""
"""FFmpeg makes a subtitle track's sample description of a style in the form of ASS."""

_Timed = tuple[Fraction, int, Any]
"""A packet with its time in seconds and the number of its track."""


def mux(script: FilmScript, runs: Sequence[Run], sound: Path | None, film: Path, stop: Stop) -> None:
    """Write the film: packets are taken over as they are, each frame 1 / fps long.

    Raises:
        Cancelled: `stop` said so, which is asked before each packet.
    """
    # bitexact: no time of day and no version in it, so that the same film has the same bytes.
    layout = {"movflags": "+faststart", "fflags": "bitexact"}
    with ExitStack() as files:
        container = files.enter_context(av.open(str(film), "w", format="mp4", options=layout))
        language = iso_639_2(script.language)
        container.metadata["title"] = _plain(script.title)
        container.set_chapters(chapters(script))
        tracks: list[Iterable[_Timed]] = [_pictures(script, runs, container, files)]
        if sound is not None:
            tracks.append(_sound(sound, container, files, language))
        if script.captions is CaptionMode.TRACK and script.cues:
            tracks.append(_captions(script, container, language))
        # In order of time, since what waits for its neighbours in other tracks is kept in memory.
        for _, _, packet in heapq.merge(*tracks, key=lambda timed: timed[:2]):
            checked(stop)
            container.mux_one(packet)


def chapters(script: FilmScript) -> list[dict[str, Any]]:
    """One a scene, from its beginning to that of the next."""
    starts = script.starts()
    return [
        {
            "id": number,
            "start": start,
            "end": end,
            "time_base": Fraction(1, script.fps),
            "metadata": {"title": _plain(scene.title) or f"Scene {number}"},
        }
        for number, (scene, start, end) in enumerate(
            zip(script.scenes, starts, (*starts[1:], script.frames), strict=True), start=1
        )
    ]


def cue_times(cues: Sequence[Cue], end_ms: int) -> Iterator[tuple[int, int, Cue]]:
    """From, to (milliseconds) and the cue, in order: none beyond the film's end, none over the next."""
    ordered = sorted(cues, key=lambda cue: (cue.start_s, cue.end_s))
    following = [*(round(cue.start_s * 1000) for cue in ordered[1:]), end_ms]
    for cue, after in zip(ordered, following, strict=True):
        start, end = max(0, round(cue.start_s * 1000)), min(round(cue.end_s * 1000), after, end_ms)
        if start < end:
            yield start, end, cue


def _pictures(script: FilmScript, runs: Sequence[Run], container: Any, files: ExitStack) -> Iterator[_Timed]:
    # A generator would make the track when it is first asked, after the file was begun: so make it here.
    first = files.enter_context(av.open(str(runs[0].path), "r", format="mp4"))
    stream = container.add_stream_from_template(first.streams.video[0])
    stream.time_base = Fraction(1, script.fps)
    return _picture_packets(stream, runs, stream.time_base)


def _picture_packets(stream: Any, runs: Sequence[Run], unit: Fraction) -> Iterator[_Timed]:
    number = 0
    for run in runs:
        with av.open(str(run.path), "r", format="mp4") as file:
            for count, packet in enumerate(file.demux(video=0)):
                if count == run.count or packet.dts is None:
                    break
                packet.stream, packet.time_base = stream, unit
                packet.pts = packet.dts = number
                packet.duration = 1
                yield number * unit, 0, packet
                number += 1


def _sound(sound: Path, container: Any, files: ExitStack, language: str) -> Iterator[_Timed]:
    file = files.enter_context(av.open(str(sound), "r", format="mp4"))
    stream = container.add_stream_from_template(file.streams.audio[0])
    stream.metadata["language"] = language
    return _sound_packets(file, stream)


def _sound_packets(file: Any, stream: Any) -> Iterator[_Timed]:
    for packet in file.demux(audio=0):
        if packet.dts is not None:
            packet.stream = stream
            # The encoder's delay lies before 0: an edit list takes it away again.
            yield max(packet.dts * packet.time_base, Fraction(0)), 1, packet


def _captions(script: FilmScript, container: Any, language: str) -> Iterator[_Timed]:
    stream = container.add_stream("mov_text")
    context = stream.codec_context
    context.subtitle_header = _STYLE
    stream.time_base = context.time_base = _MILLISECOND
    context.open()
    stream.metadata["language"] = language
    return _caption_packets(script, stream)


def _caption_packets(script: FilmScript, stream: Any) -> Iterator[_Timed]:
    end_ms = script.frames * 1000 // script.fps
    for start, end, cue in cue_times(script.cues, end_ms):
        packet: Any = av.Packet(mov_text(cue))  # the encoder would read markup in the text
        packet.stream, packet.time_base = stream, _MILLISECOND
        packet.pts = packet.dts = start
        packet.duration, packet.is_keyframe = end - start, True
        yield start * _MILLISECOND, 2, packet


def _plain(text: str) -> str:
    """On one line, without what no player can show."""
    return " ".join("".join(each if each.isprintable() else " " for each in text).split())
