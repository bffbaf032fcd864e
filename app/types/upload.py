"""What a tenant has uploaded, as requests and plans know it: an adapter by its content, a picture by its id."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

from app.types.artifact import Artifact

LOW: Final = "low"
_MARK: Final = "upload_"  # and a SHA-256: longer than any adapter's name that an operator can give


@dataclass(frozen=True, slots=True)
class UploadedLora:
    """An adapter that acts, and the file that it is read from; `name` is what its owner calls it."""

    id: str
    name: str
    model: str
    sha256: str  # hex, of the file
    artifact: Artifact
    expert: str = ""  # low: it is for the second of two transformers

    @property
    def mark(self) -> str:
        """What digests, groups and replicas call it: the same file is the same adapter, whoever sent it."""
        return f"{_MARK}{self.sha256}" + (f"_{LOW}" if self.expert == LOW else "")


@dataclass(frozen=True, slots=True)
class UploadedPicture:
    """A picture that came in chunks, by the id of its upload."""

    id: str


Reference: TypeAlias = bytes | str | UploadedPicture
"""How a request names its picture: by its bytes, by a text that is base64, a data URL or an address, or an upload."""


def is_mark(name: str) -> bool:
    """Whether an adapter's name in a plan is that of an uploaded one."""
    return name.startswith(_MARK) and len(name) >= len(_MARK) + 64
