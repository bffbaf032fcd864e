"""What a request may ask for, as the types of `Kinoray.create` and `create_style`; the server says what it means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from typing_extensions import Required, TypedDict

Tier = Literal["auto", "preview", "standard", "premium", "ultra"]
Priority = Literal["low", "normal", "high"]


class CacheOptions(TypedDict, total=False):
    """What the caches may do for a request."""

    mode: Literal["use", "read", "write", "bypass", "off"]
    ttl_s: float | None
    similar: bool


class WebhookOptions(TypedDict, total=False):
    """Who is to be told of the job's end."""

    url: Required[str]
    events: Sequence[Literal["video.completed", "video.failed"]] | None


class PrepareOptions(TypedDict, total=False):
    """What is done to a picture before the video begins with it."""

    subject: Literal["person", "foreground"] | None
    background: Literal["keep", "remove", "blur"] | str  # or a colour, #rrggbb
    crop: Literal["subject", "cover", "contain"]


class NestedUrl(TypedDict, total=False):
    """An address inside of an address, as chat messages have it."""

    url: Required[str]
    detail: str


class ImageUrl(TypedDict, total=False):
    """A picture to begin with, as OpenAI's APIs name it: an http address, a data URL or base64."""

    type: str
    image_url: str | NestedUrl
    url: str
    b64_json: str
    upload: str  # the id of an upload


class InputOptions(TypedDict, total=False):
    """A picture or a video that a video is made with, and what it is for; one of the first five names it."""

    image: str | ImageUrl
    video: str
    audio: str
    upload: str  # the id of an upload
    job: str  # the id of a completed video of your own
    role: Literal["first", "last", "reference", "control", "mask"]
    frame: int
    strength: float


class LoraUploadOptions(TypedDict, total=False):
    """What may be said of a LoRA beside its name: for which model it is, and which of its two transformers."""

    model: str | None
    description: str | None
    expert: Literal["high", "low"] | None
    partial: bool | None


class LoraOptions(TypedDict, total=False):
    """A LoRA adapter that is to act, one of the model's in /v1/models; strength 1 is as its operator has set it."""

    name: Required[str]
    strength: float


class VideoOptions(TypedDict, total=False):
    """The API's fields beside the prompt (docs/api.md). None means the same as leaving it out."""

    model: str | None
    negative_prompt: str | None
    seconds: float | str | None
    size: str | None  # WIDTHxHEIGHT
    width: int | None
    height: int | None
    num_frames: int | None
    fps: int | None
    interpolate: Literal["off", "flow", "model"] | None
    upscale: Literal[1, 2, 4] | None
    seed: int | float | str | Sequence[int] | None
    num_inference_steps: int | None
    budget: int | None
    sampler: str | None  # /v1/models names those of each model
    deterministic: bool | None
    step_cache: str | None
    guidance_scale: float | None
    guidance_scale_2: float | None
    guidance_start: float | None  # shares of the steps between which there is guidance
    guidance_stop: float | None
    cfg_zero_star: bool | None
    zero_init_steps: int | None
    ar_step: int | None  # films: by how many steps blocks of latent frames lag behind each other
    causal_block_size: int | None  # latent frames of such a block
    loras: Sequence[LoraOptions] | LoraOptions | str | None
    lora_strength: float | None
    flow_shift: float | None
    aspect_ratio: str | None  # W:H
    resolution: str | int | None  # such as 720p
    tier: Tier | str | None
    style: str | None
    enhance: bool | None
    allow_degrade: bool | None
    num_outputs_per_prompt: Literal[1] | None
    user: str | None
    cache: CacheOptions | None
    priority: Priority | None
    deadline_s: float | None
    after: str | Sequence[str] | None
    input_reference: str | ImageUrl | Sequence[str | ImageUrl] | None
    last_frame: str | ImageUrl | None
    reference_images: str | ImageUrl | Sequence[str | ImageUrl] | None
    input_references: Sequence[InputOptions] | None
    prepare: PrepareOptions | None
    preview: bool | None
    speculative: bool | None
    audio: bool | None  # false: without the sound that the model makes
    webhook: WebhookOptions | None

    # Other names that the server takes for some of these.
    frames: int | None
    steps: int | None
    n: Literal[1] | None
    prompt_enhance: bool | None
    enhance_prompt: bool | None
    quality: Tier | str | None
    quality_tier: Tier | str | None
    lora: LoraOptions | str | None
    lora_name: str | None
    lora_scale: float | None
    lora_weight: float | None
    shift: float | None
    sample_shift: float | None
    ratio: str | None
    generate_audio: bool | None
    generate_sound: bool | None
    duration: float | str | None
    duration_seconds: float | str | None
    reference_url: str | None
    image_reference: str | ImageUrl | Sequence[str | ImageUrl] | None
    image_url: str | ImageUrl | Sequence[str | ImageUrl] | None
    image: str | ImageUrl | Sequence[str | ImageUrl] | None
    last_image: str | ImageUrl | None
    lastFrame: str | ImageUrl | None
    last_frame_image: str | ImageUrl | None
    last_frame_url: str | None
    end_image: str | ImageUrl | None
    end_image_url: str | None
    image_tail: str | ImageUrl | None
    tail_image: str | ImageUrl | None
    tail_image_url: str | None
    end_frame: str | ImageUrl | None
    final_frame: str | ImageUrl | None
    image_end: str | ImageUrl | None
    referenceImages: str | ImageUrl | Sequence[str | ImageUrl] | None
    frame_images: Sequence[InputOptions] | None

    # Objects that may hold any of them, and fields of a newer server than this client.
    extra_body: Mapping[str, object] | None
    extra_params: Mapping[str, object] | None
    video_params: Mapping[str, object] | None


Transition = Literal["cut", "crossfade", "fade"]
Fit = Literal["hold", "loop", "slow", "extend"]


class SceneOptions(TypedDict, total=False):
    """The API's fields of a scene. None means the same as leaving it out; in a change, it takes away what there was."""

    prompt: str
    title: str | None
    seconds: float | str | None
    narration: str | None
    caption: str | None
    image: str | ImageUrl | None
    input_references: Sequence[InputOptions] | None
    style: str | None
    tier: Tier | str | None
    seed: int | float | str | Sequence[int] | None
    transition: Transition | None
    fit: Fit | None


class StoryWebhookOptions(TypedDict, total=False):
    """Who is to be told of a storyboard's end."""

    url: Required[str]
    events: Sequence[Literal["storyboard.completed", "storyboard.failed"]] | None


class StoryboardOptions(TypedDict, total=False):
    """The API's fields of a storyboard (docs/api.md). None means the same as leaving it out."""

    scenes: Required[Sequence[SceneOptions]]
    title: str | None
    model: str | None
    style: str | None
    tier: Tier | str | None
    negative_prompt: str | None
    seed: int | float | str | Sequence[int] | None
    size: str | None  # WIDTHxHEIGHT
    fps: int | None
    voice: str | None
    language: str | None  # BCP 47
    speed: float | None  # 0.5 to 2.0
    captions: Literal["off", "track", "burnt"] | None
    transition: Transition | None
    transition_seconds: float | None
    fit: Fit | None
    music_level: float | None  # 0 to 1
    deterministic: bool | None
    preview: bool | None
    priority: Priority | None
    deadline_s: float | None
    webhook: StoryWebhookOptions | None
    user: str | None


class DraftOptions(TypedDict, total=False):
    """What may be wished of a draft beside the text. None means the same as leaving it out."""

    model: str | None
    language: str | None
    scenes: int | None
    seconds: float | None  # of the whole film
    scene_seconds: float | None
    speed: float | None
    narrate: bool | None
    title: str | None
    style: str | None
    tier: Tier | str | None
    by: Literal["auto", "rules"] | None


class PreviewOptions(TypedDict, total=False):
    """How a few words are said. None means the same as leaving it out."""

    voice: str | None
    language: str | None
    speed: float | None


class CreateOptions(VideoOptions, total=False):
    """All that `Kinoray.create` takes beside the prompt."""

    idempotency_key: str | None


class StyleOptions(TypedDict, total=False):
    """What a style changes, and what it is for."""

    description: str | None
    before: str | None
    after: str | None
    negative_prompt: str | None
    tier: Tier | str | None
    num_inference_steps: int | None
    guidance_scale: float | None
    fps: int | None

    # Other names that the server takes for some of these.
    steps: int | None
    guidance: float | None
    negative: str | None
    quality: Tier | str | None
    quality_tier: Tier | str | None
