"""Host and device memory: what is used, when it is short, and what still fits."""
