"""What a client says of a chunk's bytes comes in; whether it is so goes out (tus' extension `checksum`)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from typing import Final

from app.errors import ChecksumMismatch, InvalidRequest

HEADER: Final = "upload-checksum"
ALGORITHMS: Final = ("sha1", "sha256", "md5")
"""The one that tus asks for, and two that clients also send; none of them guards against anybody."""


class Checksum:
    """The digest that a chunk has to have."""

    def __init__(self, algorithm: str, wanted: bytes) -> None:
        self._digest = hashlib.new(algorithm, usedforsecurity=False)
        self._wanted = wanted
        if len(wanted) != self._digest.digest_size:
            raise InvalidRequest(f"A {algorithm} has {self._digest.digest_size} bytes, not {len(wanted)}.", HEADER)

    def update(self, piece: bytes) -> None:
        """More of the chunk."""
        self._digest.update(piece)

    def check(self) -> None:
        """Raises ChecksumMismatch when the whole chunk is not what was announced."""
        if not hmac.compare_digest(self._digest.digest(), self._wanted):
            raise ChecksumMismatch("The chunk is not what its checksum says: nothing of it was kept; send it again.")


def checksum_of(header: str) -> Checksum:
    """`sha1 <base64>`, as tus writes it. Raises InvalidRequest."""
    algorithm, _, encoded = header.strip().partition(" ")
    if algorithm not in ALGORITHMS:
        raise InvalidRequest(f"A checksum is one of {', '.join(ALGORITHMS)}, and base64 behind it.", HEADER)
    try:
        return Checksum(algorithm, base64.b64decode(encoded.strip(), validate=True))
    except binascii.Error as error:
        raise InvalidRequest("The checksum is no base64.", HEADER) from error
