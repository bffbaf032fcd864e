"""Wan 2.1 and 2.2: text, pictures, two experts, step caches and ranks, behind the denoiser protocol."""
