"""Runs the real service on virtual time: in search of faults, and to say how many devices a load needs."""
