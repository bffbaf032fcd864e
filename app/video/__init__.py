"""Frames to files: mp4, thumbnail, spritesheet."""
