"""Measures of a two-phase microstructure on its periodic voxel grid."""
