"""Voices: text comes in, speech goes out."""
