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

from app.engine.families.parallel.ranks import join, receive, split
from app.settings.placement import Parallel, Placement

log = logging.getLogger(__name__)


def _built_in(device: torch.device, placement: Placement, load: Mapping[str, Any]) -> list[Any]:
    from app.engine.families.embedded import load_parts

    return [load_parts(placement, device).transformer]


def _wan(device: torch.device, placement: Placement, load: Mapping[str, Any]) -> list[Any]:
    from app.engine.families.loading.folder import part
    from app.engine.families.loading.placement import Parts, place

    dtype = getattr(torch, load["dtype"])
    folder, host = Path(load["folder"]), torch.device("cpu")
    first, *rest = [part(folder, name, "diffusers", "WanTransformer3DModel", dtype, host) for name in load["parts"]]
    parts = Parts(first, torch.nn.Identity(), lambda prompts: torch.empty(0), second=rest[0] if rest else None)
    place(parts, placement, device)
    return parts.transformers


LOADERS: Mapping[str, Callable[[torch.device, Placement, Mapping[str, Any]], list[Any]]] = {
    "built-in": _built_in,
    "wan": _wan,
}
"""What is loaded, by its kind: the transformers, in the order in which rank 0 takes the lead of them."""


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
    transformers = LOADERS[load["kind"]](device, Placement(**load.get("placement", {})), load)
    for transformer in transformers:
        split(transformer.eval(), parallel, device)
        dist.monitored_barrier() if device.type == "cpu" else dist.barrier()
    while True:
        with torch.inference_mode():
            which, inputs = receive(device)
            transformers[which](**inputs)


if __name__ == "__main__":
    try:
        main(json.loads(sys.argv[1]))
    except RuntimeError as error:  # rank 0 has ended, and with it this one's work
        sys.exit(f"rank ends: {str(error)[:200]}")
