"""A rank that is not the first, as a process: loads its model, then makes its part of each forward of rank 0."""

from __future__ import annotations

import json
import logging
import os
import sys
from pathlib import Path

import torch
import torch.distributed as dist

from app.engine.families.parallel.ranks import RankFacts, join, receive, split
from app.engine.families.registry import reader_of
from app.logs.hiding import Hiding
from app.logs.lines import LineFormatter
from app.logs.setup import listen
from app.settings.placement import Parallel

log = logging.getLogger(__name__)


def main(facts: RankFacts) -> None:
    """Follow rank 0 until it is gone."""
    rank, parallel, load = facts["rank"], Parallel(**facts["parallel"]), facts["load"]
    if torch.cuda.is_available():
        device = torch.device("cuda", rank % torch.cuda.device_count())
        torch.cuda.set_device(device)
    else:
        device = torch.device("cpu")
        torch.set_num_threads(max(1, (os.cpu_count() or 1) // parallel.ranks))
    join(rank, facts["world"], Path(facts["meeting"]))
    transformers = reader_of(load["module"]).transformers(load, device)
    for transformer in transformers:
        split(transformer.eval(), parallel, device)
        dist.monitored_barrier() if device.type == "cpu" else dist.barrier()
    while True:
        with torch.inference_mode():
            which, inputs = receive(device)
            transformers[which](**inputs)


if __name__ == "__main__":
    told = json.loads(sys.argv[1])
    to_stderr = logging.StreamHandler()
    to_stderr.setFormatter(LineFormatter("json", {"deployment": "Diffuser", "rank": told["rank"]}, Hiding()))
    listen(to_stderr, "info")
    try:
        main(told)
    except RuntimeError as error:  # rank 0 has ended, and with it this one's work
        sys.exit(f"rank ends: {str(error)[:200]}")
