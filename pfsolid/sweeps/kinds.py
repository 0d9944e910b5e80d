"""What the cases of a sweep are: runs that grow their structure, or studies of images.

The two differ in their input, in what is known of them beforehand, and in how they are done; all else of a sweep does not
look at them.
"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any, Protocol

from ..config.estimate import conduction_bytes_per_voxel, conduction_seconds, estimate
from ..config.image import ImageStudyConfig, study_from_tables
from ..config.review import find_errors
from ..config.run import MicrostructureConfig, RunConfig, config_from_dict
from ..config.sweep import SEED, is_of_images
from ..errors import InputError
from ..io.images.formats import ArrayLayout
from ..io.images.slab import describe_image
from ..parallel.session import Session
from ..results.run import Result
from ..spectral.transform import check_rank_count
from ..workflows.carriers import run_study_case
from ..workflows.case import run_case
from ..workflows.image import laid_out

CaseConfig = RunConfig | ImageStudyConfig


class Kind(Protocol):
    """The cases of a sweep."""

    has_seeds: bool

    def config_of(self, raw: dict[str, Any], source: str) -> Any:
        """The input of a case, checked by itself.

        Parameters
        ----------
        raw : dict
            Its tables.
        source : str
            What messages begin with.

        Raises
        ------
        InputError
        """

    def check(self, config: Any) -> None:
        """Raise InputError for what cannot be done with it, files that it names included."""

    def seconds(self, config: Any) -> float | None:
        """Expected core-seconds; None where nothing says."""

    def bytes(self, config: Any, num_ranks: int) -> float:
        """Memory of the fullest rank, without the program's own.

        Parameters
        ----------
        config : RunConfig or ImageStudyConfig
        num_ranks : int
        """

    def num_voxels(self, config: Any) -> int:
        """That are computed on."""

    def most_ranks(self, config: Any) -> int:
        """Ranks that its planes are enough for."""

    def check_ranks(self, config: Any, num_ranks: int) -> None:
        """Refuse more ranks than there are planes.

        Parameters
        ----------
        config : RunConfig or ImageStudyConfig
        num_ranks : int

        Raises
        ------
        InputError
        """

    def run(self, config: Any, folder: Path, session: Session, kept: frozenset[str]) -> Result:
        """Do a case.  Collective.

        Parameters
        ----------
        config : RunConfig or ImageStudyConfig
        folder : Path
            For what a later launch goes on with, and what is kept.
        session : Session
        kept : frozenset of str

        Raises
        ------
        Interrupted, ConvergenceError, InputError, OutputError
        """


class _GrownCases:
    """Runs: `pfsolid run`."""

    has_seeds = True

    def config_of(self, raw: dict[str, Any], source: str) -> RunConfig:
        return config_from_dict(raw, source)

    def check(self, config: RunConfig) -> None:
        errors = find_errors(config)
        if errors:
            raise InputError("\n".join(errors))
        if config.microstructure.initial_field is not None:
            describe_image(config.microstructure.initial_field,
                           ArrayLayout(config.microstructure.initial_field_axes, config.unsaid_axes))

    def seconds(self, config: RunConfig) -> float | None:
        return estimate(config)[1]

    def bytes(self, config: RunConfig, num_ranks: int) -> float:
        return estimate(config, num_ranks)[0]

    def num_voxels(self, config: RunConfig) -> int:
        return config.grid_nm.num_voxels

    def most_ranks(self, config: RunConfig) -> int:
        return min(config.grid.shape[:2])

    def check_ranks(self, config: RunConfig, num_ranks: int) -> None:
        check_rank_count(config.grid_nm, num_ranks)

    def run(self, config: RunConfig, folder: Path, session: Session, kept: frozenset[str]) -> Result:
        return run_case(config, folder, session, kept)


class _ImageCases:
    """Studies of images: `pfsolid conduct`."""

    has_seeds = False

    def config_of(self, raw: dict[str, Any], source: str) -> ImageStudyConfig:
        study = study_from_tables(raw, source)
        if study.rev is not None:
            raise InputError(f"{source}: the section [rev] is for pfsolid rev, which asks whether an image is large enough; "
                             "a sweep conducts images")
        if study.impedance is not None:
            raise InputError(f"{source}: the section [impedance] is for pfsolid impedance; a sweep conducts images at no "
                             "frequency")
        return study

    def check(self, config: ImageStudyConfig) -> None:
        laid_out(config)

    def seconds(self, config: ImageStudyConfig) -> float | None:
        parts = laid_out(config)
        solves = max(1, len(config.phases.carriers_S_per_cm)) * max(1, len(config.conduction.temperatures))
        return conduction_seconds(sum(part.grid_nm.num_voxels * len(part.fields) for part in parts) * solves)

    def bytes(self, config: ImageStudyConfig, num_ranks: int) -> float:
        grids = [part.grid_nm for part in laid_out(config)]
        return max(conduction_bytes_per_voxel(config.conduction, grid) * grid.num_voxels * -(-grid.shape[0] // num_ranks)
                   / grid.shape[0] for grid in grids)

    def num_voxels(self, config: ImageStudyConfig) -> int:
        return max(part.grid_nm.num_voxels for part in laid_out(config))

    def most_ranks(self, config: ImageStudyConfig) -> int:
        return min(min(part.grid_nm.shape[:2]) for part in laid_out(config))

    def check_ranks(self, config: ImageStudyConfig, num_ranks: int) -> None:
        for part in laid_out(config):
            check_rank_count(part.grid_nm, num_ranks, part.orientation.names)

    def run(self, config: ImageStudyConfig, folder: Path, session: Session, kept: frozenset[str]) -> Result:
        return run_study_case(config, folder, session)


_GROWN, _IMAGES = _GrownCases(), _ImageCases()


def kind_of(base: dict[str, Any]) -> Kind:
    """By the sections of a base input.

    Parameters
    ----------
    base : dict

    Returns
    -------
    Kind
    """
    return _IMAGES if is_of_images(base) else _GROWN


def first_seed(base: dict[str, Any]) -> Any:
    """What stands in the place of the base's seed, checked with each case; None where the section is none.

    Parameters
    ----------
    base : dict

    Returns
    -------
    object
    """
    section = base.get("microstructure", {})
    return section.get("seed", MicrostructureConfig.model_fields["seed"].default) if isinstance(section, dict) else None


def tables_at(base: dict[str, Any], values: dict[str, Any], seed: int | None) -> dict[str, Any]:
    """The base with the values of axes and a seed.

    Parameters
    ----------
    base, values : dict
    seed : int or None

    Returns
    -------
    dict
    """
    raw = copy.deepcopy(base)
    for name, value in (values if seed is None else values | {SEED: seed}).items():
        section, inner = name.split(".", 1)
        part = raw.setdefault(section, {})
        if isinstance(part, dict):
            part[inner] = copy.deepcopy(value)
    return raw

