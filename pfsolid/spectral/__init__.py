"""Distributed real Fourier transforms on slabs, and fields that do not depend on the rank count."""
