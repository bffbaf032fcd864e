"""The built-in model: a world drawn by code, the training that learns it, and the weights that come out."""
