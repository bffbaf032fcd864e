"""The client's types know every field that the API takes."""

from __future__ import annotations

from typing import get_args, get_type_hints

from app.api.requests.fields import ALIASES, MERGED
from app.api.requests.schemas import CreateVideo
from app.api.requests.storyboard_draft import DraftStoryboard
from app.api.requests.storyboard_fields import ChangeScene, CreateScene, CreateStoryboard, StoryWebhook
from app.api.requests.style_fields import CreateStyle
from app.api.requests.voice_fields import PreviewVoice
from app.api.requests.wish_fields import CacheWish, WebhookWish
from app.client import options


def test_a_video_has_an_option_for_each_field_and_each_other_name_of_one() -> None:
    known = {*CreateVideo.model_fields, *ALIASES, *MERGED} - {"prompt"}
    assert set(get_type_hints(options.VideoOptions)) == known


def test_what_lies_inside_of_fields_is_known_too() -> None:
    assert set(get_type_hints(options.CacheOptions)) == set(CacheWish.model_fields)
    assert set(get_type_hints(options.WebhookOptions)) == set(WebhookWish.model_fields)


def test_where_a_field_takes_one_of_a_few_words_the_option_takes_the_same() -> None:
    mode = get_args(CacheWish.model_fields["mode"].annotation)
    assert get_args(get_type_hints(options.CacheOptions)["mode"]) == mode
    priority, _ = get_args(CreateVideo.model_fields["priority"].annotation)
    assert get_args(options.Priority) == get_args(priority)


def test_a_style_has_an_option_for_each_field() -> None:
    others = {"steps", "guidance", "negative", "quality", "quality_tier"}
    assert set(get_type_hints(options.StyleOptions)) == {*CreateStyle.model_fields, *others} - {"name"}


def test_a_storyboard_and_its_scenes_have_an_option_for_each_field() -> None:
    assert set(get_type_hints(options.StoryboardOptions)) == set(CreateStoryboard.model_fields)
    assert set(get_type_hints(options.SceneOptions)) == set(CreateScene.model_fields)
    assert set(get_type_hints(options.SceneOptions)) == set(ChangeScene.model_fields) - {"revision"}
    assert set(get_type_hints(options.StoryWebhookOptions)) == set(StoryWebhook.model_fields)
    assert set(get_type_hints(options.DraftOptions)) == set(DraftStoryboard.model_fields) - {"text"}
    assert set(get_type_hints(options.PreviewOptions)) == set(PreviewVoice.model_fields) - {"text"}


def test_where_a_scene_takes_one_of_a_few_words_the_option_takes_the_same() -> None:
    for name, words in (("transition", options.Transition), ("fit", options.Fit)):
        for model in (CreateScene, CreateStoryboard):
            word, _ = get_args(model.model_fields[name].annotation)
            assert get_args(words) == get_args(word)
