"""Context parallelism: several ranks of one replica share each forward; rank 0 is the denoiser's, the others follow."""

from __future__ import annotations

import json
import logging
import math
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Any, TypedDict

import torch
import torch.distributed as dist
from diffusers import ContextParallelConfig, ParallelConfig

from app.engine.denoiser import DeviceLost
from app.engine.families.diffusers_private import can_be_split, split_on_host
from app.engine.families.models import Transformer
from app.errors import InvalidRequest, UnsupportedParameter
from app.settings.placement import Parallel

log = logging.getLogger(__name__)
IDLE = timedelta(days=30)  # a rank waits so long for the next forward; that a step hangs is the watchdog's to see
MOST_HEADER_BYTES = 1 << 16
DTYPES = {
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
    "int64": torch.int64,
    "bool": torch.bool,
}
_NAMES = {dtype: name for name, dtype in DTYPES.items()}
STOP_S = 5.0


class RankLoad(TypedDict):
    """What the other ranks load: by the `READER` of that module, from the parts' folders, in that precision."""

    module: str
    folder: str
    parts: list[str]
    dtype: str
    placement: dict[str, Any]


class RankFacts(TypedDict):
    """All that a rank beside the first is told, on its command line as JSON."""

    rank: int
    world: int
    meeting: str
    parallel: dict[str, int]
    load: RankLoad


class Ranks:
    """Rank 0's side: starts the other ranks as children on this machine, and has them follow each forward.

    Inputs travel as plain tensors with a small JSON header; nothing is unpickled. `load` tells `rank.py` what to load.
    A replica has one of these, for a process has one group of ranks.
    """

    def __init__(self, parallel: Parallel, load: RankLoad) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="kinoray-ranks-")  # only this user can read it
        self._device = torch.device("cuda", 0) if torch.cuda.is_available() else torch.device("cpu")
        meeting = Path(self._folder.name) / "meeting"
        self._children = [
            _start(
                RankFacts(rank=rank, world=parallel.ranks, meeting=str(meeting), parallel=asdict(parallel), load=load)
            )
            for rank in range(1, parallel.ranks)
        ]
        try:
            join(0, parallel.ranks, meeting)
        except Exception:
            self.close()
            raise

    def lead(self, transformer: Transformer, parallel: Parallel, which: int = 0) -> RankZero:
        """The transformer as the denoiser is to call it; `which` of those that the other ranks have loaded, in order.

        The other ranks are ready when this returns.

        Raises:
            DeviceLost: a rank has ended.
        """
        split(transformer, parallel, self._device)
        try:
            dist.monitored_barrier(timeout=timedelta(minutes=30)) if self._device.type == "cpu" else dist.barrier()
        except RuntimeError as error:
            raise DeviceLost(f"A rank is not there: {error}") from error
        pieces = parallel.ranks if self._device.type == "cpu" or parallel.ring > 1 < parallel.ulysses else 1
        return RankZero(transformer, self, pieces, which)

    def follow(self, inputs: Mapping[str, object], which: int = 0) -> None:
        """Have the other ranks begin the same forward of that transformer.

        Raises:
            DeviceLost: a rank has ended.
        """
        ended = [child.pid for child in self._children if child.poll() is not None]
        if ended:
            raise DeviceLost(f"{len(ended)} of the other ranks have ended.")
        send(inputs, self._device, which)

    def close(self) -> None:
        """End the other ranks."""
        for child in self._children:
            child.terminate()
        for child in self._children:
            try:
                child.wait(STOP_S)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        if dist.is_initialized():
            dist.destroy_process_group()
        self._folder.cleanup()


class RankZero:
    """A transformer whose every forward is made by all ranks together; for everything else it is the transformer."""

    def __init__(self, transformer: Transformer, ranks: Ranks, pieces: int = 1, which: int = 0) -> None:
        self._inner = transformer
        self._ranks = ranks
        self._pieces = pieces  # equal ones, that a sequence has to divide into
        self._which = which

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def eval(self) -> RankZero:
        """As the transformer's own."""
        self._inner.eval()
        return self

    def enable_cache(self, config: object) -> None:
        """Refused: each rank would decide by its own part of the video, and they would part ways."""
        raise UnsupportedParameter("A model on several ranks has no step caches.", "step_cache")

    def __call__(self, *args: object, **inputs: object) -> Any:
        """One forward, of named inputs. What goes wrong in its middle leaves the ranks out of step: the engine is over.

        Raises:
            InvalidRequest: the video's tokens do not divide among the ranks; nothing has begun.
            DeviceLost: a rank has ended, or the forward failed on this one.
        """
        if args:
            raise TypeError("what ranks share has names")
        if _tokens(inputs, self._inner) % self._pieces:
            raise InvalidRequest(f"A video of this shape does not divide into {self._pieces} equal parts.", "size")
        try:
            self._ranks.follow(inputs, self._which)
            return self._inner(**inputs)
        except (RuntimeError, ValueError) as error:
            if isinstance(error, DeviceLost):
                raise
            raise DeviceLost(f"The ranks are out of step: {error}") from error


def _tokens(inputs: Mapping[str, object], transformer: Transformer) -> int:
    """How long the sequence is that the ranks share: of tokens (B, N, C), or of patches of a latent."""
    hidden = inputs["hidden_states"]
    if not isinstance(hidden, torch.Tensor):
        raise TypeError("hidden_states is no tensor")
    if hidden.ndim == 3:
        return hidden.shape[1]
    sides = zip(hidden.shape[2:], transformer.config.patch_size, strict=True)
    return math.prod(side // patch for side, patch in sides)


def join(rank: int, world: int, meeting: Path) -> None:
    """Become a rank of this machine's group: gloo for processors and headers, NCCL for what is on GPUs."""
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo0" if sys.platform == "darwin" else "lo")
    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
    dist.init_process_group(backend, init_method=meeting.as_uri(), rank=rank, world_size=world, timeout=IDLE)


def split(transformer: Transformer, parallel: Parallel, device: torch.device) -> None:
    """Give this rank its part of every sequence, as diffusers' `enable_parallelism` does.

    On a processor that method asks for an accelerator's number, so that its parts are called one by one there.

    Raises:
        ValueError: the model cannot be split so; its heads have to be a multiple of the Ulysses degree, and a ring
            needs an attention that only GPUs have.
    """
    if not can_be_split(transformer):
        raise ValueError("diffusers does not know where the sequences of this model can be cut")
    on_gpu = device.type != "cpu"
    if parallel.ring > 1 and not on_gpu:
        raise ValueError("ring attention needs GPUs; use ulysses")
    heads = int(transformer.config.num_attention_heads)
    if heads % parallel.ulysses:
        raise ValueError(f"{heads} heads do not divide into {parallel.ulysses} parts")
    config = ContextParallelConfig(
        ulysses_degree=parallel.ulysses,
        ring_degree=parallel.ring,
        ulysses_anything=on_gpu and parallel.ring == 1,  # sequences of any length; gloo gathers equal parts only
        ring_anything=on_gpu and parallel.ulysses == 1,
    )
    if on_gpu:
        transformer.enable_parallelism(config=config)
        return
    whole = ParallelConfig(context_parallel_config=config)
    mesh = dist.device_mesh.init_device_mesh("cpu", config.mesh_shape, mesh_dim_names=config.mesh_dim_names)
    whole.setup(dist.get_rank(), dist.get_world_size(), device, mesh=mesh)
    split_on_host(transformer, whole)


def send(inputs: Mapping[str, object], device: torch.device, which: int = 0) -> None:
    """Rank 0: a forward's inputs to all others. Tensors travel as they are, everything else as JSON."""
    tensors: list[torch.Tensor] = []
    plain = {name: _packed(value, tensors) for name, value in inputs.items()}
    kinds = [[_NAMES[each.dtype], list(each.shape)] for each in tensors]
    data = torch.frombuffer(
        bytearray(json.dumps({"inputs": plain, "tensors": kinds, "which": which}).encode()), dtype=torch.uint8
    )
    dist.broadcast(torch.tensor([len(data)]), src=0)
    dist.broadcast(data, src=0)
    for each in tensors:
        dist.broadcast(each.to(device), src=0)


def receive(device: torch.device) -> tuple[int, dict[str, object]]:
    """The other ranks: wait for the next forward: which transformer's, and its inputs.

    Raises:
        RuntimeError: rank 0 is gone.
        ValueError: what came is no header.
    """
    size = torch.zeros(1, dtype=torch.int64)
    dist.broadcast(size, src=0)
    if not 0 < int(size) <= MOST_HEADER_BYTES:
        raise ValueError("this is no header")
    data = torch.zeros(int(size), dtype=torch.uint8)
    dist.broadcast(data, src=0)
    header = json.loads(data.numpy().tobytes())
    tensors = [torch.empty(shape, dtype=DTYPES[dtype], device=device) for dtype, shape in header["tensors"]]
    for each in tensors:
        dist.broadcast(each, src=0)
    return int(header["which"]), {name: _unpacked(value, tensors) for name, value in header["inputs"].items()}


def _packed(value: object, tensors: list[torch.Tensor]) -> object:
    """A value as JSON, with a number where a tensor stood, which goes to the list."""
    if isinstance(value, torch.Tensor):
        tensors.append(value.contiguous())
        return {"tensor": len(tensors) - 1}
    if isinstance(value, (list, tuple)):
        return [_packed(one, tensors) for one in value]
    return value


def _unpacked(value: object, tensors: Sequence[torch.Tensor]) -> object:
    """The value again; what was a list is a tuple."""
    if isinstance(value, dict):
        return tensors[value["tensor"]]
    return tuple(_unpacked(one, tensors) for one in value) if isinstance(value, list) else value


def _start(facts: RankFacts) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", "app.engine.families.parallel.rank", json.dumps(facts)])
