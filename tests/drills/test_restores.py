"""A backup is brought back after work that it knows nothing of: no job of it fails, and what was made is found."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.drills.restores import After, drill

pytestmark = pytest.mark.anyio


@pytest.mark.redis
@pytest.mark.parametrize("after", list(After))
async def test_every_job_of_a_backup_ends_well_whatever_happened_since(
    after: After, redis_url: str, tmp_path: Path
) -> None:
    outcome = await drill(list(After).index(after), redis_url, tmp_path)
    assert outcome.well, outcome
    assert outcome.found > 0
