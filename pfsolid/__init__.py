"""pfsolid: from the surface physics of a solid electrolyte to its effective ionic conductivity.

>>> import numpy as np
>>> import pfsolid as pf
>>> image = pf.Image(np.random.default_rng(1).integers(0, 2, (8, 8, 8)), voxel_nm=20)
>>> pf.conductivity(image, sigma={0: 1e-6, 1: 1e-3}).tensor.shape
(3, 3)

The names below are loaded when they are first used: importing pfsolid loads neither MPI nor numba, h5py or matplotlib, and
changes nothing in the process.
"""

from importlib import import_module as _import_module

__version__ = "0.1.0"

_PLACES = {
    "Image": ".api.image", "read_image": ".api.image",
    "conductivity": ".api.conductivity", "Conductivity": ".api.conductivity",
    "electrode": ".api.electrode", "Electrode": ".api.electrode",
    "grow": ".api.growth", "Microstructure": ".api.growth",
    "measure": ".api.morphology", "Morphology": ".api.morphology", "LabelMorphology": ".api.morphology",
    "GrainMorphology": ".api.morphology",
    "open_morphology": ".api.morphology",
    "grains": ".api.grains", "Grains": ".api.grains",
    "tubules": ".api.tubules", "Tubules": ".api.tubules",
    "impedance": ".api.impedance", "Spectrum": ".api.impedance",
    "rev": ".api.representative", "Representative": ".api.representative",
    "report": ".api.report", "open_run": ".api.run", "Run": ".api.run",
    "sweep": ".api.sweep", "open_sweep": ".api.sweep", "Sweep": ".api.sweep",
    "PfsolidError": ".errors", "InputError": ".errors", "ConvergenceError": ".errors", "OutputError": ".errors",
    "CheckpointError": ".errors", "PfsolidWarning": ".errors",
}
_MODULES = {"theory": ".theory", "materials": ".materials", "plot": ".api.plot"}

__all__ = ["__version__", *_PLACES, *_MODULES]


def __getattr__(name: str) -> object:
    if name in _MODULES:
        value = globals()[name] = _import_module(_MODULES[name], __name__)
        return value
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(_import_module(_PLACES[name], __name__), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
