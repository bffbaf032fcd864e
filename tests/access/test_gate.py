"""Who gets in, and as whom."""

from __future__ import annotations

import pickle

import pytest
from pydantic import SecretStr

from app.access.gate import Gate
from app.access.scopes import ALL, OF_TENANTS, SCOPES, checked_scopes, require
from app.errors import InsufficientScope, Unauthorized
from app.settings import Settings
from app.types import Caller

pytestmark = pytest.mark.anyio

KEYED = Settings(api_keys={"ann": SecretStr("a"), "boss": SecretStr("b")}, operators=["boss"])


async def test_without_keys_everyone_is_the_public_tenant_and_may_do_all() -> None:
    found = await Gate(Settings()).enter(None, "8.8.8.8")
    assert (found.tenant, found.key_id, found.scopes, found.address) == ("public", None, ALL, "8.8.8.8")


async def test_a_key_of_the_settings_is_its_tenants_and_only_an_operators_operates() -> None:
    ann, boss = await Gate(KEYED).enter("Bearer a"), await Gate(KEYED).enter("bearer b")
    assert (ann.tenant, ann.scopes, ann.is_operator) == ("ann", OF_TENANTS, False)
    assert (boss.tenant, boss.scopes, boss.is_operator) == ("boss", ALL, True)
    assert ann.key_id != boss.key_id


@pytest.mark.parametrize("given", [None, "", "Bearer", "Bearer ", "Bearer c", "Basic a", "a"])
async def test_without_a_valid_key_nobody_gets_in(given: str | None) -> None:
    with pytest.raises(Unauthorized):
        await Gate(KEYED).enter(given)


async def test_behind_a_proxy_on_the_same_machine_loopback_says_nothing() -> None:
    with pytest.raises(Unauthorized, match="KINORAY_OPEN"):
        await Gate(Settings(), loopback_tells=False).enter(None, "", "127.0.0.1")
    assert (await Gate(Settings(open=True), loopback_tells=False).enter(None, "", "127.0.0.1")).tenant == "public"


def test_a_missing_scope_is_named() -> None:
    with pytest.raises(InsufficientScope, match="stats") as refused:
        require(Caller("ann", "k", frozenset({"videos:read"})), ("videos:read", "stats"))
    assert (refused.value.param, refused.value.status) == ("stats", 403)
    assert pickle.loads(pickle.dumps(refused.value)).error_code == "insufficient_scope"


def test_scopes_are_a_closed_list() -> None:
    assert checked_scopes(SCOPES) == ALL
    with pytest.raises(ValueError, match="no scope 'video'"):
        checked_scopes(["video"])
    with pytest.raises(ValueError, match="at least one"):
        checked_scopes([])


def test_callers_of_one_tenant_are_the_same_to_the_planner_whatever_their_key() -> None:
    assert Caller("ann", "k1", ALL, "8.8.8.8") == Caller("ann")
    assert hash(Caller("ann", "k1")) == hash(Caller("ann"))
