"""What OpenAI's API has and this server has not: each is answered 501, with what can be used instead."""

from __future__ import annotations

from typing import NoReturn

from fastapi import APIRouter

from app.api.auth import Who
from app.api.dependencies import Service
from app.api.openapi import ERRORS
from app.errors import NotSupported
from app.service.videos import VideoService

router = APIRouter(prefix="/v1/videos", tags=["not supported"], responses=ERRORS)


@router.post("/edits", summary="Edit a video: 501", status_code=501, response_model=None)
async def edit(caller: Who) -> NoReturn:
    """`videos.edit` of OpenAI's packages. A remix has the same shape and seed and another prompt."""
    raise NotSupported("Videos are not edited here: POST /v1/videos/{id}/remix makes one like it from another prompt.")


@router.post("/characters", summary="Make a character: 501", status_code=501, response_model=None)
async def create_character(service: Service, caller: Who) -> NoReturn:
    """`videos.create_character` of OpenAI's packages."""
    raise NotSupported(_characters(service))


@router.get("/characters/{character_id}", summary="Look at a character: 501", status_code=501, response_model=None)
async def get_character(character_id: str, service: Service, caller: Who) -> NoReturn:
    """`videos.get_character` of OpenAI's packages."""
    raise NotSupported(_characters(service))


def _characters(service: VideoService) -> str:
    return (
        "There are no characters here: describe who is to be seen in each prompt, with one seed for all, "
        f"or begin each video with a picture, input_reference{_able(service)}."
    )


def _able(service: VideoService) -> str:
    """The models that could do it."""
    able = [model.id for model in service.ports.models if model.takes_image]
    return f" (models that take one: {', '.join(able)})" if able else " (for models that take one; none here does)"
