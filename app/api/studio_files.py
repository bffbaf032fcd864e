"""The studio's texts as they go out: without comments and indentation, packed once for all who take gzip."""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
import re
from dataclasses import dataclass
from pathlib import Path

TEXTS = frozenset({".css", ".html", ".js", ".json", ".svg", ".webmanifest"})
LEAST_BYTES = 512  # below, packing gains nothing that anybody would feel
_COMMENTED = re.compile(r"^[ \t]*(?://.*|/\*(?!\*?!)(?:[^*]|\*(?!/))*\*/[ \t]*)$", re.MULTILINE)
_REMARKED = re.compile(r"(?<=[;{},(\[]) // [^\"'`\n]*$", re.MULTILINE)  # behind code, where no text can hold it
_INDENTED = re.compile(r"^[ \t]+", re.MULTILINE)
_BARED = frozenset({".css", ".html", ".js"})
_TYPES = {".js": "text/javascript", ".webmanifest": "application/manifest+json"}


@dataclass(frozen=True, slots=True)
class StudioText:
    """One file: its bytes, the same packed, and a tag that is another one only where the bytes are."""

    plain: bytes
    packed: bytes
    etag: str
    media_type: str
    changed_ns: int


def bare(text: str) -> str:
    """A text without its indentation and its comments; each line keeps its number, and a licence stays.

    It looks at lines alone, so no template may be of several; the page's tests see to that. Behind code it leaves a
    comment that has a quotation mark, which might be a text's end, and those between code.
    """
    return _INDENTED.sub("", _REMARKED.sub("", _COMMENTED.sub(lambda found: "\n" * found[0].count("\n"), text)))


def licensed(script: str) -> bool:
    """Whether a script is somebody else's, which goes out as it came."""
    return "MIT Licensed" in script[:500]


class StudioTexts:
    """The texts of a folder by their names in it, each read again once it has changed on disk."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: dict[str, StudioText] = {}
        for path in sorted(folder.rglob("*")):
            if path.suffix in TEXTS:
                self._read(path.relative_to(folder).as_posix(), path.stat().st_mtime_ns)

    def get(self, name: str) -> StudioText | None:
        """The text; None where there is none that is called so."""
        known = self._known.get(name)
        if known is None:
            return None
        try:
            changed_ns = (self._folder / name).stat().st_mtime_ns
        except FileNotFoundError:
            return None
        return known if known.changed_ns == changed_ns else self._read(name, changed_ns)

    def _read(self, name: str, changed_ns: int) -> StudioText:
        path = self._folder / name
        plain = path.read_bytes()
        if path.suffix in _BARED and not licensed(plain.decode()):
            plain = bare(plain.decode()).encode()
        packed = gzip.compress(plain, 9, mtime=0) if len(plain) >= LEAST_BYTES else plain
        media_type = _TYPES.get(path.suffix) or mimetypes.guess_type(name)[0] or "text/plain"
        tag = f'"{hashlib.blake2b(plain, digest_size=12).hexdigest()}"'
        self._known[name] = StudioText(plain, packed, tag, media_type, changed_ns)
        return self._known[name]
