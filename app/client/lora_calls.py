"""What the client can ask about LoRAs: uploaded, listed, looked at, deleted."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

from typing_extensions import Unpack

from app.client.options import LoraUploadOptions
from app.client.records import JsonObject, expect_mapping
from app.client.transport import Transport, read_json

LORAS = "/v1/loras"


class LoraCalls:
    """A part of `Kinoray`; every method raises KinorayClientError, also where the key lacks the scope `uploads`."""

    _transport: Transport

    async def upload_lora(self, path: str | Path, name: str, **options: Unpack[LoraUploadOptions]) -> JsonObject:
        """Keep a LoRA of your own (safetensors) for one model; `loras` then takes its name. Raises OSError too."""
        said = {option: value for option, value in options.items() if isinstance(value, (str, bool))}
        fields: dict[str, str | bool] = {"name": name, **said}
        return expect_mapping(read_json(await self._transport.upload(LORAS, Path(path), fields)), "LoRA")

    async def loras(self, limit: int = 20, after: str | None = None, order: str = "desc") -> tuple[JsonObject, ...]:
        """A page of your LoRAs and of the operator's; the `id` of the last is the `after` of the next."""
        params: dict[str, str | int] = {"limit": limit, "order": order, **({"after": after} if after else {})}
        found = expect_mapping(read_json(await self._transport.send("GET", LORAS, params)), "list")
        return tuple(expect_mapping(each, "LoRA") for each in found.get("data") or ())

    async def lora(self, name: str) -> JsonObject:
        """A LoRA by its name or id."""
        return expect_mapping(read_json(await self._transport.send("GET", _place(name))), "LoRA")

    async def delete_lora(self, name: str) -> bool:
        """Delete a LoRA of yours, by its name or id; jobs that wear it already are made."""
        answer = read_json(await self._transport.send("DELETE", _place(name)))
        return bool(expect_mapping(answer, "answer").get("deleted", True))


def _place(name: str) -> str:
    return f"{LORAS}/{quote(name, safe='')}"
