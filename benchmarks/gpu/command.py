"""`python -m benchmarks gpu --minutes 8`: as many rows as fit into the minutes, by a child that may die.

The parent only watches: it ends the child when the time is up, notes the row that a child died in, and begins another,
which goes on with the next row. Run again, it goes on where it stopped. Needs torch, diffusers and what this tree's
engine imports (pydantic, pydantic-settings, structlog, psutil, rich); no network and no Ray.
"""

from __future__ import annotations

import argparse
import gc
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.gpu.day import Results

RESULTS = Path(__file__).parent.parent / "results" / "gpu.json"
MARGIN_S = 5.0  # before the end, for a child to be gone
MOST_CHILDREN = 12


def main(words: Sequence[str]) -> int:
    """0 as long as it could be started at all: rows that failed say so in the file."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks gpu", description=__doc__)
    parser.add_argument("--minutes", type=float, default=8.0, help="of wall-clock time, start included; 8 by default")
    parser.add_argument("--device", default="cuda", help="cuda or cpu; cuda by default")
    parser.add_argument("--tiny", action="store_true", help="tiny configurations: only whether it runs")
    parser.add_argument("--models", default="", help="some of them, by name, with commas between; all by default")
    parser.add_argument("--out", type=Path, default=RESULTS, help="the results file")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(words)
    ends = time.monotonic() + 60 * options.minutes - MARGIN_S
    if options.child:
        _measure(options, ends)
        return 0
    return _watch(options, list(words), ends)


def _watch(options: argparse.Namespace, words: list[str], ends: float) -> int:
    """Child after child, until one has gone through all rows, or the time is up."""
    for _ in range(MOST_CHILDREN):
        left_s = ends - time.monotonic()
        if left_s <= 0:
            break
        command = [sys.executable, "-m", "benchmarks", "gpu", *words, "--child", "--minutes", str(left_s / 60)]
        child = subprocess.Popen(command)
        try:
            code = child.wait(left_s)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
            _note(options.out, "The time was up.", counts=False)
            break
        _note(options.out, f"The process ended with {code}.", counts=True)
        if code == 0:
            break
    sys.stdout.write(options.out.read_text() if options.out.exists() else "Nothing was measured.\n")
    return 0 if options.out.exists() else 1


def _note(path: Path, why: str, counts: bool) -> None:
    if path.exists():
        Results(path).fail(why, counts)


def _measure(options: argparse.Namespace, ends: float) -> None:
    """The child: row by row, the model of each loaded when the one before has left."""
    import torch

    from benchmarks.gpu import measure
    from benchmarks.gpu.subjects import subjects

    device = torch.device(options.device)
    dtype = torch.bfloat16 if device.type == "cuda" else torch.float32
    by_name = {subject.name: subject for subject in subjects(options.tiny)}
    models = [name for name in by_name if not options.models or name in options.models.split(",")]
    results = Results(options.out)
    results.open(_facts(device, options.tiny, dtype))
    loaded: measure.Loaded | None = None
    while time.monotonic() < ends and (left := results.left(models)):
        model, row = left[0]
        results.begin(f"{model}/{row}")
        began = time.monotonic()
        try:
            if loaded is None or loaded.subject.name != model:
                loaded = None
                _free()
                loaded = measure.load(by_name[model], device, dtype, 2 if options.tiny else 5)
            results.end(getattr(measure, row)(loaded), time.monotonic() - began)
        except Exception as error:  # no row may end the others; what went wrong is its result
            results.fail(f"{type(error).__name__}: {error}")
            loaded = None  # it may be half moved
            if device.type == "cuda" and "CUDA error" in str(error):
                raise  # the process' device is lost; the next one begins with the next row


def _free() -> None:
    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def _facts(device: object, tiny: bool, dtype: object) -> dict[str, object]:
    import diffusers
    import torch

    return {
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else str(device),
        "configurations": "tiny" if tiny else "as published",
        "dtype": str(dtype).removeprefix("torch."),
        "torch": torch.__version__,
        "diffusers": diffusers.__version__,
        "weights and texts": "random: speed does not depend on them, quality is not measured",
    }
