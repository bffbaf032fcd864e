"""The GPU day: what one GPU says in a few minutes of full-size models with random weights; see `command`."""
