"""Files: checkpoints, fields for ParaView, records of a run.  The one place that knows h5py."""
