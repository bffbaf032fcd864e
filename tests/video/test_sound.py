from __future__ import annotations

import io
import wave
from fractions import Fraction

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from app.errors import GenerationError
from app.types.waveform import Waveform
from app.video.encode import Frames, encode
from app.video.finish import finish
from app.video.sound import joined, m4a, resampled, sound_of, wav

FPS = 8


def tone(seconds: float, rate: int = 24000, channels: int = 2, hertz: float = 440.0) -> Waveform:
    """One of a frequency, on the right an octave higher."""
    at = np.arange(round(seconds * rate)) / rate
    sides = [0.5 * np.sin(2 * np.pi * hertz * (side + 1) * at) for side in range(channels)]
    return Waveform(np.stack(sides).astype(np.float32), rate)


def ends_of(mp4: bytes) -> tuple[Fraction, Fraction]:
    """When the pictures and the sound end, in seconds, as their packets say."""
    ends = []
    with av.open(io.BytesIO(mp4)) as file:
        for stream in (*file.streams.video, *file.streams.audio):
            ends.append(stream.start_time * stream.time_base + stream.duration * stream.time_base)
    return ends[0], ends[1]


def likeness(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1])


@pytest.mark.parametrize("rate", [16000, 24000, 48000, 22000])
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("lasts_s", [1.0, 17 / FPS, 3.0])
def test_pictures_and_sound_of_an_mp4_end_together(rolling: Frames, rate: int, channels: int, lasts_s: float) -> None:
    mp4 = encode(rolling, FPS, tone(lasts_s, rate, channels))
    pictures_s, sound_s = ends_of(mp4)
    assert pictures_s == Fraction(17, FPS)
    assert abs(sound_s - pictures_s) < Fraction(1, FPS) / 100
    heard = sound_of(mp4)
    assert heard is not None
    assert heard.samples.shape == (channels, round(17 / FPS * heard.rate))


def test_what_is_heard_of_the_file_is_what_was_made_and_at_its_time(rolling: Frames) -> None:
    made = tone(17 / FPS)
    heard = sound_of(encode(rolling, FPS, made))
    assert heard is not None
    assert likeness(heard.samples, made.samples) > 0.99, "at a delay of the encoder's it would be another"
    assert likeness(heard.samples[:1], made.samples[1:]) < 0.1


def test_the_file_s_index_stands_in_front_of_it(rolling: Frames) -> None:
    mp4 = encode(np.concatenate([rolling] * 8), FPS, tone(17.0, 48000))
    assert mp4.index(b"moov") < mp4.index(b"mdat")
    with av.open(io.BytesIO(mp4)) as file:
        assert [stream.codec_context.name for stream in file.streams] == ["h264", "aac"]


def test_the_same_frames_and_sound_give_the_same_files(rolling: Frames) -> None:
    one, other = (finish(rolling, FPS, None, tone(2.0)) for _ in range(2))
    assert one == other
    assert set(one) == {"video", "audio", "wav", "thumbnail", "spritesheet"}
    assert (one["audio"].content_type, one["wav"].content_type) == ("audio/mp4", "audio/wav")


def test_a_silent_video_has_the_bytes_that_it_always_had(rolling: Frames) -> None:
    with av.open(io.BytesIO(encode(rolling, FPS))) as file:
        assert not file.streams.audio
    assert sound_of(encode(rolling, FPS)) is None


def test_the_wav_is_the_sound_as_it_was_made() -> None:
    made = tone(1.5)
    with wave.open(io.BytesIO(wav(made))) as file:
        assert (file.getnchannels(), file.getframerate(), file.getnframes()) == (2, 24000, 36000)
        read = np.frombuffer(file.readframes(36000), "<i2").reshape(-1, 2).T / 32767
    assert np.abs(read - made.samples).max() <= 0.5 / 32767 + 1e-6
    alone = sound_of(m4a(made))
    assert alone is not None
    assert likeness(alone.samples, made.samples) > 0.99


def test_an_extension_is_heard_behind_the_video_that_it_goes_on_from(rolling: Frames) -> None:
    before = sound_of(encode(rolling, FPS, tone(17 / FPS, 48000, 1)))
    clip = tone(2.0, 24000, 2, 880.0)
    whole = joined(before, 17 / FPS, clip, 1 / FPS)
    assert whole.samples.shape == (2, round((17 / FPS + 2.0 - 1 / FPS) * 24000))
    behind = round(17 / FPS * 24000)
    assert likeness(whole.samples[:, behind:], clip.samples[:, 3000:]) > 0.999
    assert likeness(whole.samples[0, :behind], tone(17 / FPS, 24000, 1).samples[0]) > 0.99
    silent = joined(None, 1.0, clip, 1 / FPS)
    assert not silent.samples[:, :24000].any()
    assert silent.seconds == pytest.approx(1.0 + 2.0 - 1 / FPS)


@pytest.mark.parametrize(
    "samples",
    [
        np.zeros((3, 100), np.float32),
        np.zeros((2, 0), np.float32),
        np.zeros(100, np.float32),
        np.zeros((2, 100), np.int16),
        np.full((2, 100), np.nan, np.float32),
    ],
)
def test_unusable_sound_is_a_typed_error(samples: NDArray[np.float32]) -> None:
    with pytest.raises(GenerationError) as refused:
        m4a(Waveform(samples, 24000))
    assert refused.value.error_code == "unusable_sound"


def test_resampled_sound_is_as_long_and_the_same_tone() -> None:
    assert likeness(resampled(tone(1.0), 48000).samples, tone(1.0, 48000).samples) > 0.99
