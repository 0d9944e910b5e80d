"""`pfsolid conduct`: on the density of a run, or on an image of labels."""

from __future__ import annotations

import argparse
import re
from argparse import SUPPRESS
from pathlib import Path
from typing import Any

from ..config.sigma_table import read_sigma_table
from ..errors import InputError
from ..parallel.agreement import on_root
from ..parallel.communicator import world
from ..process import loading
from ..text import one_line
from .label_tables import (
    carriers_table,
    classes_of,
    conductivities,
    entries_of,
    label_text,
    names_table,
    quoted,
    table_of,
)
from .options import CROP, a_path, add_output, add_set, add_threads, crop_of, draw, edges_of, running, session_of

_NOT_FOR_DENSITY = ("voxel_nm", "boundary", "axes_order", "directions", "crop", "bin", "threshold", "raw", "raw_offset",
                    "layer", "resistance", "plate_resistance", "contact", "names", "exclude", "active_material",
                    "exchange_current", "label_class", "crystal_symmetry")
_NOTATION = {
    "crop": CROP, "raw": "NX,NY,NZ,TYPE", "layer": "LABEL:ON,FACING,WIDTH_NM", "resistance": "A:B=R",
    "plate_resistance": "R1,R2", "contact": "FIRST[,LAST]",
}


class Once(argparse.Action):
    """An option that may not be repeated: the second value would replace the first unseen."""

    def __call__(self, parser, namespace, value, option=None):
        if getattr(namespace, self.dest) is not None:
            raise argparse.ArgumentError(self, "is given twice")
        setattr(namespace, self.dest, value)


def add_commands(command) -> None:
    """Add `conduct`."""
    sub = command("conduct", _conduct, "solve conduction: on the density of a run with other conductivities, or on an image "
                  "of labels (give --sigma, or a study in TOML)")
    sub.register("action", None, Once)  # what options do that say nothing else
    sub.add_argument("source", type=a_path, metavar="SOURCE",
                     help="a run directory, an HDF5 file with a field rho; an image "
                     "(.tif .npy .h5[:DATASET] .vti .png .zarr .nrrd .mhd .nii .mrc, raw, a folder of slices); or a "
                     "TOML file with a section [image]")
    sub.add_argument("--input", type=a_path, metavar="INPUT", help="density: take the conductivities from this TOML file")
    add_set(sub)
    image = add_image_options(sub)
    image.add_argument("--boundary", choices=["periodic", "mirror", "electrodes"], help="default: periodic")
    image.add_argument("--plate-resistance", metavar=_NOTATION["plate_resistance"], help="ohm cm^2 between the electrodes "
                       "and the image, where it begins and where it ends along the field")
    image.add_argument("--contact", metavar=_NOTATION["contact"], help="where electrodes touch the image: on a disc of that "
                       "radius (nm) about the middle, or where a picture of the end is not 0; nothing: all of it")
    add_solver_options(sub.add_argument_group("for both"))
    battery = sub.add_argument_group("for battery models")
    battery.add_argument("--export", choices=["pybamm", "bpx", "json"], help="also write tortuosity factor, transport "
                         "efficiency and conductivities as such a model takes them: pybamm.json, bpx.json, transport.json")
    battery.add_argument("--domain", choices=["negative-electrode", "separator", "positive-electrode"],
                         help="part of the cell that this is; for pybamm and bpx")
    battery.add_argument("--component", choices=["electrolyte", "electrode"], help="whose conductivity this is: that of the "
                         "ions (default), or of the electrons")
    battery.add_argument("--along", choices=["x", "y", "z"], help="direction through the cell")
    add_output(sub, "output directory (default: `conduct` in the run directory, or NAME_conduct beside the file)")
    add_threads(sub)


def add_image_options(sub: argparse.ArgumentParser) -> argparse._ArgumentGroup:
    """Add what is said of an image of labels and of its conductivities; the group, for more."""
    image = sub.add_argument_group("for an image of labels")
    image.add_argument("--sigma", metavar="LABEL=S,...", help="S/cm of each label: 0=0,1=1e-3 or 1=[1e-3,1e-3,5e-4], "
                       "or a law 1={value=1e-3,at_K=298,activation_energy_eV=0.3}; *=S for all others")
    image.add_argument("--carrier", action="append", metavar="NAME:LABEL=S,...", help="in place of --sigma, given for each "
                       "carrier: ion:SE=1e-3,CAM=1e-6; labels that are not given do not conduct it")
    image.add_argument("--active-material", metavar="LABEL,...", help="of an electrode with two carriers (default: what "
                       "conducts both)")
    image.add_argument("--exchange-current", metavar="A_PER_M2", help="A/m^2 of active surface: where the electrode reacts")
    image.add_argument("--sigma-table", type=a_path, metavar="FILE.csv", help="the same as a table with the columns label, "
                       "sigma_S_per_cm and, if wanted, name, class, phi1_deg, Phi_deg, phi2_deg")
    image.add_argument("--class", dest="label_class", action="append", metavar="NAME=LABELS", help="what labels have in "
                       "common: grain=1-300, pore=0,7, grain=* for all others; stands wherever a label does in --sigma and "
                       "--resistance, once for each class")
    image.add_argument("--crystal-symmetry", choices=["cubic", "hexagonal", "trigonal", "tetragonal", "orthorhombic",
                                                      "none"],
                       help="of all crystals, where resistances go by misorientation")
    image.add_argument("--names", metavar="LABEL=NAME,...", help="what the labels are called, to be used wherever a label "
                       "is")
    image.add_argument("--exclude", metavar="LABEL,...", help="labels outside the field of view, such as round a cylinder: "
                       "neither conductor nor volume")
    image.add_argument("--voxel-nm", metavar="H", help="edge of a voxel, or three: 20 or 20,20,40")
    image.add_argument("--axes-order", metavar="ORDER", help="axes of an array (npy, HDF5, TIFF), first index first: zyx "
                       "(default where the file does not say), xyz ...; yx or xy in two dimensions")
    image.add_argument("--directions", metavar="AXES", help="axes to apply a field along (default: all of more than one "
                       "voxel)")
    image.add_argument("--axes", dest="directions", help=SUPPRESS)  # its name in older versions
    image.add_argument("--crop", metavar=_NOTATION["crop"], help="part of the image; : is all of an axis")
    image.add_argument("--bin", metavar="N", help="voxels along each axis that become one, by the majority of their labels")
    image.add_argument("--threshold", metavar="G,...", help="grey values between labels 0, 1, 2 ...")
    image.add_argument("--raw", metavar=_NOTATION["raw"], help="a file of numbers: voxels and NumPy type (uint8, >u2)")
    image.add_argument("--raw-offset", metavar="BYTES", help="length of the header of a raw file")
    image.add_argument("--layer", metavar=_NOTATION["layer"], help="a surface layer by distance, for example 2:1,0,40: "
                       "label 2, on label 1, within 40 nm of label 0")
    image.add_argument("--resistance", metavar="A:B=R,...", help="ohm cm^2 of the interfaces between two labels or classes, "
                       "*:*=R for all others: a number, a law, {apparent_S_per_cm=1e-5,D_nm=500}, {specific_S_per_cm=1e-7,"
                       "delta_nm=2}, {film_S_per_cm=1e-6,delta_nm=5}, {misorientation_deg=[15],ohm_cm2=[1,30]}")
    return image


def add_solver_options(both: argparse._ArgumentGroup) -> None:
    """Add what is said of the solve."""
    both.add_argument("--temperature", metavar="T,...", help="K, one or several")
    both.add_argument("--solver", choices=["auto", "multigrid", "fft", "petsc", "perturbation", "split"])
    both.add_argument("--tolerance", metavar="R", help="relative error allowed in sigma_eff (default: 1e-4)")


def _conduct(options) -> None:
    _check_export(options)
    if options.carrier is not None and (options.sigma is not None or options.sigma_table is not None):
        raise InputError("--carrier and --sigma are two ways to say what conducts: give one")
    given = (options.sigma, options.sigma_table, options.carrier)
    if any(one is not None for one in given) or options.source.suffix == ".toml":
        _on_image(options)
    else:
        _on_density(options)


def _on_density(options) -> None:
    with loading():
        from ..config.run import read_config
        from ..machine.warmup import ensure_compiled
        from ..results.run import UNSEPARATED
        from ..workflows.stored_density import check_source, conduct, default_directory

    for name in _NOT_FOR_DENSITY:
        if getattr(options, name) is not None:
            raise InputError(f"--{name.replace('_', '-')} is for images of labels: give their conductivities with --sigma")
    on_root(world(), check_source, options.source)
    overrides = [*options.overrides, *_solver_overrides(options)]
    config = None
    if options.input is not None:
        config = on_root(world(), read_config, options.input, overrides)
    with session_of(options, config) as session:
        ensure_compiled(config, session)
        directory = options.output or default_directory(options.source)
        running.append(directory)
        result = conduct(options.source, config, overrides, directory, session, options.force)
        if result.state != UNSEPARATED:  # of which there is nothing to be exported or drawn
            _export(directory, options, session)
            draw(directory, session)


def _on_image(options) -> None:
    with loading():
        from ..machine.warmup import ensure_compiled
        from ..workflows.carriers import conduct_carriers, is_of_carriers
        from ..workflows.image import check_image, conduct_image

    if options.input is not None:
        raise InputError("--input is for the density of a run; an image is given its conductivities with --sigma")
    study = on_root(world(), study_of, options)
    on_root(world(), check_image, study)
    with session_of(options, study) as session:
        ensure_compiled(study, session)
        directory = options.output or beside(options.source)
        running.append(directory)
        conduct = conduct_carriers if is_of_carriers(study) else conduct_image
        conduct(study, directory, session, options.force)
        _export(directory, options, session)
        if study.output.figures:
            draw(directory, session, study.output.figures)


def _check_export(options) -> None:
    """Refuse what cannot be exported before anything is computed."""
    several = options.carrier is not None
    if options.export in ("pybamm", "bpx") and several:
        if len(options.carrier) != 2:
            raise InputError(f"--export {options.export} takes two carriers, the electrolyte's first, or --sigma; "
                             f"{len(options.carrier)} --carrier given")
        if options.component is not None or options.domain == "separator":
            raise InputError("--component: of two carriers the first is the electrolyte's and the second the electrode's"
                             if options.component is not None else "--domain separator: only one carrier conducts in it")
    given = [name for name in ("domain", "component", "along") if getattr(options, name) is not None]
    if options.export not in ("pybamm", "bpx"):
        if given:
            raise InputError(f"--{given[0]} is for --export pybamm or bpx")
        return
    if options.domain is None:
        raise InputError(f"--export {options.export} needs --domain: negative-electrode, separator or positive-electrode")
    if (options.domain, options.component) == ("separator", "electrode"):
        raise InputError("--component electrode: nothing but the electrolyte conducts in a separator")
    directions = options.directions or "xyz"
    if options.along is None and len(directions) > 1:
        raise InputError(f"--export {options.export} needs --along: the direction through the cell, one of "
                         f"{', '.join(directions)}")
    if options.along is not None and options.along not in directions:
        raise InputError(f"--along {options.along}: no field is asked for along it (--directions {directions})")


def _export(directory: Path, options, session) -> None:
    """Write what a battery model takes beside the result; from root."""
    if options.export is None or not session.is_root:
        return
    from ..workflows.export import export_transport

    domain = None if options.domain is None else options.domain.replace("-", " ")
    try:
        path = export_transport(directory, options.export, domain, options.component or "electrolyte", options.along)
    except InputError as error:  # of what was found, such as that nothing percolates: the result stands
        session.warn(f"no export for {options.export}: {error}")
    else:
        session.say(f"written {path}")


def beside(source: Path, what: str = "conduct") -> Path:
    """Where the result of an image or a study goes: in a run's directory, else beside the file.

    Parameters
    ----------
    source : Path
    what : str
        The command, by which it is called.

    Returns
    -------
    Path
    """
    if (source / "fields.h5").exists():
        return source / what
    before, _, dataset = str(source).rpartition(":")
    if Path(before).name and not source.exists():
        return Path(before).with_name(f"{Path(before).stem}_{dataset.replace('/', '_')}_{what}")
    return source.with_name(f"{source.stem}_{what}")


def study_of(options: argparse.Namespace) -> Any:
    """The image study that the options or the TOML file describe.  For one rank."""
    from ..config.image import read_study, study_from_text

    overrides = [*options.overrides, *_solver_overrides(options), *_image_overrides(options)]
    if options.source.suffix == ".toml":
        return read_study(options.source, overrides)
    return study_from_text(f"[image]\nfile = {quoted(str(options.source))}\n", "command line", overrides)


def _add_classes(found, options, table) -> None:
    """Classes, angles and symmetry of grains."""
    from ..config.classes import text_of_labels

    classes: dict[str, object] = dict(classes_of(options.label_class))
    for name, labels in ({} if table is None else table.classes).items():
        if name in classes:
            raise InputError(f"--class {name} and --sigma-table {options.sigma_table} both say what labels are of it: leave "
                             "it out of one")
        classes[name] = text_of_labels(labels)
    if classes:
        found.add("--class", "phases.classes", quoted(classes))
    if table is not None and table.angles:
        found.add("--sigma-table", "phases.euler_deg", quoted(table.angles))
    if options.crystal_symmetry is not None:
        found.add("--crystal-symmetry", "phases.crystal_symmetry", options.crystal_symmetry)


def _solver_overrides(options) -> list[str]:
    found = _Overrides()
    if options.temperature is not None:
        found.add("--temperature", "conduction.temperature_K", f"[{options.temperature}]")
    if options.solver is not None:
        found.add("--solver", "conduction.solver", options.solver)
    if options.tolerance is not None:
        found.add("--tolerance", "conduction.relative_tolerance", options.tolerance)
    return found


def _image_overrides(options) -> list[str]:
    """The image options as the TOML they stand for; what they hold is checked with everything else."""
    found = _Overrides()
    table = None
    if options.sigma_table is not None:
        table = read_sigma_table(options.sigma_table, f"--sigma-table {options.sigma_table}")
    conducting, names = conductivities(options.sigma, table, options.sigma_table, options.names)
    if conducting:
        found.add("--sigma", "phases.sigma_S_per_cm", table_of(conducting, "--sigma"))
    _add_classes(found, options, table)
    if options.carrier is not None:
        found.add("--carrier", "phases.carriers_S_per_cm", carriers_table(options.carrier))
    if options.active_material is not None:
        found.add("--active-material", "electrode.active",
                  f"[{', '.join(map(label_text, options.active_material.split(',')))}]")
    if options.exchange_current is not None:
        found.add("--exchange-current", "electrode.exchange_current_A_per_m2", options.exchange_current)
    if names:
        found.add("--names", "phases.names", names_table(names))
    if options.exclude is not None:
        found.add("--exclude", "image.exclude", f"[{', '.join(map(label_text, options.exclude.split(',')))}]")
    if options.resistance is not None:
        found.add("--resistance", "phases.interface_resistance_ohm_cm2",
                  table_of(entries_of(options.resistance, "--resistance"), "--resistance"))
    if options.plate_resistance is not None:
        found.add("--plate-resistance", "image.plate_resistance_ohm_cm2", f"[{options.plate_resistance}]")
    if options.contact is not None:
        found.add("--contact", "image.contact", _contacts(options.contact))
    if edges_of(options.voxel_nm) is not None:
        found.add("--voxel-nm", "image.voxel_size_nm", _list_or_one(options.voxel_nm))
    if options.boundary is not None:
        found.add("--boundary", "image.boundary", options.boundary)
    if options.axes_order is not None:
        found.add("--axes-order", "image.axes", quoted(options.axes_order))
    if options.directions is not None:
        found.add("--directions", "image.directions", quoted(options.directions))
    if options.threshold is not None:
        found.add("--threshold", "image.thresholds", f"[{options.threshold}]")
    if options.crop is not None:
        pairs = ", ".join(f"[{', '.join(map(str, pair or ()))}]" for pair in crop_of(options.crop))
        found.add("--crop", "image.crop", f"[{pairs}]")
    if options.bin is not None:
        found.add("--bin", "image.bin", options.bin)
    if options.raw is not None:
        *shape, kind = _match(r"(\d+),(\d+),(\d+),(\S+)", "raw", options.raw)
        found.add("--raw", "image.raw_shape", f"[{', '.join(shape)}]")
        found.add("--raw", "image.raw_dtype", quoted(kind))
    if options.raw_offset is not None:
        found.add("--raw-offset", "image.raw_offset", options.raw_offset)
    if options.layer is not None:
        label, on, facing, width = _match(r"([^:,]+):([^:,]+),([^,]+),\s*([\d.eE+-]+)\s*", "layer", options.layer,
                                          spaces=True)
        facing = f"[{', '.join(map(label_text, facing.split('+')))}]"
        for key, value in (("label", label_text(label)), ("on", label_text(on)), ("facing", facing), ("width_nm", width)):
            found.add("--layer", f"layer.{key}", value)
    return found


class _Overrides(list):
    """What options stand for in an input."""

    def add(self, option: str, key: str, value: str) -> None:
        from ..config.text import Override  # after the arguments: it takes a while to load

        self.append(Override(f"{key}={value}", option))


def _match(pattern: str, name: str, text: str, spaces: bool = False) -> tuple:
    """Groups of what an option holds; ``spaces`` where they may be part of a name."""
    found = re.fullmatch(pattern, text if spaces else text.replace(" ", ""))
    if not found:
        raise InputError(f"--{name} {one_line(text)}: must be {_NOTATION[name]}")
    return found.groups()


def _contacts(text: str) -> str:
    """A radius or a name for each of the two plates, as TOML."""
    first, _, last = (part.strip() for part in text.partition(","))
    number = r"\d+\.?\d*([eE][+-]?\d+)?"
    return f"[{', '.join(one if re.fullmatch(number, one) else quoted(one) for one in (first, last))}]"


def _list_or_one(text: str) -> str:
    return f"[{text}]" if "," in text else text
