from __future__ import annotations

import pytest

from app.voice.espeak.espeak import EspeakVoice
from app.voice.espeak.process import EspeakProcess, espeak_process

MOST_CHARACTERS, LONGEST_S = 5000, 600.0


@pytest.fixture(scope="session")
def process() -> EspeakProcess:
    return espeak_process(timeout_s=60.0)


@pytest.fixture(scope="session")
def espeak(process: EspeakProcess) -> EspeakVoice:
    return EspeakVoice(process, MOST_CHARACTERS, LONGEST_S)
