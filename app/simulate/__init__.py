"""Simulations of the service on virtual time: what faults do to it, and what a load would need."""
