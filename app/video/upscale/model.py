"""A picture comes in, a larger one goes out, made by the operator's own model, of whatever spandrel reads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from app.errors import GenerationError
from app.video.upscale.tiles import tiles

Picture = NDArray[np.uint8]
"""sRGB, (H, W, 3)."""


class BadUpscaler(GenerationError):
    """The file is no model that enlarges pictures by that factor, or spandrel is not installed."""

    code = "upscaling_failed"


class ModelUpscaler:
    """Enlarges pictures tile by tile, on the CPU; its memory follows from the tile's side, not the picture's."""

    def __init__(self, path: Path, factor: int, tile: int) -> None:
        """`path` is the operator's, from the settings; `tile` the side of a tile in pixels, before enlarging.

        spandrel reads safetensors, and `.pth` by an unpickler that makes tensors and nothing else.

        Raises:
            BadUpscaler.
        """
        self._model, self._factor, self._tile = _loaded(path, factor), factor, tile

    def __call__(self, picture: Picture) -> Picture:
        """uint8 (H * factor, W * factor, 3). Raises BadUpscaler."""
        height, width = picture.shape[:2]
        factor = self._factor
        whole = np.empty((height * factor, width * factor, 3), np.uint8)
        for tile in tiles(height, width, self._tile):
            made = self._made(picture[tile.top : tile.bottom, tile.left : tile.right])
            top, left = (tile.keep_top - tile.top) * factor, (tile.keep_left - tile.left) * factor
            rows, columns = (tile.keep_bottom - tile.keep_top) * factor, (tile.keep_right - tile.keep_left) * factor
            whole[
                tile.keep_top * factor : tile.keep_bottom * factor, tile.keep_left * factor : tile.keep_right * factor
            ] = made[top : top + rows, left : left + columns]
        return whole

    def _made(self, picture: Picture) -> Picture:
        """One tile, enlarged."""
        height, width = picture.shape[:2]
        values = torch.from_numpy(np.ascontiguousarray(picture)).permute(2, 0, 1)[None].float() / 255
        with torch.inference_mode():
            try:
                made = self._model(values)  # pads to the multiples that its architecture needs
            except RuntimeError as error:
                raise BadUpscaler(f"The model failed: {str(error)[:200]}") from error
        if made.shape != (1, 3, height * self._factor, width * self._factor) or not made.isfinite().all():
            raise BadUpscaler(f"The model gives {list(made.shape)}, which is no finite picture of that factor.")
        whole: Picture = (made[0].float().clamp(0, 1) * 255).round().to(torch.uint8).permute(1, 2, 0).numpy()
        return whole


def _loaded(path: Path, factor: int) -> Any:
    try:
        import spandrel
    except (ImportError, RuntimeError) as error:  # RuntimeError: a torchvision of another torch
        told = "spandrel is not installed where files are finished: pip install 'kinoray[upscale]'."
        raise BadUpscaler(told) from error
    try:
        model = spandrel.ModelLoader(device="cpu").load_from_file(str(path))
    except Exception as error:
        raise BadUpscaler(f"{path.name} is no model that spandrel reads: {str(error)[:200]}") from error
    if not isinstance(model, spandrel.ImageModelDescriptor) or model.input_channels != 3 or model.output_channels != 3:
        raise BadUpscaler(f"{path.name} is no model that takes and gives one picture in colour.")
    if model.scale != factor:
        raise BadUpscaler(f"{path.name} enlarges {model.scale} times, and is set for {factor}.")
    return model.eval()
