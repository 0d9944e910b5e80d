"""Voxel images of all formats, read slab by slab."""
