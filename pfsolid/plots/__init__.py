"""Figures, drawn from results and files alone."""
