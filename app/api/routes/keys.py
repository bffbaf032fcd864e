"""API keys for operators: made and shown once, listed, looked at, rotated and revoked; what is kept are hashes."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.requests import Request

from app.access.api_key import ApiKey, Issued, is_key_id, issued, revoked, rotated
from app.access.key_store import no_such_key
from app.access.opening import Access
from app.api.auth import Operator
from app.api.dependencies import Entry
from app.api.openapi import ERRORS, Examples, form_or_json
from app.api.requests.body import body_fields
from app.api.requests.key_fields import (
    ApiKeyInfo,
    CreateKey,
    IssuedKey,
    KeyList,
    RotateKey,
    issued_key,
    key_asked,
    key_info,
    overlap_asked,
)
from app.api.requests.page_query import PageLimit, PageOrder
from app.errors import Conflict, InvalidRequest
from app.types.words import OPERATE

router = APIRouter(prefix="/v1/keys", tags=["keys"], responses=ERRORS)
TRIES = 5  # of a change, while others change the same key

_CREATE: Examples = {
    "tenant": {"summary": "For a tenant", "value": {"name": "render farm", "tenant": "alice"}},
    "reader": {
        "summary": "That may only look, for 90 days",
        "value": {"name": "wall", "tenant": "alice", "scopes": ["videos:read"], "expires_in_s": 7776000},
    },
}
_ROTATE: Examples = {"hour": {"summary": "The former one is good for an hour more", "value": {"overlap_s": 3600}}}


@router.post("", summary="Make a key", openapi_extra=form_or_json(CreateKey, _CREATE))
async def create(request: Request, access: Entry, caller: Operator) -> IssuedKey:
    """`key` is shown this once. From the first key on everyone needs one, so that the first has to be an operator's."""
    asked, scopes = key_asked(await body_fields(request))
    if OPERATE not in scopes and not await access.gate.wants_keys():
        message = f"The first key needs the scope {OPERATE}: from then on nobody gets in without one to make others."
        raise InvalidRequest(message, "scopes", "first_key_not_operator")
    now = access.clock()
    made = issued(
        asked.name, asked.tenant, scopes, now, None if asked.expires_in_s is None else now + asked.expires_in_s
    )
    await access.keys.add(made.key)
    access.gate.heed()
    request.state.resource = made.key.id
    return issued_key(made, None, now)


@router.get("", summary="List the keys")
async def list_keys(
    access: Entry,
    caller: Operator,
    after: Annotated[str | None, Query(description="The last id of the page before; empty: the first page")] = None,
    limit: PageLimit = 20,
    order: PageOrder = "desc",
    tenant: Annotated[str | None, Query(max_length=100, description="Only this tenant's")] = None,
) -> KeyList:
    """A page of keys that were made here, newest first; those of the settings and their file are not among them."""
    page = await access.keys.page(_checked(after) if after else None, limit, order == "desc", tenant)
    used, now = await access.keys.last_uses([key.id for key in page.keys]), access.clock()
    data = [key_info(key, used.get(key.id), now) for key in page.keys]
    ids = [key.id for key in data]
    return KeyList(
        data=data, first_id=ids[0] if ids else None, last_id=ids[-1] if ids else None, has_more=page.has_more
    )


@router.get("/{key_id}", summary="Look at a key")
async def retrieve(key_id: str, access: Entry, caller: Operator) -> ApiKeyInfo:
    """Whose it is, what it may, and when it was used last."""
    return await _told(await _found(key_id, access), access)


@router.post("/{key_id}/rotate", summary="Give a key a new secret", openapi_extra=form_or_json(RotateKey, _ROTATE))
async def rotate(key_id: str, request: Request, access: Entry, caller: Operator) -> IssuedKey:
    """`key` is shown this once. The text before it stays good for `overlap_s`; any older one is not from now on."""
    overlap_s, now = overlap_asked(await body_fields(request)), access.clock()
    for _ in range(TRIES):
        before = await _found(key_id, access)
        made: Issued = rotated(before, now, overlap_s)
        if await access.keys.replace(before, made.key):
            access.gate.heed()
            return issued_key(made, (await access.keys.last_uses([key_id])).get(key_id), now)
    raise Conflict(f"{key_id} is being changed by others.")


@router.post("/{key_id}/revoke", summary="Revoke a key")
async def revoke(key_id: str, access: Entry, caller: Operator) -> ApiKeyInfo:
    """It is refused everywhere within three seconds, for good. It stays in the list for 90 days."""
    for _ in range(TRIES):
        before = await _found(key_id, access)
        after = revoked(before, access.clock())
        if after is before or await access.keys.replace(before, after):
            access.gate.heed()
            return await _told(after, access)
    raise Conflict(f"{key_id} is being changed by others.")


async def _told(key: ApiKey, access: Access) -> ApiKeyInfo:
    return key_info(key, (await access.keys.last_uses([key.id])).get(key.id), access.clock())


async def _found(key_id: str, access: Access) -> ApiKey:
    """Raises NotFound."""
    key = await access.keys.get(_checked(key_id))
    if key is None:
        raise no_such_key(key_id)
    return key


def _checked(key_id: str) -> str:
    if not is_key_id(key_id):
        raise no_such_key(key_id)
    return key_id
