"""Keys that stand in the settings or in a file, which is read again when it changes: texts in, who they are for out."""

from __future__ import annotations

import hashlib
import logging
import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Final

import yaml

from app.access.scopes import ALL, OF_TENANTS, checked_scopes
from app.settings import Settings

log = logging.getLogger(__name__)
LOOK_S: Final = 1.0
_FIELDS: Final = frozenset({"key", "keys", "tenant", "scopes", "expires_at"})
NAME = "KINORAY_API_KEYS_FILE"


class BadKeys(ValueError):
    """The file of keys cannot be used; the message says why and shows no key."""


@dataclass(frozen=True, slots=True)
class ConfiguredKey:
    """What a key of the settings or the file stands for."""

    id: str
    tenant: str
    scopes: frozenset[str]
    expires_at: float | None = None


class ConfiguredKeys:
    """The keys of the settings, and of the file as it is now.

    They are looked up by a hash under a word that only this process knows: the time that takes says nothing of a key.
    Raises BadKeys at once when the file cannot be used; later the keys that it had stay, and the log says so.
    """

    def __init__(self, settings: Settings, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._word = secrets.token_bytes(32)
        self._file, self._monotonic = settings.api_keys_file, monotonic
        self._operators = frozenset(settings.operators)
        rows = [
            (secret.get_secret_value(), self._of_settings(tenant, settings.api_key_scopes.get(tenant)))
            for tenant, secret in settings.api_keys.items()
        ]
        self._own = self._by_hash(rows)
        self._looked_at = monotonic()
        self._seen = None if self._file is None else _mark(self._file)
        self._keys = self._own if self._file is None else {**self._own, **self._by_hash(self._of_file(self._file))}

    def any(self) -> bool:
        """Whether there are any, or there is a file that may get some."""
        return bool(self._keys) or self._file is not None

    def find(self, text: str, now: float) -> ConfiguredKey | None:
        """The key whose text that is, unless it is expired at `now` (Unix seconds)."""
        if self._file is not None and self._monotonic() - self._looked_at >= LOOK_S:
            self._look(self._file)
        found = self._keys.get(self._hash(text))
        return None if found is None or (found.expires_at is not None and found.expires_at <= now) else found

    def _hash(self, text: str) -> bytes:
        return hashlib.blake2b(text.encode(), key=self._word, digest_size=32).digest()

    def _by_hash(self, rows: Iterable[tuple[str, ConfiguredKey]]) -> dict[bytes, ConfiguredKey]:
        found: dict[bytes, ConfiguredKey] = {}
        for text, key in rows:
            if found.setdefault(self._hash(text), key) != key:
                raise BadKeys(f"{found[self._hash(text)].id} and {key.id} are the same key")
        return found

    def _of_settings(self, tenant: str, scopes: Iterable[str] | None) -> ConfiguredKey:
        try:
            given = checked_scopes(scopes) if scopes is not None else self._usual(tenant)
        except ValueError as error:
            raise BadKeys(f"KINORAY_API_KEY_SCOPES of {tenant}: {error}") from None
        return ConfiguredKey(f"settings:{tenant}", tenant, given)

    def _usual(self, tenant: str) -> frozenset[str]:
        return ALL if tenant in self._operators else OF_TENANTS

    def _look(self, file: Path) -> None:
        self._looked_at = self._monotonic()
        mark = _mark(file)
        if mark == self._seen:
            return
        self._seen = mark
        try:
            self._keys = {**self._own, **self._by_hash(self._of_file(file))}
            log.info("%s has changed: %d keys.", NAME, len(self._keys))
        except BadKeys as error:
            log.error("The keys stay as they were: %s", error)

    def _of_file(self, file: Path) -> Iterator[tuple[str, ConfiguredKey]]:
        for name, entry in _entries(file).items():
            tenant = str(entry.get("tenant", name))
            scopes = self._usual(tenant) if entry.get("scopes") is None else _scopes(name, entry["scopes"])
            texts = _texts(name, entry)
            for place, text in enumerate(texts):
                key_id = f"file:{name}" if len(texts) == 1 else f"file:{name}:{place + 1}"
                yield text, ConfiguredKey(key_id, tenant, scopes, _moment(name, entry.get("expires_at")))


def _mark(file: Path) -> tuple[object, ...] | None:
    """What changes when a file, or one of a folder's, does; None: it cannot be looked at."""
    try:
        parts = sorted(file.iterdir()) if file.is_dir() else [file]
        return tuple((part.name, (s := part.stat()).st_mtime_ns, s.st_ino, s.st_size) for part in parts)
    except OSError:
        return None


def _entries(file: Path) -> Mapping[str, Mapping[str, object]]:
    """The entries by name: of a YAML or JSON map, or of a folder in which each file is an entry. Raises BadKeys."""
    try:
        if file.is_dir():
            parts = sorted(each for each in file.iterdir() if each.is_file() and not each.name.startswith("."))
            return {part.name: _of_text(part.read_text()) for part in parts}
        told = yaml.load(file.read_text(), Loader=yaml.BaseLoader)  # texts, lists and maps alone
    except (OSError, UnicodeDecodeError) as error:
        raise BadKeys(f"{NAME}={file} cannot be read: {getattr(error, 'strerror', None) or 'it is no text'}") from None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise BadKeys(f"{NAME}={file} is neither YAML nor JSON at line {line}") from None
    except yaml.YAMLError:
        raise BadKeys(f"{NAME}={file} is neither YAML nor JSON") from None
    if not isinstance(told, dict):
        raise BadKeys(f"{NAME}={file} must be a map of tenants to keys")
    return {str(name): _entry(str(name), value) for name, value in told.items()}


def _of_text(text: str) -> Mapping[str, object]:
    """The entry in a file of its own: a map, or else the whole text is the key."""
    try:
        told = yaml.load(text, Loader=yaml.BaseLoader)
    except yaml.YAMLError:
        told = None
    return told if isinstance(told, dict) and {"key", "keys"} & set(told) else {"key": text.strip()}


def _entry(name: str, value: object) -> Mapping[str, object]:
    if isinstance(value, str):
        return {"key": value}
    if isinstance(value, list):
        return {"keys": value}
    if not isinstance(value, dict) or not set(value) <= _FIELDS:
        raise BadKeys(f"{NAME}: {name} must be a key, a list of keys, or a map with {', '.join(sorted(_FIELDS))}")
    return value


def _texts(name: str, entry: Mapping[str, object]) -> list[str]:
    """The keys of an entry: one, or several while they are rotated."""
    given = entry.get("keys", entry.get("key"))
    texts = [given] if isinstance(given, str) else list(given) if isinstance(given, list) else []
    if not texts or not all(isinstance(each, str) and each.strip() == each and each for each in texts):
        raise BadKeys(f"{NAME}: {name} needs a key: a text without blanks around it")
    return texts


def _scopes(name: str, given: object) -> frozenset[str]:
    try:
        return checked_scopes(given if isinstance(given, list) else str(given).split())
    except ValueError as error:
        raise BadKeys(f"{NAME}: {name}: {error}") from None


def _moment(name: str, given: object) -> float | None:
    """Unix seconds of an ISO 8601 moment, in UTC where it names no zone."""
    if given is None:
        return None
    try:
        found = datetime.fromisoformat(str(given).replace("Z", "+00:00"))
    except ValueError:
        raise BadKeys(f"{NAME}: {name}: expires_at must be such as 2027-01-31T00:00:00Z") from None
    return (found if found.tzinfo else found.replace(tzinfo=timezone.utc)).timestamp()
