from __future__ import annotations

from app.settings.placement import BATCH_GAIN
from benchmarks.gains import latencies
from benchmarks.jobs import FRAMES


def test_on_a_busy_device_jobs_are_done_sooner_where_batches_that_save_little_are_formed() -> None:
    shipped, choosy = (
        latencies(4, further=0.7, load=0.9, frames=FRAMES[-1:], gain=gain, jobs=120, seeds=(1,))
        for gain in (BATCH_GAIN, 0.1)
    )
    assert shipped["mean_s"] < choosy["mean_s"]
    assert shipped["p95_s"] < choosy["p95_s"]
