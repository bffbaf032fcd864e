"""Voices as a resource: who may narrate a storyboard here, and how they sound."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response

from app.api.auth import Storyteller
from app.api.dependencies import Boards
from app.api.file_answers import Wanted, file_answer
from app.api.openapi import ERRORS, Examples, json_only
from app.api.requests.body import json_fields
from app.api.requests.voice_fields import PreviewVoice, preview_request

router = APIRouter(prefix="/v1/voices", tags=["storyboards"], responses=ERRORS)

_PREVIEW: Examples = {
    "english": {"summary": "In English", "value": {"text": "Once there was a ball."}},
    "german": {
        "summary": "Slowly, in German",
        "value": {"text": "Es war einmal ein Ball.", "language": "de", "speed": 0.8},
    },
}


class VoiceEntry(BaseModel):
    """Somebody who may narrate."""

    id: str = Field(description="What `voice` of a storyboard takes")
    object: Literal["voice"] = "voice"
    language: str | None = Field(
        description="BCP 47; null of one that speaks whatever `language` says, or that is not known"
    )
    name: str = Field(description="For people")


class VoiceList(BaseModel):
    """All who may narrate here."""

    object: Literal["list"] = "list"
    available: bool = Field(
        description="Whether narrations can be spoken; where they can and `data` is empty, `voice` is left out"
    )
    data: list[VoiceEntry] = Field(description="In an order of the voice's own")


@router.get("", summary="List the voices")
async def list_voices(boards: Boards, caller: Storyteller) -> VoiceList:
    """Who may narrate a storyboard: what its `voice` takes."""
    found = await boards.voices()
    entries = [VoiceEntry(id=each.id, language=each.language, name=each.name) for each in found.voices]
    return VoiceList(available=found.speaks, data=entries)


@router.post(
    "/preview",
    summary="Hear a voice",
    response_class=Response,
    responses={200: {"content": {"audio/flac": {"schema": {"type": "string", "format": "binary"}}}}},
    openapi_extra=json_only(PreviewVoice, _PREVIEW),
)
async def preview(request: Request, boards: Boards, caller: Storyteller) -> Response:
    """A few words as a narration would have them. The same words in the same voice are spoken once, and kept a while.

    It counts towards the limits of requests that make videos.
    """
    asked = preview_request(await json_fields(request))
    artifact = await boards.preview_voice(asked.text, asked.narrator, caller)
    return await file_answer(artifact, "voice", Wanted("POST", None, None, None), boards.read)
