"""The package's metadata. The settings of the tools are in pyproject.toml."""

import re
from pathlib import Path

from setuptools import find_packages, setup

here = Path(__file__).resolve().parent
readme = here / "README.md"

# Read, not imported: importing pfsolid needs the very packages this file asks for.
init = (here / "pfsolid" / "__init__.py").read_text("utf-8")
version = re.search(r'^__version__ = "([^"]+)"', init, re.MULTILINE)[1]

setup(
    name="pfsolid",
    version=version,
    description="Phase-field microstructures of solid electrolytes and their effective ionic conductivity",
    long_description=readme.read_text("utf-8") if readme.exists() else "",
    long_description_content_type="text/markdown",
    author="pfsolid developers",
    license="MIT",
    python_requires=">=3.11",
    packages=find_packages(include=["pfsolid", "pfsolid.*"]),
    package_data={"pfsolid": ["**/*.toml", "**/*.csv", "**/*.html", "*.pyi", "py.typed"]},
    install_requires=[
        "numpy>=1.24",
        "h5py>=3.7",
        "numba>=0.57",
        "scipy>=1.10",
        "pyfftw>=0.13",
        "pydantic>=2",
        "matplotlib>=3.6",
        "pillow",
        "tifffile",
    ],
    extras_require={
        # Several ranks; with pytest, because an MPI is tested on the machine that has it.
        "mpi": ["mpi4py>=3.1", "mpi4py-fft>=2.0.4", "pytest>=7"],
        "petsc": ["petsc4py>=3.18", "mpi4py>=3.1"],
        "tables": ["pandas>=1.5", "xarray>=2022.6"],
        "images": ["zarr>=2.16", "pynrrd>=1.0", "nibabel>=5", "mrcfile>=1.4", "SimpleITK>=2.2"],
        "test": ["pytest>=7", "pytest-timeout>=2.1", "hypothesis>=6", "scikit-image>=0.20"],
        "docs": ["sphinx>=7", "myst-parser>=2", "furo", "sphinx-copybutton"],
        "types": ["mypy==2.4.1", "ruff"],
    },
    entry_points={"console_scripts": ["pfsolid = pfsolid.cli:main"]},
    classifiers=[
        "Environment :: Console",
        "Intended Audience :: Science/Research",
        "License :: OSI Approved :: MIT License",
        "Operating System :: POSIX :: Linux",
        "Programming Language :: Python :: 3",
        "Topic :: Scientific/Engineering :: Physics",
    ],
)
