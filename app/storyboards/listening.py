"""A voice before it is used: a few words come in, their sound goes out."""

from __future__ import annotations

from app.errors import InvalidRequest, KinorayError, NotFound, NotSupported
from app.storyboards.ports import FilmWork
from app.types import Artifact, Caller
from app.types.storyboard import Narrator

NO_VOICE = "no_voice"


async def previewed(work: FilmWork, text: str, narrator: Narrator, caller: Caller) -> Artifact:
    """The sound of `text`, FLAC, made now or before for the same tenant, as a narration of the same words would be.

    Nothing holds the file: it goes when a sweep finds that no storyboard names it.

    Raises:
        InvalidRequest: it cannot be spoken so; `param` is `text`, `voice`, `language` or `speed`.
        NotFound: there is no voice (`no_voice`).
        GenerationError, ServiceUnavailable: as the port says.
    """
    try:
        heard = (await work.hear(caller.tenant, [text], narrator))[0]
        if heard.refusal is not None:
            raise heard.refusal
        found = heard.narration or await work.speak(caller.tenant, text, narrator)
    except (InvalidRequest, NotSupported) as error:
        raise _named(error) from error
    return found.artifact


def _named(error: InvalidRequest | NotSupported) -> KinorayError:
    """The refusal by the fields of a preview, where the text is not a narration yet."""
    if isinstance(error, NotSupported):
        return NotFound(str(error), code=NO_VOICE)
    param = "text" if error.param == "narration" else error.param
    return InvalidRequest(str(error), param, error.code)
