from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from app.video.interpolate.torchscript import BadInterpolation, ModuleInterpolator


class Blend(nn.Module):
    def forward(self, first: Tensor, second: Tensor, moment: Tensor) -> Tensor:
        return first + (second - first) * moment


class Half(nn.Module):
    def forward(self, first: Tensor, second: Tensor, moment: Tensor) -> Tensor:
        return first[:, :, ::2]


def saved(module: nn.Module, folder: Path) -> Path:
    path = folder / "module.pt"
    torch.jit.script(module).save(str(path))  # type: ignore[no-untyped-call]
    return path


def test_the_operators_module_makes_the_frames_between_at_any_size(tmp_path: Path) -> None:
    first, second = np.full((50, 70, 3), 40, np.uint8), np.full((50, 70, 3), 240, np.uint8)
    made = list(ModuleInterpolator(saved(Blend(), tmp_path)).between(first, second, [0.25, 0.75]))
    assert [(each.shape, int(each.min()), int(each.max())) for each in made] == [
        ((50, 70, 3), 90, 90),
        ((50, 70, 3), 190, 190),
    ]


def test_what_is_no_picture_of_that_size_ends_the_job_with_a_word(tmp_path: Path) -> None:
    picture = np.zeros((64, 64, 3), np.uint8)
    with pytest.raises(BadInterpolation, match="not a finite picture"):
        list(ModuleInterpolator(saved(Half(), tmp_path)).between(picture, picture, [0.5]))


@pytest.mark.parametrize("content", [b"", b"no module", b"PK\x03\x04" + b"\0" * 100])
def test_a_file_that_is_no_module_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "rife.pt"
    path.write_bytes(content)
    with pytest.raises(BadInterpolation, match="rife.pt is no TorchScript module") as caught:
        ModuleInterpolator(path)
    assert caught.value.error_code == "interpolation_failed"


def test_a_pickle_is_not_run(tmp_path: Path) -> None:
    torch.save({"weights": [1, 2]}, tmp_path / "rife.pt")
    with pytest.raises(BadInterpolation):
        ModuleInterpolator(tmp_path / "rife.pt")
