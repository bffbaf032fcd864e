"""A master that only its clients reach any more: sentinels and replica are on the far side of a network that parted."""

from __future__ import annotations

from pathlib import Path

from tests.drills.links import Link
from tests.drills.sentinels import PASSWORD, SERVER, SERVICE, Watched
from tests.ports import free_port

FAR = "127.0.0.3"  # where sentinels and replica come from
NEAR = "127.0.0.1"


class Parted(Watched):
    """As Watched; what reaches the first master goes over one link, what its clients ask sentinels over three."""

    def __init__(self, folder: Path) -> None:
        self._behind = 0
        self._to_master = Link(lambda: self._behind)
        super().__init__(folder)
        self._to_watchers = [Link(lambda port=port: port) for port in self.watchers]  # type: ignore[misc]

    @property
    def url(self) -> str:
        hosts = ",".join(f"127.0.0.1:{link.port}" for link in self._to_watchers)
        return f"redis+sentinel://:{PASSWORD}@{hosts}/{SERVICE}/0"

    def part(self) -> None:
        """The master and its clients on one side, all others on the other."""
        self._to_master.cut(FAR)
        for link in self._to_watchers:
            link.cut(NEAR)

    def heal(self) -> None:
        for link in [self._to_master, *self._to_watchers]:
            link.mend()

    def stop(self) -> None:
        super().stop()
        for link in [self._to_master, *self._to_watchers]:
            link.close()

    def kill(self, port: int) -> None:
        super().kill(self._behind if port == self._to_master.port else port)

    def _server(self, master: int | None = None) -> int:
        secret = ["--requirepass", PASSWORD, "--masterauth", PASSWORD]
        port = free_port()
        said = self._to_master.port if master is None else port
        words = ["--port", str(port), *SERVER, *secret]
        words += ["--replica-announce-ip", NEAR, "--replica-announce-port", str(said)]
        if master is None:
            self._behind = port
        else:
            words += ["--bind-source-addr", FAR, "--replicaof", NEAR, str(master)]
        self._spawn(port, words)
        return said

    def _watcher(self, *lines: str) -> int:
        return super()._watcher(f"bind-source-addr {FAR}", *lines)
