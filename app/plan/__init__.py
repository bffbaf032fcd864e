"""Planning: prompt to features, complexity, tier and Plan."""
