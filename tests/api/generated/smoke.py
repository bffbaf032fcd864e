"""A client made of Kinoray's document by openapi-python-client, against the service at the given address."""

from __future__ import annotations

import importlib
import json
import pkgutil
import sys

import kinoray_client
from kinoray_client import Client
from kinoray_client.api.storyboards import (
    analyze_v1_storyboards_analyze_post as analyze,
)
from kinoray_client.api.videos import (
    content_v1_videos_video_id_content_get as content,
)
from kinoray_client.api.videos import (
    create_v1_videos_post as create,
)
from kinoray_client.api.videos import (
    delete_v1_videos_video_id_delete as delete,
)
from kinoray_client.api.videos import (
    list_videos_v1_videos_get as list_videos,
)
from kinoray_client.api.videos import (
    rate_v1_videos_video_id_feedback_post as rate,
)
from kinoray_client.api.videos import (
    retrieve_v1_videos_video_id_get as retrieve,
)
from kinoray_client.models import (
    CacheWish,
    CreateScene,
    CreateStoryboard,
    CreateVideo,
    ErrorBody,
    Feedback,
    PlannedStoryboard,
    RateVideo,
    Video,
    VideoDeleted,
    VideoList,
)

for module in pkgutil.walk_packages(kinoray_client.__path__, "kinoray_client."):
    importlib.import_module(module.name)

with Client(base_url=sys.argv[1]) as api:
    wish = CreateVideo.from_dict({"prompt": "a red ball", "size": "96x64", "seconds": 2, "seed": 5})
    wish.cache = CacheWish.from_dict({"mode": "write"})
    video = create.sync(client=api, body=wish, idempotency_key="once")
    assert isinstance(video, Video), video
    while video.status != "completed":
        video = retrieve.sync(video.id, client=api)
        assert isinstance(video, Video), video
    file = content.sync(video.id, client=api)
    page = list_videos.sync(client=api, limit=5)
    assert isinstance(page, VideoList), page
    refused = create.sync_detailed(client=api, body=CreateVideo(prompt="a red ball", size="1x1"))
    assert isinstance(refused.parsed, ErrorBody), refused
    rated = rate.sync(video.id, client=api, body=RateVideo.from_dict({"score": 5, "reasons": ["good_enough"]}))
    assert isinstance(rated, Feedback), rated
    gone = delete.sync(video.id, client=api)
    assert isinstance(gone, VideoDeleted), gone
    story = CreateStoryboard(scenes=[CreateScene(prompt="a red ball", narration="A ball.")])
    plan = analyze.sync(client=api, body=story)
    assert isinstance(plan, PlannedStoryboard), plan
    told = {
        "id": video.id,
        "seed": video.seed,
        "bytes": len(file.payload.read()),
        "listed": [each.id for each in page.data],
        "status": int(refused.status_code),
        "code": refused.parsed.error.code,
        "param": refused.parsed.error.param,
        "score": rated.score,
        "deleted": gone.deleted,
        "planned": [scene.number for scene in plan.scenes],
    }
    sys.stdout.write(json.dumps(told))
