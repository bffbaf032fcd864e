"""Model families, one file each, behind the Denoiser protocol."""
