"""`kinoray keys` against a real application, and beside it straight into a Redis."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator

import pytest
import uvicorn
from typer.testing import CliRunner, Result

from app.access.gate import Gate
from app.access.key_ring import KeyRing
from app.access.redis_key_store import RedisKeyStore
from app.access.scopes import ALL, SCOPES
from app.client.cli import app
from app.client.key_commands import _all_scopes
from app.redis.connection import connect
from app.settings import Settings
from tests.api.house import House
from tests.waiting import wait_until

Kinoray = Callable[..., Result]


@pytest.fixture
def kinoray() -> Iterator[Kinoray]:
    house = House(api_keys={"boss": "b", "ann": "a"}, operators=["boss"])
    server = uvicorn.Server(uvicorn.Config(house.app, port=0, log_level="critical"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    wait_until(lambda: server.started)
    url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"

    def typed(*words: str, key: str = "b") -> Result:
        return CliRunner().invoke(app, ["--url", url, "--api-key", key, "keys", *words])

    yield typed
    server.should_exit = True
    thread.join(10)


def test_a_key_is_made_listed_rotated_and_revoked(kinoray: Kinoray) -> None:
    made = kinoray("create", "render farm", "--tenant", "ben", "--scope", "videos:read", "--days", "30")
    assert made.exit_code == 0, made.stderr
    text = made.stdout.strip()
    assert text.startswith("kr_")
    (row,) = json.loads(kinoray("list", "--json").stdout)
    assert (row["name"], row["tenant"], row["scopes"]) == ("render farm", "ben", ["videos:read"])
    assert row["expires_at"] - row["created_at"] == 30 * 86400
    rotated = json.loads(kinoray("rotate", row["id"], "--hours", "1", "--json").stdout)
    assert rotated["former_until"] - rotated["rotated_at"] == 3600
    assert rotated["key"] not in ("", text)
    shown = kinoray("list").stdout
    assert "render farm" in shown
    assert text not in shown + kinoray("list", "--json").stdout
    assert kinoray("revoke", row["id"]).stdout == f"Revoked {row['id']}.\n"
    (row,) = json.loads(kinoray("list", "--json").stdout)
    assert row["status"] == "revoked"


def test_a_long_list_says_how_to_go_on(kinoray: Kinoray) -> None:
    for number in range(3):
        assert kinoray("create", f"key {number}", "--operator").exit_code == 0
    first = kinoray("list", "--limit", "2", "--json")
    assert f"--after {json.loads(first.stdout)[-1]['id']}" in first.stderr
    assert [each["scopes"] for each in json.loads(first.stdout)] == [list(SCOPES)] * 2


def test_who_is_no_operator_is_told_so(kinoray: Kinoray) -> None:
    refused = kinoray("list", key="a")
    assert refused.exit_code == 1
    assert refused.stderr.startswith("insufficient_scope: Your key lacks the scope operate")


def test_the_command_knows_every_scope() -> None:
    assert set(_all_scopes()) == ALL


@pytest.mark.redis
@pytest.mark.anyio
async def test_the_first_key_is_made_straight_in_redis(
    redis_url: str, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KINORAY_REDIS_URL", redis_url)
    monkeypatch.setenv("KINORAY_REDIS_PREFIX", prefix)
    import anyio

    made = await anyio.to_thread.run_sync(
        lambda: CliRunner().invoke(app, ["keys", "create", "first", "--operator", "--tenant", "ops", "--redis", "env"])
    )
    assert made.exit_code == 0, made.stderr
    client = connect(redis_url, 5.0)
    gate = Gate(Settings(), KeyRing(RedisKeyStore(client, prefix)))
    caller = await gate.enter(f"Bearer {made.stdout.strip()}")
    assert (caller.tenant, caller.scopes, await gate.wants_keys()) == ("ops", ALL, True)
    await gate.close()
    await client.aclose()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--redis", "env"], "KINORAY_REDIS_URL is not set"),
        (["--redis", "http://:hunter2@h"], "***@h"),
        (["--redis", "redis://:hunter2@127.0.0.1:1"], "redis://***@127.0.0.1:1: Redis:"),
        (["--redis", "redis://h", "--tenant", "a b"], "a tenant"),
        (["--redis", "redis://h", "--scope", "all"], "there is no scope 'all'"),
    ],
)
def test_what_cannot_be_made_straight_is_a_sentence(
    words: list[str], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KINORAY_REDIS_URL", raising=False)
    refused = CliRunner().invoke(app, ["keys", "create", "n", *words])
    assert refused.exit_code == 1
    assert said in refused.stderr
    assert "hunter2" not in refused.output
