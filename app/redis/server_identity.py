"""Which server answers: its id of this start, and where sentinels say that the master is."""

from __future__ import annotations

from redis.exceptions import ResponseError

from app.redis.commands import Commands
from app.redis.connection import Client


class ServerIdentity:
    """Asks the server that a client speaks to."""

    def __init__(self, redis: Client) -> None:
        self._redis = redis
        self._commands = Commands(redis)

    async def ask(self) -> tuple[str, str | None]:
        """Its run id, "" where it may not be asked, and host:port of the sentinels' master.

        Raises StoreUnavailable.
        """
        try:
            told = await self._commands.call("INFO", "server")
        except ResponseError:  # its user may not ask
            told = b""
        watch = self._redis.master_watch
        address = None if watch is None or watch.address is None else "{}:{}".format(*watch.address)
        return _run_id(told), address


def _run_id(told: object) -> str:
    """The line `run_id:…` of what INFO says; redis-py may have read it already."""
    if isinstance(told, dict):
        return str(told.get("run_id", ""))
    text = told.decode() if isinstance(told, bytes) else str(told)
    lines = (line.partition(":") for line in text.splitlines())
    return next((value.strip() for name, _, value in lines if name == "run_id"), "")
