from __future__ import annotations
import time, statistics
import httpx, pytest
from cluster.local import LocalService
from tests.deployments.test_storyboards import made
pytestmark = pytest.mark.anyio

def wish(n, tag):
    return {"title": tag, "scenes": [{"prompt": f"a red ball bounces on sand {tag} {i}", "tier": "preview", "narration": f"This is scene {i}."} for i in range(n)]}

async def test_measure(service: LocalService) -> None:
    async with httpx.AsyncClient(base_url=service.url, timeout=60.0) as client:
        for n in (5, 7):
            w = wish(n, f"x{n}")
            t = time.perf_counter(); story = await made(client, w); whole = time.perf_counter() - t
            print(n, "whole", round(whole, 2), story["status"], story["error"], story["usage"], story["seconds"])
            times = []
            for _ in range(12):
                t = time.perf_counter(); a = (await client.post("/v1/storyboards", json=w)).json(); times.append(time.perf_counter() - t)
                assert a["status"] == "completed", a
            print(n, "again ms", sorted(round(1000 * x) for x in times))
            t = time.perf_counter()
            r = await client.patch(f"/v1/storyboards/{story['id']}/scenes/3", json={"prompt": f"a green cube {n}"})
            assert r.status_code == 200, r.text
            print("patch ms", round(1000*(time.perf_counter()-t)))
            while True:
                s = (await client.get(f"/v1/storyboards/{story['id']}")).json()
                if s["status"] in ("completed", "failed"): break
            edit = time.perf_counter() - t
            print(n, "edit", round(edit, 2), round(edit / whole, 3), s["usage"])
            times = []
            for _ in range(20):
                t = time.perf_counter(); await client.get(f"/v1/storyboards/{story['id']}"); times.append(time.perf_counter() - t)
            print("get ms", round(1000 * statistics.median(times), 1))
