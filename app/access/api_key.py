"""One API key as it is kept: whose it is, what it may and until when, and hashes of its secrets.

A secret has 256 random bits: nobody finds it by trying, whatever a try costs, so that one SHA-256 with a salt keeps it
as safe as bcrypt or argon2 would. Those slow down the guessing of words that people choose, and would cost each request
50 ms instead of a microsecond.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import string
from dataclasses import dataclass, replace
from typing import Final

from app.errors import Conflict

TEXT_PREFIX: Final = "kr_"
"""Begins every key, so that scanners of repositories and logs can tell one."""
ID_PREFIX: Final = "key_"
MOST_NAME_CHARS: Final = 100
_ID_CHARS: Final = string.digits + string.ascii_lowercase
_SECRET_CHARS: Final = string.digits + string.ascii_letters  # a double click selects all of it
_ID_SIZE, _SECRET_SIZE = 16, 43  # of 62 signs each: 256 bits
_TEXT: Final = re.compile(f"{TEXT_PREFIX}([0-9a-z]{{{_ID_SIZE}}})_([0-9A-Za-z]{{{_SECRET_SIZE}}})")
_ID: Final = re.compile(f"{ID_PREFIX}[0-9a-z]{{{_ID_SIZE}}}")


@dataclass(frozen=True, slots=True)
class SecretHash:
    """A secret that is good for a key: salt and digest as hex, and when it stops being good (Unix seconds)."""

    salt: str
    digest: str
    until: float | None = None


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key. Times are Unix seconds; `secrets` has the newest first, and a second one while a rotation overlaps."""

    id: str
    name: str
    tenant: str
    scopes: frozenset[str]
    created_at: float
    secrets: tuple[SecretHash, ...]
    expires_at: float | None = None
    rotated_at: float | None = None
    revoked_at: float | None = None

    def status(self, now: float) -> str:
        """`active`, `expired` or `revoked`."""
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.expires_at is not None and self.expires_at <= now else "active"

    def admits(self, secret: str, now: float) -> bool:
        """Whether the secret is one of the key's that are good now. The time it takes tells nothing of the secret."""
        found = False
        for each in self.secrets:
            same = hmac.compare_digest(_digest(each.salt, secret), each.digest)
            found |= same and (each.until is None or each.until > now)
        return found and self.status(now) == "active"


@dataclass(frozen=True, slots=True)
class Issued:
    """A key with its text, which is shown this once and kept nowhere."""

    key: ApiKey
    text: str


def issued(name: str, tenant: str, scopes: frozenset[str], now: float, expires_at: float | None = None) -> Issued:
    """A new key."""
    word = "".join(secrets.choice(_ID_CHARS) for _ in range(_ID_SIZE))
    key = ApiKey(f"{ID_PREFIX}{word}", name, tenant, scopes, now, (), expires_at)
    return _with_secret(key, ())


def rotated(key: ApiKey, now: float, overlap_s: float) -> Issued:
    """The key with a new secret; the one before is good for `overlap_s` more, any older one no longer.

    Raises Conflict: it is expired or revoked.
    """
    if (status := key.status(now)) != "active":
        raise Conflict(f"{key.id} is {status}; make another key instead.", code="key_not_active")
    ends = now + overlap_s
    before = key.secrets[:1] if overlap_s > 0 else ()
    kept = tuple(replace(each, until=ends if each.until is None else min(ends, each.until)) for each in before)
    return _with_secret(replace(key, rotated_at=now), kept)


def revoked(key: ApiKey, now: float) -> ApiKey:
    """The key, which is good for nothing any more; one that was revoked before stays as it was then."""
    return key if key.revoked_at is not None else replace(key, revoked_at=now, secrets=())


def split_text(text: str) -> tuple[str, str] | None:
    """The id and the secret of a key's text; None: it is none of ours."""
    found = _TEXT.fullmatch(text)
    return None if found is None else (f"{ID_PREFIX}{found[1]}", found[2])


def is_key_id(text: str) -> bool:
    """Whether it could be the id of a key."""
    return _ID.fullmatch(text) is not None


def _with_secret(key: ApiKey, before: tuple[SecretHash, ...]) -> Issued:
    secret, salt = "".join(secrets.choice(_SECRET_CHARS) for _ in range(_SECRET_SIZE)), secrets.token_hex(16)
    kept = replace(key, secrets=(SecretHash(salt, _digest(salt, secret)), *before))
    return Issued(kept, f"{TEXT_PREFIX}{key.id.removeprefix(ID_PREFIX)}_{secret}")


def _digest(salt: str, secret: str) -> str:
    return hashlib.sha256(f"{salt}{secret}".encode()).hexdigest()
