"""A text and wishes come in, a draft of a storyboard goes out; nothing is generated."""

from __future__ import annotations

from app.storyboards.drafting.options import Draft, DraftOptions, DraftTools


async def draft(text: str, options: DraftOptions, tools: DraftTools) -> Draft:
    """Scenes for the text: by the language model of `tools`, else, or where that fails, by rules, which a note says.

    Raises:
        InvalidRequest: the text has nothing to show (`param` "text"), is longer than MOST_BYTES (code
            "text_too_long"), or an option is out of its range (`param` its name).
    """
    raise NotImplementedError
