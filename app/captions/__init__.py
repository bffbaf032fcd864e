"""Captions: what is said in a film, as cues: files, tracks and pictures of them."""
