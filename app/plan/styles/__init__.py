"""Style templates and users' presets: looked up, recommended, kept."""
