"""A real architecture that spandrel reads, with the weights that make it repeat each pixel: what comes out is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from app.video.upscale.model import BadUpscaler, ModelUpscaler

try:
    from spandrel.architectures.Compact import Compact
except (ImportError, RuntimeError):
    pytest.skip("spandrel is not installed, or its torchvision is of another torch", allow_module_level=True)


def saved(folder: Path, scale: int = 2) -> Path:
    """SRVGGNetCompact, which adds what it computes to the picture with pixels repeated; here it computes nothing."""
    compact = Compact(num_in_ch=3, num_out_ch=3, num_feat=8, num_conv=2, upscale=scale)
    weights = {name: torch.zeros_like(value) for name, value in compact.state_dict().items()}
    path = folder / f"compact{scale}.safetensors"
    save_file(weights, path)
    return path


def picture(height: int = 70, width: int = 45) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.random.default_rng(0).integers(0, 255, (height, width, 3), np.uint8)


@pytest.mark.parametrize(("scale", "tile"), [(2, 32), (2, 4096), (4, 32)])
def test_a_model_enlarges_tile_by_tile(tmp_path: Path, scale: int, tile: int) -> None:
    made = ModelUpscaler(saved(tmp_path, scale), scale, tile)(picture())
    assert np.array_equal(made, picture().repeat(scale, 0).repeat(scale, 1))


def test_a_model_of_another_factor_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadUpscaler, match="enlarges 2 times, and is set for 4"):
        ModelUpscaler(saved(tmp_path), 4, 256)


@pytest.mark.parametrize("name", ["model.safetensors", "model.pth"])
def test_what_is_no_model_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"nothing")
    with pytest.raises(BadUpscaler, match=f"{name} is no model that spandrel reads"):
        ModelUpscaler(tmp_path / name, 2, 256)
