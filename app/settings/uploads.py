"""The settings of what tenants upload: LoRA adapters of their own, and pictures that come in parts."""

from __future__ import annotations

from pydantic import BaseModel

from app.settings.field import setting

MIB, GIB = 2**20, 2**30


class Uploads(BaseModel):
    """LoRA adapters and large pictures that tenants upload"""

    upload_max_bytes: int = setting(
        GIB, "Larger pictures are refused by `POST /v1/uploads` with 413", "bytes", since="0.3", gt=0
    )
    video_input_max_bytes: int = setting(
        64 * MIB, "Larger videos that requests bring or name are refused with 413", "bytes", since="0.3", gt=0
    )
    video_input_max_pixels: int = setting(
        2_000_000_000,
        "Of all pictures of such a video together, as far as it is decoded; 2 thousand million are 965 of 1920x1080",
        "pixels",
        since="0.3",
        gt=0,
    )
    uploads_most: int = setting(20, "A tenant's most at a time", "uploads", since="0.3", ge=1, le=1000)
    uploads_bytes: int = setting(4 * GIB, "All of a tenant's together, as announced", "bytes", since="0.3", gt=0)
    upload_idle_s: float = setting(
        6 * 3600.0, "An unfinished upload is removed so long after its last chunk", "s", since="0.3", gt=0
    )
    uploads_kept_s: float = setting(
        24 * 3600.0,
        "A whole one is removed so long after it came; jobs that begin with it have what they need",
        "s",
        since="0.3",
        gt=0,
    )
    lora_uploads: bool = setting(
        False,
        "Tenants may upload LoRAs (`POST /v1/loras`) for every model that takes any; a model's entry may say otherwise",
        since="0.3",
    )
    lora_upload_max_bytes: int = setting(512 * MIB, "Larger files are refused with 413", "bytes", since="0.3", gt=0)
    lora_uploads_most: int = setting(20, "A tenant's most at a time", "LoRAs", since="0.3", ge=1, le=1000)
    lora_uploads_bytes: int = setting(4 * GIB, "All of a tenant's together", "bytes", since="0.3", gt=0)
    lora_uploads_kept_s: float | None = setting(
        None, "They are removed so long after they came", "s", "until their tenant deletes them", since="0.3", gt=0
    )
    lora_check_timeout_s: float = setting(
        120.0,
        "A file that cannot be tried on the model's layers within this is refused with 503",
        "s",
        since="0.3",
        gt=0,
    )
    loras_loaded: int = setting(
        8, "Uploaded LoRAs that a replica keeps loaded; the longest unused goes first", "LoRAs", since="0.3", ge=1
    )
    loras_loaded_bytes: int = setting(
        2 * GIB, "All of them together; what one job wears may go beyond", "bytes", since="0.3", gt=0
    )
