"""Budget masks: which steps run the denoiser, found offline for each model and committed as JSON; without torch."""
