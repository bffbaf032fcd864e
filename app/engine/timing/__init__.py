"""What steps and whole jobs take on this hardware, measured, kept and foretold."""
