"""Clips, narration and captions to one film."""
