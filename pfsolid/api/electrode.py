"""Two carriers in one image: an electrode of ions and electrons."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..errors import InputError
from ..homogenization import battery
from ..homogenization.carriers import PROFILE_COLUMNS, CarriersConduction, profile_rows
from ..homogenization.parts import tell_of_spacing
from ..machine.warmup import ensure_compiled
from ..parallel.quiet import quiet_session
from ..results.electrode import ElectrodeAxis, ElectrodeResult
from .arguments import given, in_arguments, label_of, plain
from .conductivity import Conductivity, FieldKeeper, conductivity_of
from .image import as_image, check_same_on_all_ranks
from .study import listed, study_of

_NAME = "pfsolid.electrode"


@dataclass(frozen=True, eq=False, repr=False)
class Electrode:
    """What `electrode` found; the same on every rank.

    Attributes
    ----------
    carriers : dict of str to Conductivity
        Each by itself.
    result : ElectrodeResult or None
        What two carriers do together, as result.json has it; None of another number of carriers.
    profiles : dict of str to list
        Columns of profiles.csv: plane by plane along each axis.

    Examples
    --------
    >>> import numpy as np
    >>> import pfsolid as pf
    >>> layers = np.repeat([1, 2], 4)[:, None] * np.ones((8, 8, 8), int)              # side by side, along x and z
    >>> found = pf.electrode(layers, {"ion": {1: 1e-3}, "electron": {2: 5e-3}}, voxel_nm=100, directions="z")
    >>> sorted(found.carriers), round(float(found["electron"].tensor[2, 2]), 7)
    (['electron', 'ion'], 0.0025)
    """

    carriers: dict[str, Conductivity]
    result: ElectrodeResult | None
    profiles: dict[str, list[Any]] = field(default_factory=dict)

    def __getitem__(self, carrier: str) -> Conductivity:
        return self.carriers[carrier]

    def along(self, direction: str) -> ElectrodeAxis:
        """What two carriers do together along an axis: ambipolar conductivity, transport number, shares, tortuosity, front.

        Parameters
        ----------
        direction : {'x', 'y', 'z'}

        Returns
        -------
        ElectrodeAxis

        Raises
        ------
        InputError
            If there are not two carriers, or no field was applied along it.
        """
        if self.result is None or direction not in self.result.axes:
            raise InputError(f"Electrode.along({direction!r}): there is something of two carriers along "
                             f"{', '.join(self.result.axes) if self.result else 'no axis'}")
        return self.result.axes[direction]

    def to_pybamm(self, domain: str, direction: str | None = None) -> dict[str, float]:
        """Parameters of PyBaMM for the option {"transport efficiency": "tortuosity factor"}, of both carriers.

        The first carrier is that of the electrolyte, the second that of the electrode; both are counted with the porosity
        of the cell model, the volume fraction of the electrolyte.

        Parameters
        ----------
        domain : {'negative electrode', 'positive electrode'}
        direction : {'x', 'y', 'z'}, optional
            Through the cell; needed where fields were applied along several.

        Returns
        -------
        dict
            For `pybamm.ParameterValues.update`.

        Raises
        ------
        InputError
            There are not two carriers, nothing percolates along it, or an argument cannot be.
        """
        with in_arguments("Electrode.to_pybamm"):
            if len(self.carriers) != 2:
                raise InputError(f"Electrode.to_pybamm: takes two carriers, and there are {len(self.carriers)}")
            first, second = (one.result for one in self.carriers.values())
            return battery.both_to_pybamm(first, second, domain, direction)

    def to_dict(self) -> dict[str, Any]:
        """Everything as numbers, lists and texts of Python's own: the keys carriers and electrode of result.json."""
        found: dict[str, Any] = {"carriers": {name: one.to_dict() for name, one in self.carriers.items()}}
        return found if self.result is None else found | {"electrode": self.result.to_dict()}

    def __repr__(self) -> str:
        return "; ".join(f"{name}: {one!r}" for name, one in self.carriers.items())


def electrode(image: Any, carriers: Mapping[str, Any], voxel_nm: Any = None, boundary: str = "electrodes",
              directions: str | None = None, temperature_K: Any = None, layer: Mapping[str, Any] | None = None,
              active: Any = None, exchange_current: float | None = None, kinetics_temperature_K: float | None = None,
              error: str = "auto", solver: str = "auto", tolerance: float = 1e-4, *, exclude: Any = (),
              extrapolate: bool = False, axes: str | None = None, names: Mapping[int, str] | None = None,
              thresholds: Any = None, fields: bool = False, comm: Any = None, threads: int | None = None,
              progress: bool | Callable[[str], object] | None = None) -> Electrode:
    """Effective conductivities of several carriers in one image and, of two, what they do together.

    As `pfsolid conduct IMAGE --carrier ion:... --carrier electron:...`, with the same numbers.  Collective over ``comm``.
    The first carrier comes from the plate where an axis begins, the separator, the second from the other, the collector.

    Parameters
    ----------
    image : Image or array_like (n0, n1[, n2])
        As for `pfsolid.conductivity`.
    carriers : dict
        {'ion': {'SE': 1e-3, 'CAM': 1e-6}, 'electron': {'CAM': 5e-3}}: of each carrier S/cm of each label, as ``sigma`` of
        `pfsolid.conductivity`; labels that are not given do not conduct it, unless '*' says otherwise.
    voxel_nm, boundary, directions, temperature_K, layer, error, solver, tolerance, exclude, extrapolate
        As for `pfsolid.conductivity`.
    axes, names, thresholds
        As for `pfsolid.conductivity`.
    active : label or sequence of labels, optional
        The active material; by default the labels that conduct all carriers.
    exchange_current : float, optional
        A/m^2 of active surface, of kinetics that are linear in the overpotential: where the electrode reacts.
    kinetics_temperature_K : float, optional
        K; 298.15.
    fields : bool
        Keep the current densities.
    comm, threads, progress
        As for `pfsolid.conductivity`.

    Returns
    -------
    Electrode

    Raises
    ------
    InputError
        A ValueError, in one line, before anything is computed; also of a carrier without a conductor in the image.
    ConvergenceError

    Notes
    -----
    Shares of the active material, electrode tortuosity and profiles are of an image between plates (``boundary`` is
    'electrodes') with scalar or diagonal conductivities: docs/electrodes.md.  H.-T. Nguyen et al., npj Comput. Mater. 6
    (2020) 123, doi:10.1038/s41524-020-00386-4; J. S. Newman and C. W. Tobias, J. Electrochem. Soc. 109 (1962) 1183,
    doi:10.1149/1.2425269.

    Examples
    --------
    >>> import numpy as np
    >>> import pfsolid as pf
    >>> layers = np.repeat([1, 2], [3, 5])[:, None] * np.ones((8, 8, 8), int)            # along x and z side by side
    >>> names = {1: "SE", 2: "CAM"}
    >>> found = pf.electrode(layers, {"ion": {"SE": 1e-3}, "electron": {"CAM": 5e-3}}, voxel_nm=100, directions="z",
    ...                      names=names, active="CAM")
    >>> round(float(found["ion"].tensor[2, 2]), 7), round(float(found["electron"].tensor[2, 2]), 7)
    (0.000375, 0.003125)
    >>> found.along("z").active_reached_by_both
    1.0
    """
    with in_arguments(_NAME):
        image = as_image(image, voxel_nm=voxel_nm, axes=axes, names=names, thresholds=thresholds)
        settings = given(solver=solver, grid_error=None if error == "auto" else error, relative_tolerance=tolerance,
                         temperature_K=temperature_K, extrapolate=extrapolate)
        kinetics = given(exchange_current_A_per_m2=exchange_current, temperature_K=kinetics_temperature_K)
        if active is not None:
            kinetics["active"] = [label_of(one, image.names, "active") for one in listed(active)]
        study = study_of(image, {}, layer, None, exclude, None, None, settings,
                         given(boundary=boundary, directions=directions), function=_NAME, carriers=plain(carriers),
                         electrode=kinetics or None)
        with quiet_session(comm, threads, progress) as session:
            check_same_on_all_ranks(image, session.reducer)
            ensure_compiled(study, session)
            problem = CarriersConduction(study, image._source, session)
            tell_of_spacing(study, problem.info, session)
            keepers = {name: FieldKeeper(image.axes) for name in problem.names}
            found = problem.solve(lambda name, part, medium: keepers[name].watch(part, medium) if fields else None)
            result = problem.electrode(problem.results(found))
            rows = profile_rows(problem, result)
    each = {name: conductivity_of(one, problem.studies[name].names, study.conduction, None, keepers[name].kept)
            for name, one in found.items()}
    columns = {name: list(values) for name, values in zip(PROFILE_COLUMNS, zip(*rows))}
    return Electrode(each, result, {name: [np.nan if one == "" else one for one in values]
                                    for name, values in columns.items()})
