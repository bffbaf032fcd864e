"""What a client asks that has an operator's key: keys, the audit log, jobs, errors, history, trends, recoveries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import quote

from app.client.records import JsonObject, expect_mapping
from app.client.transport import Transport, read_json

KEYS = "/v1/keys"


class OperatorCalls:
    """A part of `Kinoray`; every method raises KinorayClientError, also where the key lacks the scope `operate`."""

    _transport: Transport

    async def create_key(
        self, name: str, tenant: str, scopes: Sequence[str] | None = None, expires_in_s: float | None = None
    ) -> JsonObject:
        """A new key; `key` in the answer is its text, which is shown this once."""
        wish = {"name": name, "tenant": tenant, "scopes": scopes and list(scopes), "expires_in_s": expires_in_s}
        return await self._changed(KEYS, {field: value for field, value in wish.items() if value is not None})

    async def keys(
        self, limit: int = 20, after: str | None = None, tenant: str | None = None, order: str = "desc"
    ) -> JsonObject:
        """A page of keys, newest first unless `order` is "asc"."""
        return await self._page(KEYS, limit, after, {"tenant": tenant, "order": order})

    async def rotate_key(self, key_id: str, overlap_s: float | None = None) -> JsonObject:
        """The key with a new text, shown this once; the one before stays good for `overlap_s`, a day if not given."""
        return await self._changed(_place(key_id, "rotate"), {} if overlap_s is None else {"overlap_s": overlap_s})

    async def revoke_key(self, key_id: str) -> JsonObject:
        """Have a key refused from now on, for good."""
        return expect_mapping(read_json(await self._transport.send("POST", _place(key_id, "revoke"))), "key")

    async def audit(self, limit: int = 100, after: str | None = None, **wanted: str | float | None) -> JsonObject:
        """A page of the audit log, newest first; filters are the API's: tenant, key_id, action, outcome, resource …"""
        return await self._page("/v1/audit", limit, after, wanted)

    async def trends(self) -> JsonObject:
        """The last hour by minutes, and a capacity forecast."""
        return expect_mapping(read_json(await self._transport.send("GET", "/api/health/trends")), "trends")

    async def jobs(self, limit: int = 100) -> JsonObject:
        """All tenants' jobs: `waiting`, the most urgent first, and `running`, as many of each."""
        return expect_mapping(read_json(await self._transport.send("GET", "/api/jobs", {"limit": limit})), "jobs")

    async def errors(self, limit: int = 50) -> JsonObject:
        """The newest failures of all tenants, the newest first."""
        return expect_mapping(read_json(await self._transport.send("GET", "/api/errors", {"limit": limit})), "errors")

    async def history(self, window: str = "1h") -> JsonObject:
        """The last "1h" or "24h" as series: waits, throughput, hit rates, cost, replicas."""
        answer = await self._transport.send("GET", "/api/stats/history", {"window": window})
        return expect_mapping(read_json(answer), "history")

    async def recoveries(self, limit: int = 100) -> JsonObject:
        """What the service mended by itself: events, the newest first, and how often each cause was met."""
        answer = await self._transport.send("GET", "/api/recoveries", {"limit": limit})
        return expect_mapping(read_json(answer), "recoveries")

    async def trace(self, after: str | None = None, limit: int = 1000) -> JsonObject:
        """A page of the requests that have ended, without prompts; `next` is the place of the page behind it."""
        params: dict[str, str | int] = {"limit": limit} | ({} if after is None else {"after": after})
        return expect_mapping(read_json(await self._transport.send("GET", "/api/trace", params)), "trace")

    async def _page(
        self, path: str, limit: int, after: str | None, wanted: Mapping[str, str | float | None]
    ) -> JsonObject:
        params: dict[str, str | int] = {name: str(value) for name, value in wanted.items() if value is not None}
        more: dict[str, str | int] = {"after": after} if after else {}
        answer = await self._transport.send("GET", path, params | more | {"limit": limit})
        return expect_mapping(read_json(answer), "list")

    async def _changed(self, path: str, body: Mapping[str, object]) -> JsonObject:
        """What a change has made that must not be made twice."""
        answer = await self._transport.send("POST", path, body=body, repeatable=False)
        return expect_mapping(read_json(answer), "key")


def _place(key_id: str, what: str) -> str:
    return f"{KEYS}/{quote(key_id, safe='')}/{what}"
