from __future__ import annotations

from dataclasses import replace

from app.jobs.storyboards.needs import needs_of, pictures_of
from app.types import Artifact
from tests.jobs.storyboards.make import CLIP, PICTURE, SPEECH, a_story


def test_it_needs_the_files_of_others_by_their_makers_and_pictures_one_by_one() -> None:
    story = a_story()
    own = Artifact(f"{story.id}/1/film.mp4", "video/mp4", 9)
    another = Artifact("story_0123456789/3/film.mp4", "video/mp4", 9)
    wish = replace(story.scenes[0].wish, image=PICTURE)
    story = story.with_scene(1, replace(story.scenes[0], wish=wish, clip=CLIP)).with_scene(
        2, replace(story.scenes[1], clip=CLIP, narration=SPEECH)
    )
    story = replace(story, artifacts={"video": own, "srt": another})
    assert needs_of(story) == (
        PICTURE.key,
        "speech_0123456789abcdef",
        "story_0123456789",
        "video_0123456789abcdef",
    )
    assert pictures_of(story) == (PICTURE,)
    assert needs_of(a_story()) == ()
