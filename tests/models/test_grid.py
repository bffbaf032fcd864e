"""What the configuration says that a model makes is what its family makes: asked of the real classes, tiny."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from app.engine.families.family_denoiser import FamilyDenoiser
from app.engine.families.hunyuan_picture import BESIDE
from app.engine.families.ltx import FIRST
from app.errors import InvalidRequest
from app.models.grid import grid_of
from app.plan.families import FAMILIES
from app.types import VideoSpec
from tests.engine.families.test_first_pictures import hunyuan10
from tests.engine.families.tiny import autoencoder_of, tiny_wan, transformer_of
from tests.engine.families.tiny_cogvideox import cogvideox
from tests.engine.families.tiny_h3 import tiny as h3
from tests.engine.families.tiny_hunyuan import hunyuan, hunyuan15
from tests.engine.families.tiny_kandinsky5 import kandinsky5
from tests.engine.families.tiny_ltx import ltx
from tests.engine.families.tiny_ltx2 import ltx2
from tests.engine.families.tiny_z_image import z_image
from tests.engine.families.wan.test_diffusion_forcing import tiny as films

TINY: Mapping[str, Callable[[], FamilyDenoiser]] = {
    "wan.load": tiny_wan,
    "ltx": lambda: ltx(FIRST, conditioned=False).denoiser,
    "ltx2.load": lambda: ltx2().denoiser,
    "hunyuan": lambda: hunyuan().denoiser,
    "hunyuan15": lambda: hunyuan15().denoiser,
    "cogvideox": lambda: cogvideox(pairs=True).denoiser,
    "z_image": lambda: z_image().denoiser,
    "wan.diffusion_forcing": films,
    "hunyuan_picture": lambda: hunyuan10(BESIDE).make(),
    "kandinsky5": lambda: kandinsky5().denoiser,
    "minimax_h3.load": h3,
    "minimax_h3.references": h3,
}


def makes(denoiser: FamilyDenoiser, width: int, height: int, frames: int) -> bool:
    family: Any = denoiser._family
    try:
        family.latent_shape(VideoSpec(width, height, frames, 8))
    except InvalidRequest:
        return False
    return True


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")
@pytest.mark.parametrize("loader", TINY)
def test_a_size_or_length_is_a_problem_exactly_where_the_family_refuses_it(loader: str, tmp_path: Path) -> None:
    denoiser = TINY[loader]()
    transformer_of(denoiser).save_config(tmp_path / "transformer")
    autoencoder_of(denoiser).save_config(tmp_path / "vae")
    grid = grid_of(loader, tmp_path)
    good = (64 * grid.width, 64 * grid.height)
    length = 22 if loader.startswith("minimax_h3") else 1
    for side in range(2, 130, 2):
        assert (grid.problem((side, good[1])) is None) == makes(denoiser, side, good[1], length), side
        assert (grid.problem((good[0], side)) is None) == makes(denoiser, good[0], side, length), side
    if loader == "z_image":  # a picture, whatever is asked for
        assert [grid.frames_problem(count) is None for count in (1, 2, 5)] == [True, False, False]
        return
    for frames in range(1, 40):
        assert (grid.frames_problem(frames) is None) == makes(denoiser, *good, frames), frames


@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_makes_its_own_sizes_and_lengths_by_its_published_grid(name: str) -> None:
    row = FAMILIES[name]
    grid = grid_of(row.loader, None)
    assert [grid.problem(size) for size in row.sizes] == [None] * len(row.sizes)
    assert {grid.frames_problem(count) for count in row.legal_frames} == {None}
    assert "40x41" in str(grid.problem((40, 41)))
