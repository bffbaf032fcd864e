"""`docs/settings.md`: every setting with its meaning, unit, default and first version, from where it is declared."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic.fields import FieldInfo

from app.settings.limits import DAY_S
from app.settings.secret_values import is_secret
from app.settings.sections import GIB, MIB, SECTIONS
from app.settings.settings import Settings

HEAD: Final = """\
# Settings

Every setting is a variable of the environment, or its name in lower case and without `KINORAY_` in the `args:` of
`serve_config.yaml`, which comes first. Lists and maps are JSON. A value that cannot be is refused at the start.

Secrets (marked **secret**, and addresses with a password in them) must not stand in `args`, which Ray writes into its
log and shows in its dashboard. Set the variable; or `KINORAY_<NAME>_FILE`, the file that a container's secret is in;
or refer to either in `args`: `redis_url: env:REDIS_URL`, `webhook_secret: file:/run/secrets/hook`.

<!-- Written by `kinoray settings --markdown > docs/settings.md`; what it says stands in app/settings/sections.py. -->
"""
_LARGE: Final = ((DAY_S, "s", "d"), (3600.0, "s", "h"), (GIB, "bytes", "GiB"), (MIB, "bytes", "MiB"))


@dataclass(frozen=True, slots=True)
class Told:
    """What people are told of one setting."""

    name: str  # of the variable
    meaning: str
    unit: str  # empty: it has none
    default: str
    since: str


def told() -> Iterator[tuple[str, tuple[Told, ...]]]:
    """Headings, and the settings below each."""
    for section in SECTIONS:
        rows = tuple(_told(name, Settings.model_fields[name]) for name in section.model_fields)
        yield (section.__doc__ or section.__name__), rows


def markdown() -> str:
    """The whole page."""
    parts = [HEAD]
    for heading, rows in told():
        parts.append(f"\n## {heading}\n\n| variable | means | unit | default | since |\n|---|---|---|---|---|\n")
        for row in rows:
            meaning, default = row.meaning.replace("|", "\\|"), row.default.replace("|", "\\|")
            parts.append(f"| `{row.name}` | {meaning} | {row.unit} | {default} | {row.since} |\n")
    return "".join(parts)


def _told(name: str, field: FieldInfo) -> Told:
    extra = field.json_schema_extra
    said = {key: str(value) for key, value in extra.items()} if isinstance(extra, dict) else {}
    unit, unset = said.get("unit", ""), said.get("unset", "")
    default = f"unset: {unset}" if unset else _shown(field.default, unit)
    prefix = Settings.model_config["env_prefix"]
    meaning = f"{field.description} (**secret**)" if is_secret(field) else field.description or ""
    return Told(f"{prefix}{name.upper()}", meaning, unit, default, said.get("since", ""))


def _shown(value: object, unit: str) -> str:
    """A default as it would be written, and again in a larger unit where that is easier to read."""
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, (int, float)):
        return f"`{value}`" if isinstance(value, (str, Path)) else ""
    plain = f"{value:.12g}"
    for size, of, name in _LARGE:
        if unit == of and value >= size and value % size == 0:
            return f"{plain} ({value / size:g} {name})"
    return plain
