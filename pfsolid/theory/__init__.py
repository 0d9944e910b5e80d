"""Effective conductivity without a microstructure: effective-medium theory, bounds, brick layers, and their fit."""
