"""Every secret that the settings hold, wherever it stands in them: for those who keep it out of what they say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from urllib.parse import unquote, urlsplit

from pydantic import BaseModel, SecretStr


def secrets_of(settings: BaseModel) -> frozenset[str]:
    """Values of SecretStr, each part of those with blanks between, and the passwords in addresses."""
    return frozenset(each for value in _values(settings) for each in value if each)


def _values(value: object) -> Iterator[tuple[str, ...]]:
    if isinstance(value, SecretStr):
        text = value.get_secret_value()
        yield (text, *text.split(), *_passwords(text))
    elif isinstance(value, str):
        yield _passwords(value)
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _values(getattr(value, name))
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _values(each)
    elif isinstance(value, (list, tuple, set, frozenset)):
        for each in value:
            yield from _values(each)


def _passwords(text: str) -> tuple[str, ...]:
    """The password of an address, as written and as meant."""
    if "://" not in text or "@" not in text:
        return ()
    user, _, _ = urlsplit(text).netloc.rpartition("@")
    _, _, password = user.partition(":")
    return (password, unquote(password))
