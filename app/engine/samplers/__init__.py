"""Ways down the noise, one file each: small functions on one job's state; `app.engine.sampler` knows them by name."""
