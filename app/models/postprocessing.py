"""The settings of frames come in, the operator's models for them go out: their digests to plan with, their files."""

from __future__ import annotations

from app.embedded.profile import upscaler_mark
from app.plan.postprocessing import PostprocessingLimits
from app.settings import Settings
from app.video.postprocess import PostprocessingFiles, Upscaler, digest_of_file


def files_of(settings: Settings) -> PostprocessingFiles:
    """What a Postprocessor works with."""
    upscaling = {int(factor): path for factor, path in settings.upscale_models.items()}
    own = {mark: _embedded} if (mark := upscaler_mark()) else {}
    return PostprocessingFiles(settings.interpolation_model, upscaling, settings.upscale_tile, own)


def _embedded(factor: int) -> Upscaler:
    from app.embedded.upscaler import EmbeddedUpscaler  # torch, which plans are made without

    return EmbeddedUpscaler(factor)


def limits_of(settings: Settings) -> PostprocessingLimits:
    """What plans are made by. It reads the files through: once when a process starts. Raises OSError."""
    files = files_of(settings)
    return PostprocessingLimits(
        interpolation="" if files.interpolation is None else digest_of_file(files.interpolation),
        upscaling={factor: digest_of_file(path) for factor, path in files.upscaling.items()},
        picture=settings.max_picture_megapixels * 1e6,
        video=settings.max_video_megapixels * 1e6,
    )
