"""The settings of the voice that speaks narrations of storyboards."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, model_validator
from typing_extensions import Self

from app.settings.field import setting


class Narration(BaseModel):
    """The voice of storyboards"""

    voice: Literal["auto", "espeak", "kokoro", "transformers", "none"] = setting(
        "auto",
        "What speaks narrations. `auto`: the model of `KINORAY_VOICE_MODEL`, else espeak-ng where it is installed "
        "(`pip install 'kinoray[voice]'`; GPL-3), else none: narrations are refused",
        since="0.3",
    )
    voice_model: Path | None = setting(
        None, "Kokoro's model (.onnx), or the folder of a VITS or MMS model of transformers", unset="none", since="0.3"
    )
    voice_styles: Path | None = setting(None, "Kokoro's voices (.bin or .npz)", unset="none", since="0.3")
    voice_timeout_s: float = setting(
        60.0, "A narration that espeak-ng needs longer for fails", "s", since="0.3", gt=0, le=3600
    )
    narration_max_characters: int = setting(
        5000, "A scene's longest narration", "characters", since="0.3", gt=0, le=100_000
    )
    narration_max_s: float = setting(600.0, "How long a scene's narration may last", "s", since="0.3", gt=0, le=3600)
    narration_lufs: float = setting(
        -16.0, "Integrated loudness of each narration (ITU-R BS.1770); peaks stay below -1 dBTP", "LUFS", since="0.3",
        ge=-40, le=-6,
    )  # fmt: skip
    film_clip_sound: float = setting(
        1.0, "How loud the sound that clips have of their own is in films, 0 to 1; 0: it is left out", since="0.3",
        ge=0, le=1,
    )  # fmt: skip
    film_clip_ducking_db: float = setting(
        -12.0, "By how much it goes down while a narration is spoken", "dB", since="0.3", ge=-60, le=0
    )

    @model_validator(mode="after")
    def _voiced(self) -> Self:
        if self.voice in ("kokoro", "transformers") and self.voice_model is None:
            raise ValueError(f"voice={self.voice} needs voice_model")
        if self.voice == "kokoro" and self.voice_styles is None:
            raise ValueError("voice=kokoro needs voice_styles")
        if self.voice_styles is not None and self.voice_model is None:
            raise ValueError("voice_styles belong to a voice_model of Kokoro")
        return self
