"""Which former video a prompt is near to, and how far into its walk a job may begin with it."""
