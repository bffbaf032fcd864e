"""What may be asked about keys comes in, checked values go out; and how a key looks on the wire, which hides it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, TypeVar

from pydantic import BaseModel, Field, ValidationError

from app.access.api_key import MOST_NAME_CHARS, ApiKey, Issued
from app.access.scopes import OF_TENANTS, SCOPES, checked_scopes
from app.api.problems import sentence
from app.api.requests.fields import Fields, settled
from app.api.requests.strict import Strict
from app.errors import InvalidRequest

DAY_S: Final = 86400.0
_NUMBERS: Final = ("expires_in_s", "overlap_s")


class CreateKey(Strict):
    """A key to make."""

    name: str = Field(min_length=1, max_length=MOST_NAME_CHARS, description="For people: who or what uses it")
    tenant: str = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._@-]{0,99}$", description="Whose videos it makes and sees; a new name is fine"
    )
    scopes: list[str] | None = Field(
        None, min_length=1, description=f"Of {', '.join(SCOPES)}; all but `operate`, if not given"
    )
    expires_in_s: float | None = Field(None, gt=0, le=3650 * DAY_S, description="Seconds until it expires; else never")


class RotateKey(Strict):
    """How a key is to get a new secret."""

    overlap_s: float | None = Field(
        None, ge=0, le=90 * DAY_S, description="Seconds for which the one before stays good, too; a day, if not given"
    )


class ApiKeyInfo(BaseModel):
    """A key; what it is itself is shown when it is made or rotated, and never again."""

    id: str = Field(description="Stands in the audit log and in usage; no secret")
    object: Literal["api_key"] = "api_key"
    name: str = Field(description="For people")
    tenant: str = Field(description="Whose videos it makes and sees")
    scopes: list[str] = Field(description="What it may")
    status: Literal["active", "expired", "revoked"] = Field(description="Only an active key is good")
    created_at: int
    expires_at: int | None = Field(description="Unix seconds; null: never")
    last_used_at: int | None = Field(description="Unix seconds, some seconds late; null: not yet")
    rotated_at: int | None = Field(description="When it got its present secret, if not at first")
    former_until: int | None = Field(description="Until when the secret before is good, too; null: there is none")
    revoked_at: int | None = Field(description="Since when it is good for nothing")


class IssuedKey(ApiKeyInfo):
    """A key with its text, this once."""

    key: str = Field(description="The key itself: keep it now, it is not shown again")


class KeyList(BaseModel):
    """A page of keys; `last_id` is the `after` of the next."""

    object: Literal["list"] = "list"
    data: list[ApiKeyInfo]
    first_id: str | None
    last_id: str | None
    has_more: bool


_Asked = TypeVar("_Asked", bound=Strict)


def key_asked(fields: Fields) -> tuple[CreateKey, frozenset[str]]:
    """The key that is wanted, and its scopes. Raises InvalidRequest."""
    asked = _read(fields, CreateKey)
    try:
        return asked, OF_TENANTS if asked.scopes is None else checked_scopes(asked.scopes)
    except ValueError as error:
        raise InvalidRequest(f"scopes: {error}.", "scopes", "unknown_scope") from error


def overlap_asked(fields: Fields) -> float:
    """Seconds. Raises InvalidRequest."""
    overlap_s = _read(fields, RotateKey).overlap_s
    return DAY_S if overlap_s is None else overlap_s


def key_info(key: ApiKey, used_at: float | None, now: float) -> ApiKeyInfo:
    """A key as it is now; `used_at` in Unix seconds."""
    return ApiKeyInfo.model_validate(_told(key, used_at, now))


def issued_key(issued: Issued, used_at: float | None, now: float) -> IssuedKey:
    """The same with its text."""
    return IssuedKey.model_validate({**_told(issued.key, used_at, now), "key": issued.text})


def _told(key: ApiKey, used_at: float | None, now: float) -> Mapping[str, object]:
    former = [each.until for each in key.secrets if each.until is not None and each.until > now]
    return {
        "id": key.id,
        "name": key.name,
        "tenant": key.tenant,
        "scopes": [scope for scope in SCOPES if scope in key.scopes],
        "status": key.status(now),
        "created_at": int(key.created_at),
        "expires_at": _whole(key.expires_at),
        "last_used_at": _whole(used_at),
        "rotated_at": _whole(key.rotated_at),
        "former_until": _whole(max(former, default=None)),
        "revoked_at": _whole(key.revoked_at),
    }


def _whole(at: float | None) -> int | None:
    return None if at is None else int(at)


def _read(fields: Fields, kind: type[_Asked]) -> _Asked:
    values = dict(settled(fields, kind.model_fields, {}).values)
    if fields.text:
        values = {name: _typed(name, value) for name, value in values.items()}
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        message, name = sentence(error.errors(include_url=False, include_input=False)[0])
        raise InvalidRequest(message, name) from error


def _typed(name: str, value: object) -> object:
    """A form's text as what the field takes; what does not fit stays text and is refused for it."""
    if not isinstance(value, str):
        return value
    if name == "scopes":
        return [each.strip() for each in value.split(",") if each.strip()]
    if name in _NUMBERS:
        try:
            return float(value)
        except ValueError:
            return value
    return value
