"""A prompt comes in as typed, and goes out normalised, expanded, enhanced, and read for its features."""
