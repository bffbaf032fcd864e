"""An MP4 from a stranger comes in; whether its tables name more samples than it can hold goes out, before it is opened.

FFmpeg makes an entry of its index for each sample that a header counts, whether or not there are bytes for it: two
kilobytes can ask for gigabytes. So counts are read here first, wherever they stand outside of the media data (ISO/IEC
14496-12: `stsz`, `stz2` and `trun`). Uncompressed sound counts each moment as a sample, and is indexed by chunks.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Protocol

MOST_SAMPLES: Final = 1_000_000  # of all tracks together: hours of pictures
_COUNTS: Final = {b"stsz": 12, b"stz2": 12, b"trun": 8}  # how far behind its name a box has its count
_MEDIA: Final = b"mdat"
_COMPRESSED: Final = b"cmov"  # a header within a header, whose counts cannot be seen
_PCM: Final = frozenset({b"sowt", b"twos", b"lpcm", b"in24", b"in32", b"fl32", b"fl64", b"raw ", b"ulaw", b"alaw"})
_SOUND: Final = frozenset({b"soun", b"url ", b"alis"})  # what handlers in a track of sound may be for
_OF_AN_ENTRY: Final = 1000  # samples of uncompressed sound that FFmpeg indexes together, about


class Bytes(Protocol):
    """Bytes, or a file that is mapped."""

    def __len__(self) -> int: ...
    def __getitem__(self, part: slice, /) -> bytes: ...
    def find(self, sub: bytes, start: int, end: int, /) -> int: ...


def names_too_many(file: Bytes) -> bool:
    """Whether its headers count more samples than are read here, or than it has bytes, or hide how many."""
    most, total = min(MOST_SAMPLES, len(file)), 0
    for begin, end in _headers(file):
        if file.find(_COMPRESSED, begin, end) >= 0:
            return True
        for name, behind in _COUNTS.items():
            for at in _found(file, name, begin, end):
                total += _indexed(file, begin, end, at, _number(file, at + behind))
                if total > most:
                    return True
    return False


def _headers(file: Bytes) -> Iterator[tuple[int, int]]:
    """Begin and end of each box of the outermost ones that is no media data."""
    at, length = 0, len(file)
    while at + 8 <= length:
        size, name, head = _number(file, at), file[at + 4 : at + 8], 8
        if size == 1:
            size, head = int.from_bytes(file[at + 8 : at + 16], "big"), 16
        end = length if size == 0 else min(length, at + size)
        if size and size < head:
            yield at, length  # no box: whatever it is, all of it is looked at
            return
        if name != _MEDIA:
            yield at, end
        at = end


def _indexed(file: Bytes, begin: int, end: int, at: int, count: int) -> int:
    """Entries that FFmpeg makes of a table at that place: fewer, where its track is of uncompressed sound."""
    if count <= len(file) and count <= MOST_SAMPLES:
        return count
    track = _track(file, begin, end, at)
    if track is None:
        return count
    of_track = [list(_found(file, name, *track)) for name in (b"stsd", b"stts", b"stsc", b"stsz")]
    chunks = [*_found(file, b"stco", *track), *_found(file, b"co64", *track)]
    if any(len(each) != 1 for each in (*of_track, chunks)):
        return count
    stsd, stts, stsc, _ = (each[0] for each in of_track)
    said = {file[hdlr + 12 : hdlr + 16] for hdlr in _found(file, b"hdlr", *track)}
    sound = b"soun" in said and said <= _SOUND and file[stsd + 16 : stsd + 20] in _PCM
    if not sound or _number(file, stsd + 8) != 1 or (_number(file, stts + 8), _number(file, stts + 16)) != (1, 1):
        return count
    rows = min(_number(file, stsc + 8), (track[1] - stsc) // 12)
    longest = max((_number(file, stsc + 16 + 12 * row) for row in range(rows)), default=0)
    return min(_number(file, chunks[0] + 8), len(file)) * (1 + longest // _OF_AN_ENTRY)


def _track(file: Bytes, begin: int, end: int, at: int) -> tuple[int, int] | None:
    """Begin and end of the track, one right within the header that begins there, in which a place is."""
    box = begin + 8
    while box + 8 <= end:
        size = _number(file, box)
        if size < 8:
            return None
        if box <= at < min(end, box + size):
            return (box, min(end, box + size)) if file[box + 4 : box + 8] == b"trak" else None
        box += size
    return None


def _found(file: Bytes, name: bytes, begin: int, end: int) -> Iterator[int]:
    at = file.find(name, begin, end)
    while at >= 0:
        yield at
        at = file.find(name, at + 1, end)


def _number(file: Bytes, at: int) -> int:
    return int.from_bytes(file[at : at + 4], "big")
