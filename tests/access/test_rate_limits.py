"""How often: what several Routers let through together is bounded, and each caller has the limits that are its own."""

from __future__ import annotations

from collections.abc import Sequence

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.access.rate_limits import AHEAD, RateLimiter, account_of
from app.errors import StoreUnavailable
from app.redis.local_windows import LocalWindows
from app.redis.rate_windows import Granted, Window
from app.settings.limits import Account, Limits, Rate, RouteClass
from app.types import Caller

pytestmark = pytest.mark.anyio

ANN = Caller("acme", "k1", address="1.2.3.4")


class Away(LocalWindows):
    """Windows whose server is away while `away` says so."""

    away = True
    asked = 0

    async def take(self, windows: Sequence[Window], most: int, now: float) -> Granted:
        self.asked += 1
        if self.away:
            raise StoreUnavailable("It is away.")
        return await super().take(windows, most, now)


async def let_through(limit: int, route: RouteClass, asked: list[tuple[float, int]]) -> list[float]:
    """When requests got through, of two Routers that share their windows."""
    limits, now, windows, through = (
        Limits(tenant=Account(rates={route: Rate(per_minute=limit)})),
        0.0,
        LocalWindows(),
        [],
    )
    routers = [RateLimiter(limits, windows, lambda: now) for _ in range(2)]
    for later, router in asked:
        now += later
        standing = await routers[router].take(ANN, route)
        assert standing is not None
        assert 0 <= standing.remaining <= limit
        assert 0 <= standing.reset_s <= 60
        if standing.refused is None:
            through.append(now)
        else:
            assert 0 < standing.refused.retry_after_s <= 60
    return through


def most_in_a_minute(at: list[float]) -> int:
    return max((sum(each - 60 < other <= each for other in at) for each in at), default=0)


ASKED = st.lists(st.tuples(st.sampled_from([0.0, 0.01, 0.3, 2.0, 20.0]), st.integers(0, 1)), max_size=150)


@given(st.integers(1, 99), ASKED)
def test_requests_for_videos_never_pass_a_limit_below_a_hundred(limit: int, asked: list[tuple[float, int]]) -> None:
    through = anyio.run(let_through, limit, "submit", asked)
    assert most_in_a_minute(through) <= limit
    assert len(through) >= min(limit, len(asked)), "and as many get through as may"


@given(st.integers(1, 60), ASKED)
def test_looks_pass_a_limit_by_a_twentieth_for_each_router_at_most(limit: int, asked: list[tuple[float, int]]) -> None:
    through = anyio.run(let_through, limit, "read", asked)
    assert most_in_a_minute(through) <= limit + 2 * (limit // AHEAD["read"][60])


async def test_each_caller_has_the_limits_of_its_tenant_its_key_and_its_address() -> None:
    limits = Limits(
        tenant=Account(rates={"read": Rate(per_minute=10)}),
        tenants={"vip": Account(rates={"read": Rate(per_minute=20, burst=5)})},
        key=Account(rates={"read": Rate(burst=3)}),
        address={"read": Rate(per_minute=7)},
    )

    def windows(caller: Caller) -> list[tuple[str, int]]:
        return [(each.whose, each.item.amount) for each in account_of(limits, caller, "read").windows]

    assert windows(ANN) == [("read/tenant/acme", 10), ("read/key/k1", 3), ("read/address/1.2.3.4", 7)]
    assert windows(Caller("vip")) == [("read/tenant/vip", 20), ("read/tenant/vip", 5)]
    assert account_of(limits, ANN, "submit").windows == ()


async def test_while_redis_is_away_it_is_asked_once_a_second_at_most() -> None:
    now, shared = 0.0, Away()
    limits = Limits(tenant=Account(rates={"submit": Rate(per_minute=50)}))
    limiter = RateLimiter(limits, shared, lambda: now)
    for _ in range(10):
        standing = await limiter.take(ANN, "submit")
        assert standing is not None
        assert standing.refused is None
    assert shared.asked == 1
    now, shared.away = 2.0, False
    standing = await limiter.take(ANN, "submit")
    assert standing is not None
    assert (shared.asked, standing.remaining) == (2, 49), "what was counted here meanwhile is not counted there"
    closed = RateLimiter(limits, Away(), lambda: now, without_redis="closed")
    for _ in range(2):
        with pytest.raises(StoreUnavailable):
            await closed.take(ANN, "submit")
