"""Keys by the API: shown once, good at once, limited to their scopes, rotated without a gap, and gone when revoked."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from app.access.scopes import SCOPES
from tests.api.house import House

pytestmark = pytest.mark.anyio

BOSS = {"authorization": "Bearer b"}
RED = {"prompt": "a red ball"}


def operated(**settings: Any) -> House:
    return House(api_keys={"boss": "b", "ann": "a"}, operators=["boss"], **settings)


def bearer(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


async def made(client: httpx.AsyncClient, **fields: Any) -> dict[str, Any]:
    answer = await client.post("/v1/keys", json={"name": "n", "tenant": "ben", **fields}, headers=BOSS)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_a_key_is_shown_once_and_good_at_once_for_its_tenant() -> None:
    async with operated().client() as client:
        key = await made(client, name="render farm")
        assert (key["key"][:3], key["object"]) == ("kr_", "api_key")
        video = (await client.post("/v1/videos", json=RED, headers=bearer(key["key"]))).json()["id"]
        again = await client.get(f"/v1/keys/{key['id']}", headers=BOSS)
        listed = await client.get("/v1/keys", headers=BOSS)
        assert (await client.get(f"/v1/videos/{video}", headers=bearer("a"))).status_code == 404
        assert (await client.get(f"/v1/videos/{video}", headers=bearer(key["key"]))).status_code == 200
    assert again.json() == {name: value for name, value in key.items() if name != "key"}
    secret = key["key"].rpartition("_")[2]
    assert secret not in again.text + listed.text
    assert (key["name"], key["tenant"], key["status"], key["expires_at"]) == ("render farm", "ben", "active", None)
    assert key["scopes"] == [scope for scope in SCOPES if scope != "operate"]


WANTS: dict[str, tuple[str, str, dict[str, Any] | None]] = {
    "videos:write": ("POST", "/v1/videos", RED),
    "videos:read": ("GET", "/v1/videos", None),
    "storyboards": ("GET", "/v1/storyboards", None),
    "stats": ("GET", "/api/stats", None),
    "operate": ("GET", "/v1/keys", None),
}


@pytest.mark.parametrize("scope", WANTS)
async def test_a_route_wants_its_scope_and_says_which(scope: str) -> None:
    method, path, body = WANTS[scope]
    async with operated().client() as client:
        for scopes, status in (([scope], 200), ([each for each in SCOPES if each != scope], 403)):
            key = (await made(client, scopes=scopes))["key"]
            answer = await client.request(method, path, json=body, headers=bearer(key))
            assert answer.status_code == status
        error = answer.json()["error"]
    assert (error["code"], error["param"]) == ("insufficient_scope", scope)
    assert scope in error["message"]


async def test_a_rotated_key_has_two_texts_that_are_good_and_an_older_one_that_is_not() -> None:
    async with operated().client() as client:
        first = await made(client)
        texts = [first["key"]]
        for _ in range(2):
            answer = await client.post(f"/v1/keys/{first['id']}/rotate", json={"overlap_s": 60}, headers=BOSS)
            texts.append(answer.json()["key"])
        got_in = [(await client.get("/v1/videos", headers=bearer(text))).status_code for text in texts]
        assert answer.json()["former_until"] is not None
        await client.post(f"/v1/keys/{first['id']}/rotate", json={"overlap_s": 0}, headers=BOSS)
        assert (await client.get("/v1/videos", headers=bearer(texts[-1]))).status_code == 401
    assert got_in == [401, 200, 200]


async def test_a_revoked_key_is_refused_and_cannot_come_back() -> None:
    async with operated().client() as client:
        key = await made(client)
        assert (await client.get("/v1/videos", headers=bearer(key["key"]))).status_code == 200
        gone = await client.post(f"/v1/keys/{key['id']}/revoke", headers=BOSS)
        assert gone.json()["status"] == "revoked"
        assert (await client.get("/v1/videos", headers=bearer(key["key"]))).status_code == 401
        assert (await client.post(f"/v1/keys/{key['id']}/revoke", headers=BOSS)).json() == gone.json()
        again = await client.post(f"/v1/keys/{key['id']}/rotate", json={}, headers=BOSS)
    assert (again.status_code, again.json()["error"]["code"]) == (409, "key_not_active")


async def test_the_first_key_of_an_open_service_is_an_operators_and_closes_it() -> None:
    async with House().client() as client:
        refused = await client.post("/v1/keys", json={"name": "n", "tenant": "ben"})
        assert refused.json()["error"]["code"] == "first_key_not_operator"
        first = await client.post("/v1/keys", json={"name": "n", "tenant": "ops", "scopes": ["operate"]})
        headers = bearer(first.json()["key"])
        closed = await client.get("/v1/videos")
        second = await client.post("/v1/keys", json={"name": "n", "tenant": "ben"}, headers=headers)
    assert (closed.status_code, second.status_code) == (401, 200)


async def test_keys_are_listed_in_pages_and_by_tenant() -> None:
    async with operated().client() as client:
        ids = [(await made(client, tenant=tenant))["id"] for tenant in ("ben", "eve", "ben")]
        first = (await client.get("/v1/keys?limit=2&order=asc", headers=BOSS)).json()
        rest = (await client.get(f"/v1/keys?order=asc&after={first['last_id']}", headers=BOSS)).json()
        bens = (await client.get("/v1/keys?tenant=ben", headers=BOSS)).json()
    assert sorted(ids) == sorted(key["id"] for key in first["data"] + rest["data"])
    assert (first["has_more"], rest["has_more"]) == (True, False)
    assert [key["tenant"] for key in bens["data"]] == ["ben", "ben"]


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "no name": ({"tenant": "ben"}, "invalid_request"),
    "an empty name": ({"name": "", "tenant": "ben"}, "invalid_request"),
    "a tenant with a slash": ({"name": "n", "tenant": "a/b"}, "invalid_request"),
    "an unknown scope": ({"name": "n", "tenant": "ben", "scopes": ["video"]}, "unknown_scope"),
    "no scope": ({"name": "n", "tenant": "ben", "scopes": []}, "invalid_request"),
    "a time in the past": ({"name": "n", "tenant": "ben", "expires_in_s": -1}, "invalid_request"),
    "an unknown field": ({"name": "n", "tenant": "ben", "scope": ["stats"]}, "unknown_parameter"),
}


@pytest.mark.parametrize("case", BAD)
async def test_what_is_no_key_is_refused(case: str) -> None:
    body, code = BAD[case]
    async with operated().client() as client:
        answer = await client.post("/v1/keys", json=body, headers=BOSS)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, code)


@pytest.mark.parametrize("key_id", ["key_0000000000000000", "nothing", "..%2f..", "kr_x"])
async def test_a_key_that_is_not_there_is_not_found(key_id: str) -> None:
    async with operated().client() as client:
        for method, place in (("GET", ""), ("POST", "/rotate"), ("POST", "/revoke")):
            answer = await client.request(method, f"/v1/keys/{key_id}{place}", headers=BOSS, json={})
            assert answer.status_code == 404
        assert (await client.get(f"/v1/keys?after={key_id}", headers=BOSS)).status_code == 404


async def test_who_tries_wrong_keys_is_slowed_and_a_valid_key_from_there_is_not() -> None:
    async with operated().client() as client:
        key = (await made(client))["key"]
        wrong = [f"{key[:-1]}{'a' if key[-1] != 'a' else 'b'}", "kr_0000000000000000_" + "0" * 43, "guess"] * 10
        answers = [await client.get("/v1/videos", headers=bearer(text)) for text in wrong]
        valid = [(await client.get("/v1/videos", headers=bearer(text))).status_code for text in (key, "a", "b")]
        none = await client.get("/v1/videos")
    assert [each.status_code for each in answers] == [401] * 20 + [429] * 10
    assert answers[-1].json()["error"]["code"] == "too_many_wrong_keys"
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 60
    assert valid == [200, 200, 200]
    assert none.status_code == 401


async def test_wrong_keys_are_counted_by_the_client_that_a_trusted_proxy_names() -> None:
    house = operated(trusted_proxies=["127.0.0.1"])
    async with house.client() as client:
        for _ in range(21):
            answer = await client.get("/v1/videos", headers=bearer("x") | {"x-forwarded-for": "8.8.8.8"})
        other = await client.get("/v1/videos", headers=bearer("x") | {"x-forwarded-for": "9.9.9.9"})
    assert (answer.status_code, other.status_code) == (429, 401)


@pytest.mark.parametrize(
    ("server", "opened", "status"),
    [("127.0.0.1", False, 200), ("::1", False, 200), ("10.0.0.5", False, 401), ("10.0.0.5", True, 200)],
)
async def test_without_a_key_only_this_machine_is_let_in_unless_the_setting_says_so(
    server: str, opened: bool, status: int
) -> None:
    host = f"[{server}]" if ":" in server else server
    transport = httpx.ASGITransport(House(open=opened).app)
    async with httpx.AsyncClient(transport=transport, base_url=f"http://{host}:8000") as client:
        answer = await client.get("/v1/videos")
        assert (await client.get("/health")).status_code == 200
    assert answer.status_code == status
    assert status == 200 or "KINORAY_OPEN" in answer.json()["error"]["message"]
