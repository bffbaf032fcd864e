"""Which draft a video is shown as first, and how far the plan may go on from it."""
