"""`KINORAY_LIMITS`: who may ask how often and for how much, as data; by default nothing of it is limited."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from app.settings.field import setting

RouteClass = Literal["submit", "read", "stats"]
Measure = Literal["jobs", "step_seconds", "money", "upload_bytes", "stored_bytes"]
Period = Literal["day", "month"]

ROUTE_CLASSES: Final[tuple[RouteClass, ...]] = ("submit", "read", "stats")
"""What asks for a video, what looks at one or at what there is, and figures."""
MEASURES: Final[tuple[Measure, ...]] = ("jobs", "step_seconds", "money", "upload_bytes", "stored_bytes")
PERIODS: Final[tuple[Period, ...]] = ("day", "month")
DAY_S: Final = 86400.0
MOST_RATE: Final = 100_000
"""Requests; a moving window remembers each of them."""


class _Row(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Rate(_Row):
    """How often: so many requests in any minute, and so many in any second of it."""

    per_minute: int | None = Field(None, ge=1, le=MOST_RATE)
    burst: int | None = Field(None, ge=1, le=MOST_RATE)


class Quota(_Row):
    """How much in a day or a month, as UTC has them."""

    jobs: int | None = Field(None, ge=0)
    step_seconds: float | None = Field(None, ge=0)
    money: float | None = Field(None, ge=0)
    upload_bytes: int | None = Field(None, ge=0)
    stored_bytes: int | None = Field(None, ge=0)

    def of(self, measure: Measure) -> float | None:
        """The most of it; None: any."""
        found: float | None = getattr(self, measure)
        return found


class Account(_Row):
    """What one tenant, or one key, may."""

    rates: dict[RouteClass, Rate] = {}
    concurrent: int | None = Field(None, ge=1)
    day: Quota = Quota()
    month: Quota = Quota()

    def over(self, other: Account) -> Account:
        """This one where it says something, and the other one elsewhere."""
        return Account(
            rates={**other.rates, **self.rates},
            concurrent=other.concurrent if self.concurrent is None else self.concurrent,
            day=_over(self.day, other.day),
            month=_over(self.month, other.month),
        )


class Limits(_Row):
    """`address`: rates of one client's address; `tenant`, `key`: of each; `tenants`, `keys`: of some, by name or id."""

    address: dict[RouteClass, Rate] = {}
    tenant: Account = Account()
    key: Account = Account()
    tenants: dict[str, Account] = {}
    keys: dict[str, Account] = {}

    @field_validator("tenants", "keys")
    @classmethod
    def _named(cls, value: dict[str, Account]) -> dict[str, Account]:
        if any(not name for name in value):
            raise ValueError("a tenant or key has a name")
        return value

    def of_tenant(self, tenant: str) -> Account:
        """What this tenant may."""
        return _of(self.tenants, tenant, self.tenant)

    def of_key(self, key_id: str | None) -> Account:
        """What this key may; without one, anything."""
        return Account() if key_id is None else _of(self.keys, key_id, self.key)


def _of(named: Mapping[str, Account], name: str, usual: Account) -> Account:
    own = named.get(name)
    return usual if own is None else own.over(usual)


def _over(own: Quota, usual: Quota) -> Quota:
    return Quota(**{**usual.model_dump(exclude_none=True), **own.model_dump(exclude_none=True)})


class Limiting(BaseModel):
    """Limits and usage, by tenant, key and address"""

    limits: Limits = setting(
        Limits(),
        'Requests a minute, jobs at once, quotas by day and month, such as {"tenant": {"day": {"money": 5}}}; '
        "see docs/operating.md",
        unset="nothing is limited",
        since="0.3",
    )
    limits_without_redis: Literal["open", "closed"] = setting(
        "open",
        "While Redis is away, requests that only look are counted by each Router alone (`open`) or refused with 503 "
        "(`closed`), where their number is limited; new videos need Redis in any case",
        since="0.3",
    )
    usage_retention_s: float = setting(
        400 * DAY_S, "For how long `/v1/usage` remembers a day", "s", since="0.3", ge=DAY_S
    )
