"""A rank that is not the first, as a process: loads its model, then makes its part of each forward of rank 0."""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist

from app.engine.families.ranks import join, receive, split
from app.engine.presets import Parallel, Placement

log = logging.getLogger(__name__)


def _built_in(device: torch.device, placement: Placement, load: Mapping[str, Any]) -> Any:
    from app.engine.families.embedded import load_parts

    return load_parts(placement, device).transformer


def _folder(device: torch.device, placement: Placement, load: Mapping[str, Any]) -> Any:
    from diffusers import WanTransformer3DModel

    from app.engine.families.placement import Parts, place, precision

    dtype = precision(placement, device)
    transformer = WanTransformer3DModel.from_pretrained(load["folder"], torch_dtype=dtype, local_files_only=True)
    parts = Parts(transformer, torch.nn.Identity(), lambda prompts: torch.empty(0))
    place(parts, placement, device)
    return parts.transformer


LOADERS: Mapping[str, Callable[[torch.device, Placement, Mapping[str, Any]], Any]] = {
    "built-in": _built_in,
    "folder": _folder,
}


def main(facts: Mapping[str, Any]) -> None:
    """Follow rank 0 until it is gone."""
    rank, parallel = int(facts["rank"]), Parallel(**facts["parallel"])
    if torch.cuda.is_available():
        device = torch.device("cuda", rank % torch.cuda.device_count())
        torch.cuda.set_device(device)
    else:
        device = torch.device("cpu")
        torch.set_num_threads(max(1, (os.cpu_count() or 1) // parallel.ranks))
    load = facts["load"]
    join(rank, int(facts["world"]), Path(facts["meeting"]))
    transformer = LOADERS[load["kind"]](device, Placement(**load.get("placement", {})), load).eval()
    split(transformer, parallel, device)
    dist.monitored_barrier() if device.type == "cpu" else dist.barrier()
    while True:
        with torch.inference_mode():
            transformer(**receive(device))


if __name__ == "__main__":
    try:
        main(json.loads(sys.argv[1]))
    except RuntimeError as error:  # rank 0 has ended, and with it this one's work
        sys.exit(f"rank ends: {str(error)[:200]}")
