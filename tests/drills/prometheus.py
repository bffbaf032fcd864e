"""A real Prometheus with our rules, in a world that runs faster: what it scrapes, what fires, what it has data of."""

from __future__ import annotations

import math
import shutil
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import yaml

from cluster.alerts import groups
from tests.ports import free_port
from tests.waiting import until

PROGRAM = shutil.which("prometheus")
SCRAPE = "1s"


class Prometheus:
    """The program, scraping those targets by job name; `times` as `cluster.alerts.groups` has it."""

    def __init__(self, folder: Path, targets: Mapping[str, int], times: float, *features: str) -> None:
        self.began = time.time()
        port = free_port()
        config = {
            "global": {"scrape_interval": SCRAPE, "scrape_timeout": SCRAPE, "evaluation_interval": SCRAPE},
            "rule_files": ["rules.yaml"],
            "scrape_configs": [
                {"job_name": job, "static_configs": [{"targets": [f"127.0.0.1:{at}"]}]} for job, at in targets.items()
            ],
        }
        folder.mkdir(parents=True)
        (folder / "rules.yaml").write_text(yaml.safe_dump({"groups": groups(times)}))
        (folder / "prometheus.yaml").write_text(yaml.safe_dump(config))
        self._log = (folder / "log").open("wb")
        self._process = subprocess.Popen(
            [
                *(PROGRAM or "prometheus", f"--config.file={folder}/prometheus.yaml"),
                *(f"--storage.tsdb.path={folder}/data", f"--web.listen-address=127.0.0.1:{port}"),
                *(f"--enable-feature={each}" for each in features),
            ],
            stdout=self._log,
            stderr=self._log,
        )
        self._client = httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=20.0)

    async def ready(self) -> None:
        """Until it answers, and has scraped every target."""

        async def look() -> bool:
            try:
                return bool(await self.query("min(up) == 1"))
            except (httpx.HTTPError, KeyError, ValueError):
                return False

        await until(look)

    async def close(self) -> None:
        await self._client.aclose()
        self._process.terminate()
        self._process.wait(20)
        self._log.close()

    async def query(self, expression: str) -> list[dict[str, Any]]:
        """The vector that the expression is now."""
        answer = (await self._client.get("/api/v1/query", params={"query": expression})).json()
        found: list[dict[str, Any]] = answer["data"]["result"]
        return found

    async def firing(self) -> set[str]:
        """The alerts that fire now."""
        alerts = (await self._client.get("/api/v1/alerts")).json()["data"]["alerts"]
        return {alert["labels"]["alertname"] for alert in alerts if alert["state"] == "firing"}

    async def has_data(self, expression: str) -> bool:
        """Whether the expression had a value, which is a number, at any time since this began."""
        window = {"query": expression, "start": str(self.began), "end": str(time.time()), "step": "1s"}
        answer = (await self._client.get("/api/v1/query_range", params=window)).json()
        assert answer["status"] == "success", (expression, answer)
        return any(not math.isnan(float(value)) for row in answer["data"]["result"] for _, value in row["values"])
