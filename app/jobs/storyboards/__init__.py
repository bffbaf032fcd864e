"""Records of storyboards: the port, in memory and in Redis, and the table of legal moves."""
