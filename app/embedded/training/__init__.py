"""How the built-in model's weights are made; nothing here runs while serving."""
