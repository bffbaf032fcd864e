"""The world that the built-in model knows, drawn by code: words, prompts, scenes and their frames."""
