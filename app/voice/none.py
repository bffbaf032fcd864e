"""No voice: where none is installed or wanted, a narration is refused in words that say what to do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NoReturn

from app.errors import NotSupported
from app.types.storyboard import Narrator, VoiceName
from app.voice.voice import Speech

INSTALL: Final = "install one (`pip install 'kinoray[voice]'`), or leave `narration` out; `caption` works without"


class NoVoice:
    """Speaks nothing."""

    mark: Final = "none"

    def voices(self) -> Sequence[str]:
        return ()

    def listed(self) -> Sequence[VoiceName]:
        return ()

    def check(self, text: str, narrator: Narrator) -> None:
        """Raises NotSupported."""
        self._refuse()

    def speak(self, text: str, narrator: Narrator) -> Speech:
        """Raises NotSupported."""
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise NotSupported(f"This server has no voice: {INSTALL}.", "narration")
