"""Where the lines of a service lie: Serve's files on this machine, or on every node, by way of Ray's dashboard."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

import httpx

SERVE = "serve"  # the folder of Serve's files, below that of a session
LIST_S, READ_S = 10.0, 120.0
MOST_FOLLOWED = 2000  # lines at the end of a file that a look at another node asks for again


class NoLogs(Exception):
    """There is nothing to read; the message says where it was looked."""


class Logs(Protocol):
    """Files of lines, wherever they lie."""

    @property
    def where(self) -> str:
        """For people."""
        ...

    def files(self) -> Iterator[Iterable[str]]:
        """All of them, each as its lines. Raises NoLogs."""
        ...

    def news(self) -> Iterator[Iterable[str]]:
        """What may have come since it was last looked; some of it may have been seen before. Raises NoLogs."""
        ...


class Folder:
    """The files of one machine: those of every session of Ray below `root`, or one session's."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._ends: dict[tuple[int, int], int] = {}  # bytes read so far, by device and inode: names change

    @property
    def where(self) -> str:
        return f"{self._root}"

    def files(self) -> Iterator[Iterable[str]]:
        self._ends.clear()
        return self.news()

    def news(self) -> Iterator[Iterable[str]]:
        paths = self._paths()
        if not paths:
            raise NoLogs(f"There are no logs of a service in {self._root}.")
        for path in paths:
            yield self._from_where_it_was(path)

    def _paths(self) -> list[Path]:
        folders = [self._root, self._root / SERVE, self._root / "logs" / SERVE]
        folders += [each / "logs" / SERVE for each in self._root.glob("session_2*")]
        found = {path for folder in folders for path in folder.glob("*.log*") if path.is_file()}
        return sorted(found)

    def _from_where_it_was(self, path: Path) -> Iterator[str]:
        try:
            with path.open("rb") as file:
                about = os.fstat(file.fileno())
                key = (about.st_dev, about.st_ino)
                at = self._ends.get(key, 0)
                at = at if at <= about.st_size else 0  # it was begun anew
                file.seek(at)
                for raw in file:
                    if not raw.endswith(b"\n"):  # it is being written
                        break
                    at += len(raw)
                    yield raw.decode("utf-8", "replace")
                self._ends[key] = at
        except OSError:  # put aside, or cleared away, since it was listed
            return


class Dashboard:
    """The files of every node that is there, as Ray's dashboard hands them out."""

    def __init__(self, address: str, http: httpx.Client | None = None) -> None:
        self._address = address.rstrip("/")
        self._http = http or httpx.Client(base_url=self._address, headers=_token(os.environ), timeout=LIST_S)

    @property
    def where(self) -> str:
        return f"the nodes of {self._address}"

    def nodes(self) -> list[str]:
        """Ids of the nodes that are there. Raises NoLogs."""
        answer = self._ask("/api/v0/nodes", {"limit": 10_000})
        rows = answer["data"]["result"]["result"]
        return [str(row["node_id"]) for row in rows if row.get("state") == "ALIVE"]

    def files(self) -> Iterator[Iterable[str]]:
        yield from self._read(-1)

    def news(self) -> Iterator[Iterable[str]]:
        yield from self._read(MOST_FOLLOWED)

    def _read(self, lines: int) -> Iterator[Iterable[str]]:
        for node in self.nodes():
            listed = self._ask("/api/v0/logs", {"node_id": node, "glob": f"{SERVE}/*.log*"})["data"]["result"]
            for name in sorted(name for kind in listed.values() for name in kind):
                if lines < 0 or name.endswith(".log"):
                    yield self._content(node, name, lines)

    def _content(self, node: str, name: str, lines: int) -> list[str]:
        params: dict[str, str | int] = {"node_id": node, "filename": name, "lines": lines, "timeout": int(READ_S)}
        try:
            answer = self._http.get("/api/v0/logs/file", params=params, timeout=READ_S)
        except httpx.HTTPError:  # its node has gone since it was listed
            return []
        return answer.text.splitlines(keepends=True) if answer.is_success else []

    def _ask(self, path: str, params: Mapping[str, str | int]) -> Any:
        try:
            answer = self._http.get(path, params=dict(params))
            if answer.status_code in (401, 403):
                raise NoLogs(f"The dashboard at {self._address} wants a token: set RAY_AUTH_TOKEN.")
            told = answer.json()
        except (httpx.HTTPError, ValueError) as error:
            raise NoLogs(f"The Ray dashboard at {self._address} does not answer: {error}.") from error
        if not answer.is_success or not told.get("result"):
            raise NoLogs(f"The Ray dashboard at {self._address} says: {told.get('msg') or answer.status_code}.")
        return told


def _token(environment: Mapping[str, str]) -> dict[str, str]:
    """The header that a dashboard wants which Ray has given a token: as Ray's own tools find it."""
    token = environment.get("RAY_AUTH_TOKEN")
    path = Path(environment.get("RAY_AUTH_TOKEN_PATH") or "~/.ray/auth_token").expanduser()
    if not token and environment.get("RAY_AUTH_MODE") != "disabled" and path.is_file():
        token = path.read_text().strip()
    return {"Authorization": f"Bearer {token}"} if token else {}


def found_logs(folder: Path | None, address: str | None, environment: Mapping[str, str]) -> Logs:
    """What to read: what was named, else the cluster that answers here if it has several nodes, else this machine's."""
    if folder is not None:
        return Folder(folder)
    address = address or environment.get("RAY_DASHBOARD_ADDRESS")
    if address:
        return Dashboard(address)
    here = Path(environment.get("RAY_TMPDIR") or "/tmp") / "ray"
    cluster = Dashboard("http://127.0.0.1:8265")
    try:
        return cluster if len(cluster.nodes()) > 1 or not here.is_dir() else Folder(here)
    except NoLogs:
        if here.is_dir():
            return Folder(here)
        raise NoLogs(
            f"There is no Ray on this machine ({here}), and no dashboard at 127.0.0.1:8265: give --address, the "
            "dashboard of the service's cluster, or --folder."
        ) from None
