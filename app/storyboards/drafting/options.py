"""What may be wished of a draft, and what a draft is: a storyboard that nobody has asked for yet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from app.plan.prompt.enhance import Writer
from app.plan.prompt.worlds import World
from app.types.model import ModelProfile
from app.types.storyboard import MOST_SCENES, StoryWish
from app.types.understood import PlanWarning

MOST_BYTES: Final = 200_000  # of a text, in UTF-8
SCENE_S: Final = 6.0  # a scene is about this long where nothing else is wished
MOST_NARRATION_CHARS: Final = 5_000  # of one scene
MOST_FILM_S: Final = 1_800.0


@dataclass(frozen=True, slots=True)
class DraftOptions:
    """What may be wished of a draft; None: as the text suggests."""

    model: str | None = None  # id of the video model that it is for, which may know few words only
    language: str | None = None  # BCP 47; None: guessed from the text
    scenes: int | None = None  # how many, 1 to `max_scenes`
    max_scenes: int = MOST_SCENES
    seconds: float | None = None  # of the whole film
    scene_seconds: float = SCENE_S
    speed: float = 1.0  # of the narrator, 0.5 to 2.0
    narrate: bool = True  # False: the sentences are captions alone
    title: str | None = None
    style: str | None = None
    tier: str = "auto"
    longest_clip_s: float | None = None  # of the video model; None: not known, and taken to be enough
    use_model: bool = True  # False: by rules even where a language model is configured


def for_model(options: DraftOptions, model: ModelProfile) -> DraftOptions:
    """The same for one video model: its id, which few words may belong to, and how long its clips are at most."""
    return replace(options, model=model.id, longest_clip_s=model.frames[-1] / model.default_fps)


@dataclass(frozen=True, slots=True)
class DraftTools:
    """What drafts are made with: a language model if there is one, and the words of models that know few."""

    writer: Writer | None = None
    timeout_s: float = 60.0  # that the writer may take
    worlds: Mapping[str, World] = field(default_factory=dict)  # by id of the video model
    most_prompt_chars: int = 1_000
    most_narration_chars: int = MOST_NARRATION_CHARS
    most_film_s: float = MOST_FILM_S


@dataclass(frozen=True, slots=True)
class Draft:
    """Scenes for a person to look at. `notes` are sentences for people about what was left out or could not be had.

    `warnings` say of single scenes what is beyond the model, `param` being such as `scenes[0].prompt`.
    """

    wish: StoryWish
    notes: tuple[str, ...] = ()
    by: Literal["rules", "model"] = "rules"
    warnings: tuple[PlanWarning, ...] = ()
