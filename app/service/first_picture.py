"""The picture that a video begins with: however a request names it, it is had, prepared, put on the plan."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from app.models.pictures import about_picture, is_judged
from app.service.file_uploads import FileShelf
from app.service.input_image import Picture, decoding, key_of, picture_of
from app.service.ports import Ports
from app.service.preparing import Preparing
from app.settings import Settings
from app.types import Artifact, Caller, Plan, PlanWarning, Prepare, Reference, UploadedPicture
from app.video.picture import CONTENT_TYPE, PARAM

FIRST_FRAME: Final = PlanWarning(
    "first_frame", "The picture is animated: the video begins with its first frame.", PARAM
)


@dataclass(frozen=True, slots=True)
class FirstPictures:
    """What a Router does about them."""

    ports: Ports
    settings: Settings
    uploads: FileShelf

    async def had(self, reference: Reference, wish: Prepare | None, plan: Plan, caller: Caller) -> tuple[Plan, bytes]:
        """The plan with the picture, which lies nowhere yet, and its content.

        Raises:
            InvalidRequest: no picture that can be read, an address that does not answer with one, or it shows no such
                subject as is wished.
            NotFound, Conflict: there is no such upload, or it is not whole.
            PayloadTooLarge: too many bytes or pixels.
            ServiceUnavailable: the operator's model that looks for subjects cannot be used.
            Overloaded: too many pictures of that tenant, or of all, wait to be decoded.
        """
        picture = await self.picture(reference, caller)
        plan = replace(plan, image=picture.artifact)
        if picture.animated:
            plan = replace(plan, warnings=(*plan.warnings, FIRST_FRAME))
        if wish is None:
            return await self._looked_at(plan, picture.content, caller), picture.content
        preparing = Preparing(self.ports.cache, decoding, self.settings)
        content, prepared = await preparing.prepare(picture.content, wish, plan.spec, caller.tenant)
        image = Artifact(key_of(content, caller.tenant), CONTENT_TYPE, len(content))
        plan = await self._looked_at(replace(plan, image=image, prepared=prepared), content, caller)
        return plan, content

    async def _looked_at(self, plan: Plan, content: bytes, caller: Caller) -> Plan:
        """The plan with what its model, if it knows a small world only, was never shown of the picture."""
        if not is_judged(plan):
            return plan
        told = await decoding.run(caller.tenant, partial(about_picture, plan, content))
        return replace(plan, warnings=(*plan.warnings, *told))

    async def picture(self, reference: Reference, caller: Caller) -> Picture:
        """The same without a plan, as it came."""
        if isinstance(reference, UploadedPicture):
            async with self.uploads.file(reference.id, caller) as path:
                return await picture_of(path, caller.tenant, self.settings)
        return await picture_of(reference, caller.tenant, self.settings)
