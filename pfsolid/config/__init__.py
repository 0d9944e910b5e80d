"""Inputs: TOML in, checked frozen sections out."""
