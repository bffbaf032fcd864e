"""The voices of espeak-ng as its data folder has them: languages and variants, read without loading the library."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from app.errors import InvalidRequest
from app.plan.suggest import did_you_mean
from app.types.storyboard import Narrator, VoiceName
from app.voice.languages import found

_LANGUAGE: Final = re.compile(rb"^language\s+([A-Za-z0-9-]+)(?:\s+(\d+))?\s*$", re.MULTILINE)
_NAME: Final = re.compile(rb"^name\s+(.+?)\s*$", re.MULTILINE)
_USUAL: Final = 5  # the priority of a language whose file says none; lower comes first
_SAID_MORE: Final = {"en": "en-us"}  # where the library's own choice is not what most people mean


@dataclass(frozen=True, slots=True)
class Chosen:
    """A voice: `name` as the library takes it, and the language it speaks."""

    name: str
    language: str


@dataclass(frozen=True, slots=True)
class Catalogue:
    """`files`: the file of each language tag, in lower case; `tags`: one for each file; `variants`: other timbres.

    `titles`: what a file calls its language, by the file.
    """

    files: dict[str, str]
    tags: tuple[str, ...]
    variants: tuple[str, ...]
    titles: dict[str, str]

    def names(self) -> tuple[str, ...]:
        """What a narrator's voice may be; the two are joined as in `de+f3`."""
        return (*self.tags, *(f"+{name}" for name in self.variants))

    def listed(self) -> tuple[VoiceName, ...]:
        """All that `names` has, with their languages as the data folder calls them."""
        spoken = (VoiceName(tag, tag, self.titles.get(self.files[tag], tag)) for tag in self.tags)
        return (*spoken, *(VoiceName(f"+{name}", None, name) for name in self.variants))

    def chosen(self, narrator: Narrator) -> Chosen:
        """The voice of a narrator: its language's, unless it names another.

        Raises:
            InvalidRequest: there is no such voice or language; `param` is `voice` or `language`.
        """
        base, _, variant = (narrator.voice or "").strip().partition("+")
        if base and not variant and base.lower() not in self.files:
            base, variant = "", base  # `f3` is as good as `+f3`
        if base and base.lower() not in self.files:
            raise self._unknown(narrator)
        language = base.lower() or found(narrator.language, self.files)
        language = _SAID_MORE.get(language, language)
        timbre = {name.lower(): name for name in self.variants}.get(variant.lower()) if variant else ""
        if timbre is None:
            raise self._unknown(narrator)
        return Chosen(self.files[language] + (f"+{timbre}" if timbre else ""), language)

    def _unknown(self, narrator: Narrator) -> InvalidRequest:
        asked = (narrator.voice or "")[:80]
        near = did_you_mean(asked, [*self.names(), *self.variants])
        return InvalidRequest(f"There is no voice {asked!r} here; it is such as `de`, `+f3` or `de+f3`.{near}", "voice")


def catalogue(data: Path) -> Catalogue:
    """Read the data folder of espeak-ng."""
    ranked: dict[str, tuple[int, int, str]] = {}
    titles: dict[str, str] = {}
    tags: set[str] = set()
    for path in sorted((data / "lang").rglob("*")):
        text = path.read_bytes() if path.is_file() else b""
        languages = _LANGUAGE.findall(text)
        if title := _NAME.search(text):
            titles[path.relative_to(data / "lang").as_posix()] = title[1].decode()
        for place, (tag, priority) in enumerate(languages):
            name = tag.decode().lower()
            file = path.relative_to(data / "lang").as_posix()
            # Of files with the same claim that with the shorter name comes first: `cmn` before `cmn-Latn-pinyin`.
            rank = (int(priority or _USUAL), len(file), file)
            ranked[name] = min(rank, ranked.get(name, rank))
            tags.update((name,) if place == 0 else ())
    variants = sorted(path.name for path in (data / "voices" / "!v").iterdir())
    return Catalogue({tag: file for tag, (_, _, file) in ranked.items()}, tuple(sorted(tags)), tuple(variants), titles)
