"""Secrets on their way into the settings: from files that variables name, or by reference from a config's `args`.

What stands in `args` itself is for everyone to read: Ray writes it into its log and shows it in its dashboard.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from app.settings.masking import holds_secret

SECRET: Final = "SecretStr"
FILE: Final = "_FILE"
REFERENCES: Final = ("env:", "file:")
HOW: Final = "set {variable} or {variable}_FILE in the environment, or refer to it here as env:NAME or file:/path"


class LiteralSecret(ValueError):
    """A secret that stands in `args`, or a reference there that leads nowhere; the message does not show it."""


def is_secret(field: FieldInfo) -> bool:
    """Whether a setting's value is never to be shown."""
    return SECRET in str(field.annotation)


def resolved(args: Mapping[str, Any], fields: Mapping[str, FieldInfo], prefix: str) -> dict[str, Any]:
    """The `args` of a config, their references replaced by what they refer to.

    Raises LiteralSecret for keys, secrets, and addresses with a password in them, which must not stand there.
    """
    found = dict(args)
    for name, value in args.items():
        if name in fields:
            found[name] = _resolved(name, value, is_secret(fields[name]), f"{prefix}{name.upper()}")
    return found


def _resolved(name: str, value: Any, secret: bool, variable: str) -> Any:
    if isinstance(value, Mapping):
        return {key: _resolved(f"{name}.{key}", each, secret, variable) for key, each in value.items()}
    if isinstance(value, list):
        return [_resolved(f"{name}.{place}", each, secret, variable) for place, each in enumerate(value)]
    if not isinstance(value, str):
        return value
    if secret and value.startswith(REFERENCES):
        text = _referred(name, value)
        return _parsed(text) if "." not in name else text
    if holds_secret(value) if name.endswith("_url") or not secret else True:
        raise LiteralSecret(
            f"`{name}` stands in `args` with a secret in it, where Ray's log and dashboard show it to everyone: "
            f"{HOW.format(variable=variable)}."
        )
    return value


def _referred(name: str, value: str) -> str:
    kind, _, place = value.partition(":")
    if kind == "env":
        if (text := os.environ.get(place)) is None:
            raise LiteralSecret(f"`{name}` refers to {place}, and there is no such variable.")
        return text
    return read_secret(Path(place), f"`{name}`")


def read_secret(file: Path, who: str) -> str:
    """The text of a file without the line break at its end. Raises LiteralSecret."""
    try:
        return file.read_text("utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text"
        raise LiteralSecret(f"{who} names {file}, which cannot be read: {why}.") from None


def _parsed(text: str) -> Any:
    """A map or a list where the text is one in JSON."""
    if not text.lstrip().startswith(("{", "[")):
        return text
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


class SecretFiles(PydanticBaseSettingsSource):
    """`KINORAY_<NAME>_FILE` for each secret: the file that a container's secret is mounted as. Variables come first."""

    def __init__(self, settings: type[BaseSettings]) -> None:
        super().__init__(settings)
        self._prefix = str(settings.model_config.get("env_prefix", ""))

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        variable = f"{self._prefix}{field_name.upper()}{FILE}"
        named = os.environ.get(variable)
        if not named or not is_secret(field) or f"{field_name}{FILE.lower()}" in self.settings_cls.model_fields:
            return None, field_name, False
        return _parsed(read_secret(Path(named), variable)), field_name, False

    def __call__(self) -> dict[str, Any]:
        rows = {name: self.get_field_value(field, name)[0] for name, field in self.settings_cls.model_fields.items()}
        return {name: value for name, value in rows.items() if value is not None}
