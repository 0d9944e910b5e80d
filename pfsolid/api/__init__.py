"""pfsolid from Python: arrays in, results out.  `import pfsolid` has the names; see docs/python.md."""
