"""What `kinoray calibrate` measures: masks, budgets, similar starts, magnitudes."""
