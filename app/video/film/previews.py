"""The film's frames pass by; its thumbnail and spritesheet come of the few that they need."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from app.video.film.pictures import Draw
from app.video.join import rgb
from app.video.preview import poster, sheet, tile, tile_places


class Previews:
    """Keeps small pictures only, of frames that are cut to the film's own size; `frames` is how many it has."""

    def __init__(self, frames: int, width: int, height: int) -> None:
        self._places = set(tile_places(frames))
        self._middle = frames // 2
        self._width, self._height = width, height
        self._tiles: list[Image.Image] = []
        self._poster = b""

    def see(self, number: int, draw: Draw) -> None:
        """Frame `number`; to be called for each, in order."""
        if number not in self._places and number != self._middle:
            return
        picture = rgb(draw())[: self._height, : self._width]
        if number in self._places:
            self._tiles.append(tile(picture))
        if number == self._middle:
            self._poster = poster(picture)

    def save(self, thumbnail: Path, spritesheet: Path) -> None:
        """Write both, as WebP and JPEG."""
        thumbnail.write_bytes(self._poster)
        spritesheet.write_bytes(sheet(self._tiles))
