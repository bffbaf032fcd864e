"""The process in which espeak-ng speaks one text: an order on standard input, the answer on standard output.

It is started by path, without Kinoray's packages, and ends after one order: the library keeps state from text to text,
which would let the bits of one depend on the one before it, and what crashes or hangs it harms nobody else.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import sys
from typing import Any

ONCE_READY, RETRIEVAL, NO_EXIT, UTF8, BY_CHARACTER = 0, 1, 0x8000, 1, 1
RATE, IPA, WORD = 1, 0x02, 1
MEMORY_BYTES = 1 << 30
CLAUSES = 20_000  # a text has fewer


class Event(ctypes.Structure):
    """`espeak_EVENT` of speak_lib.h; the last field is a union as large as a pointer."""

    _fields_ = [
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),  # in characters, from 1
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),  # in milliseconds
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", ctypes.c_uint64),
    ]


Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.POINTER(Event))


def opened(path: str, data: str) -> tuple[Any, int]:
    """The library and its sample rate."""
    library = ctypes.CDLL(path)
    library.espeak_Initialize.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_char_p, ctypes.c_int]
    library.espeak_SetVoiceByName.argtypes = [ctypes.c_char_p]
    library.espeak_SetParameter.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_int]
    library.espeak_Synth.argtypes = [
        *(ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint, ctypes.c_int, ctypes.c_uint, ctypes.c_uint),
        *(ctypes.c_void_p, ctypes.c_void_p),
    ]
    library.espeak_TextToPhonemes.argtypes = [ctypes.POINTER(ctypes.c_char_p), ctypes.c_int, ctypes.c_int]
    library.espeak_TextToPhonemes.restype = ctypes.c_char_p
    rate = library.espeak_Initialize(RETRIEVAL, ONCE_READY, data.encode(), NO_EXIT)
    if rate <= 0:
        raise SystemExit(f"espeak-ng does not start: {rate}")
    return library, rate


def spoken(library: Any, rate: int, order: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    """The text as 16-bit samples, with the place and time of each word; `longer`: it was broken off."""
    sound = bytearray()
    words: list[tuple[int, float]] = []
    most = int(order["longest_s"] * rate) * 2
    longer = False

    def heard(samples: int | None, count: int, events: Any) -> int:
        nonlocal longer
        if samples and count > 0:
            sound.extend(ctypes.string_at(samples, count * 2))
        at = 0
        while events[at].type:
            if events[at].type == WORD:
                words.append((events[at].text_position - 1, events[at].audio_position / 1000))
            at += 1
        longer = longer or len(sound) > most
        return int(longer)

    callback = Callback(heard)
    library.espeak_SetSynthCallback(callback)
    library.espeak_SetParameter(RATE, order["words_a_minute"], 0)
    text = order["text"].encode() + b"\0"
    failed = library.espeak_Synth(text, len(text), 0, BY_CHARACTER, 0, UTF8, None, None)
    library.espeak_Synchronize()
    if failed:
        raise SystemExit(f"espeak-ng does not speak: {failed}")
    return {"rate": rate, "words": words, "longer": longer}, bytes(sound)


def phonemes(library: Any, text: str) -> str:
    """The text in the International Phonetic Alphabet, a clause a line."""
    rest = ctypes.c_char_p(text.encode())
    clauses: list[bytes] = []
    while rest.value and len(clauses) < CLAUSES:
        clauses.append(library.espeak_TextToPhonemes(ctypes.byref(rest), UTF8, IPA) or b"")
    return b"\n".join(clauses).decode(errors="replace")


def main() -> None:
    """Arguments: the library, its data, and the seconds of processor time that it may take."""
    path, data, cpu_s = sys.argv[1], sys.argv[2], int(sys.argv[3])
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))  # a crash may be somebody's way in: it writes no file
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s))
    if sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what the library prints is no answer
    order = json.load(sys.stdin)
    library, rate = opened(path, data)
    if library.espeak_SetVoiceByName(order["voice"].encode()):
        raise SystemExit(f"espeak-ng has no voice {order['voice']!r}")
    if "texts" in order:
        said, sound = {"phonemes": [phonemes(library, text) for text in order["texts"]]}, b""
    else:
        said, sound = spoken(library, rate, order)
    answers.write(json.dumps(said).encode() + b"\n" + sound)
    answers.close()


if __name__ == "__main__":
    main()
