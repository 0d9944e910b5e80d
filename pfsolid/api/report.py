"""One page to hand on."""

from __future__ import annotations

from pathlib import Path

from ..pages.page import write_report


def report(directory: str | Path, output: str | Path | None = None, force: bool = False) -> Path:
    """Write a directory's numbers, pictures and a view to turn as one HTML file that needs no network.

    The same as `pfsolid report DIR`.

    Parameters
    ----------
    directory : str or Path
        Of a finished run, a study of an image, a survey of sub-volumes, or of a sweep.
    output : str or Path, optional
        Default: ``report.html`` in the directory.
    force : bool
        Replace an earlier report.

    Returns
    -------
    Path
        Of the page.

    Raises
    ------
    InputError
        There is nothing to report, or something else stands where the page would go.
    CheckpointError, OutputError

    Examples
    --------
    >>> import pfsolid as pf
    >>> grown = pf.grow((16, 16, 16), 0.7, 0.4, surface_energy_J_per_m2=0.3, surface_depth_nm=1.4, until=20)
    >>> page = pf.report(grown.save(folder / "grown"))
    >>> page.name, "<canvas" in page.read_text()
    ('report.html', True)
    """
    return write_report(Path(directory), None if output is None else Path(output), force)
