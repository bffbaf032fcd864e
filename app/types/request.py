"""What comes over the wire, well-formed, and who sent it."""

from __future__ import annotations

from dataclasses import dataclass, field

from app.types.artifact import Artifact
from app.types.inputs import WishedInput
from app.types.plan import Extension
from app.types.prepare import Prepare
from app.types.understood import PlanWarning
from app.types.upload import UploadedLora
from app.types.wishes import Wishes
from app.types.words import OPERATE


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is asking; tenants never see each other's jobs or cache entries.

    Two callers are the same to the service when their tenant is: what a key may is settled before the service is asked.
    """

    tenant: str = "public"
    key_id: str | None = field(default=None, compare=False)  # None: nobody needs a key here
    scopes: frozenset[str] = field(default=frozenset(), compare=False)  # see `app.access.scopes`
    address: str = field(default="", compare=False)  # of the client, as far as proxies are trusted; empty: not known

    @property
    def is_operator(self) -> bool:
        return OPERATE in self.scopes


@dataclass(frozen=True, slots=True)
class VideoRequest:
    """The video that is asked for, None meaning "the planner decides", and what is wished of its job."""

    prompt: str
    model: str | None = None
    negative_prompt: str = ""
    width: int | None = None
    height: int | None = None
    seconds: float | None = None
    frames: int | None = None
    fps: int | None = None
    seed: int | None = None  # -1 asks for a fresh one
    steps: int | None = None
    budget: int | None = None  # of the steps, how many run the denoiser
    guidance: float | None = None
    sampler: str | None = None
    deterministic: bool = False
    step_cache: str | None = None  # one of STEP_CACHES
    tier: str = "auto"
    style: str | None = None  # id of a style, the server's or the caller's own
    enhance: bool = False  # have the prompt expanded
    allow_degrade: bool = False  # a lower tier is better than missing the deadline
    image: Artifact | None = None  # the picture to begin with, stored already
    guidance_2: float | None = None  # of a second expert
    extends: Extension | None = None  # the video to go on from; `seconds` are then those of the clip behind it
    loras: tuple[tuple[str, float], ...] = ()  # LoRA adapters of the model that are to act, and how strongly
    shift: float | None = None  # flow shift of the noise schedule
    guidance_start: float | None = None  # shares of the steps between which there is guidance
    guidance_stop: float | None = None
    cfg_zero_star: bool | None = None  # the two passes put together as CFG-Zero* does
    zero_init_steps: int | None = None  # first steps without velocity, which belong to it
    ar_step: int | None = None  # by how many steps blocks of latent frames lag behind each other
    causal_block_size: int | None = None  # latent frames of such a block
    aspect_ratio: str | None = None  # W:H, instead of a size
    resolution: str | None = None  # such as 720p: the shorter side
    wishes: Wishes = Wishes()
    uploads: tuple[tuple[str, UploadedLora], ...] = ()  # those of `loras` that the caller has uploaded, as named there
    prepare: Prepare | None = None  # what is to be done to its picture first
    warnings: tuple[PlanWarning, ...] = ()  # about fields that were taken without effect
    interpolate: str | None = None  # one of INTERPOLATIONS
    upscale: int | None = None  # one of UPSCALES
    speculative: bool = False  # a draft is to be shown first, and gone on from as far as that is good
    audio: str | None = None  # ON: with sound, or not at all; OFF: without that which the model makes

    references: tuple[WishedInput, ...] = ()  # other pictures and videos that it is made with

    @property
    def sees(self) -> bool:
        """Whether the video is made with a picture or a video."""
        return self.image is not None or bool(self.references)
