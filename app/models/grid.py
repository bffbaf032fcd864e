"""Which sizes and frame counts a model's latents divide into, read from its configuration files without loading it."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Final, TypeAlias

Config: TypeAlias = Mapping[str, object]
"""A part's `config.json`; empty where it has none."""

NOTHING: Final[Config] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Grid:
    """Frames are `first` plus a multiple of `temporal` (None: one frame), widths of `width`, heights of `height`.

    `latents`: how many latent frames each `temporal` frames are, and the first ones.
    """

    temporal: int | None
    width: int
    height: int
    first: int = 1
    latents: tuple[int, int] = (1, 1)

    def latent_frames(self, frames: int) -> int:
        """Of so many frames."""
        each, begins = self.latents
        return 1 if self.temporal is None else (frames - self.first) // self.temporal * each + begins

    def coarser(self, times: int) -> Grid:
        """Of videos that are made with sides so many times shorter first."""
        return replace(self, width=times * self.width, height=times * self.height)

    def problem(self, size: tuple[int, int]) -> str | None:
        """Why a (width, height) cannot be made; None: it can."""
        width, height = size
        if not width % self.width and not height % self.height:
            return None
        sides = f"{self.width}" if self.width == self.height else f"{self.width} and {self.height}"
        return f"{width}x{height} is no size that it makes: width and height have to be multiples of {sides}"

    def frames_problem(self, frames: int) -> str | None:
        """Why so many frames cannot be made; None: they can."""
        if self.temporal is None:
            return None if frames == 1 else f"{frames} frames are not what it makes: it makes one"
        if (frames - self.first) % self.temporal == 0 and (self.first == 1 or frames > self.first):
            return None
        whole = f"a multiple of {self.temporal}, plus {self.first}"
        return f"{frames} frames are not what it makes: the number has to be {whole}"


def cells(loader: str, transformer: Config, vae: Config) -> Grid:
    """The grid of a model of that `loader` by its parts' configurations: what one token stands for."""
    return _READERS[loader](transformer, vae)


def grid_of(loader: str, folder: Path | None) -> Grid:
    """The grid of a model that a family's `loader` reads; that of the published weights where its files are not here.

    Raises:
        OSError, ValueError: a configuration cannot be read.
    """
    if folder is None:
        return _READERS[loader](NOTHING, NOTHING)
    return _READERS[loader](config(folder / "transformer"), config(folder / "vae"))


def config(folder: Path) -> Config:
    """What a part's folder says of it. Raises OSError, ValueError: it cannot be read."""
    path = folder / "config.json"
    if not path.is_file():
        return NOTHING
    found = json.loads(path.read_text())
    return found if isinstance(found, dict) else NOTHING


def number(facts: Config, name: str, usual: int) -> int:
    """A positive whole number of a configuration, or the usual one where it says none."""
    found = facts.get(name)
    return int(found) if isinstance(found, (int, float)) and found >= 1 else usual


def _wan(transformer: Config, vae: Config) -> Grid:
    patch = transformer.get("patch_size")
    _, high, wide = patch if isinstance(patch, list) and len(patch) == 3 else (1, 2, 2)
    spatial = number(vae, "scale_factor_spatial", 8)
    return Grid(number(vae, "scale_factor_temporal", 4), spatial * int(wide), spatial * int(high))


def _ltx(transformer: Config, vae: Config) -> Grid:
    scaling = vae.get("spatio_temporal_scaling")
    halved = 2 ** sum(map(bool, scaling if isinstance(scaling, list) else (True, True, True, False)))
    spatial = number(vae, "spatial_compression_ratio", number(vae, "patch_size", 4) * halved)
    temporal = number(vae, "temporal_compression_ratio", number(vae, "patch_size_t", 1) * halved)
    return Grid(temporal, spatial, spatial)


def _ltx2(transformer: Config, vae: Config) -> Grid:
    if not vae:
        return Grid(8, 32, 32)
    scaling = vae.get("spatio_temporal_scaling")
    halved = 2 ** sum(map(bool, scaling if isinstance(scaling, list) else (True, True, True, True)))
    spatial = number(vae, "spatial_compression_ratio", number(vae, "patch_size", 4) * halved)
    temporal = number(vae, "temporal_compression_ratio", number(vae, "patch_size_t", 1) * halved)
    return Grid(temporal, spatial, spatial)


def _hunyuan(transformer: Config, vae: Config) -> Grid:
    return _patched(transformer, vae, spatial=8, patch=2)


def _hunyuan15(transformer: Config, vae: Config) -> Grid:
    return _patched(transformer, vae, spatial=16, patch=1)


def _patched(transformer: Config, vae: Config, spatial: int, patch: int) -> Grid:
    side = number(vae, "spatial_compression_ratio", spatial) * number(transformer, "patch_size", patch)
    return Grid(number(vae, "temporal_compression_ratio", 4), side, side)


def _kandinsky5(transformer: Config, vae: Config) -> Grid:
    patch = transformer.get("patch_size")
    _, high, wide = patch if isinstance(patch, list) and len(patch) == 3 else (1, 2, 2)
    spatial = number(vae, "spatial_compression_ratio", 8)
    return Grid(number(vae, "temporal_compression_ratio", 4), spatial * int(wide), spatial * int(high))


def _cogvideox(transformer: Config, vae: Config) -> Grid:
    side = _halvings(vae) * number(transformer, "patch_size", 2)
    return Grid(number(vae, "temporal_compression_ratio", 4), side, side)


def _minimax_h3(transformer: Config, vae: Config) -> Grid:
    patch = transformer.get("patch_size")
    _, high, wide = patch if isinstance(patch, list) and len(patch) == 3 else (1, 2, 2)
    halvings = vae.get("spatial_downsample_factors")
    spatial = math.prod(int(each) for each in halvings) if isinstance(halvings, list) else 16
    clip, shrunk = number(vae, "clip_length", 17), vae.get("temporal_downsample_factors")
    chunk = math.ceil(clip / (math.prod(int(each) for each in shrunk) if isinstance(shrunk, list) else 4))
    return Grid(clip, spatial * int(wide), spatial * int(high), chunk, (chunk, 2))


def _z_image(transformer: Config, vae: Config) -> Grid:
    side = 2 * _halvings(vae)  # its tokens are two latent pixels wide
    return Grid(None, side, side)


def _halvings(vae: Config) -> int:
    """Pixels to a latent pixel: the autoencoder halves the sides between each two of its levels."""
    levels = vae.get("block_out_channels")
    return int(2 ** ((len(levels) if isinstance(levels, list) and levels else 4) - 1))


_READERS: Final[Mapping[str, Callable[[Config, Config], Grid]]] = MappingProxyType(
    {
        "wan.load": _wan,
        "wan.vace": _wan,
        "wan.diffusion_forcing": _wan,
        "ltx": _ltx,
        "ltx2.load": _ltx2,
        "hunyuan": _hunyuan,
        "hunyuan_picture": _hunyuan,
        "hunyuan15": _hunyuan15,
        "cogvideox": _cogvideox,
        "kandinsky5": _kandinsky5,
        "z_image": _z_image,
        "minimax_h3.load": _minimax_h3,
        "minimax_h3.references": _minimax_h3,
    }
)
