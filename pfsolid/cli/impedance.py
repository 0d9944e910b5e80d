"""`pfsolid impedance`: the spectrum that an experimenter would measure."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable
from typing import Any

from ..errors import InputError
from ..parallel.agreement import on_root
from ..parallel.communicator import world
from .conduct import Once, add_image_options, beside, study_of
from .label_tables import entries_of, quoted, table_of
from .options import a_path, add_output, add_set, add_threads, draw, running, session_of

_PLAIN = {"thickness_um": "thickness_um", "area_cm2": "area_cm2", "double_layer": "double_layer_F_per_cm2",
          "warburg": "warburg_ohm_cm2_per_sqrt_s", "noise": "noise", "seed": "seed", "fit": "fit"}


def add_commands(command: Callable[..., Any]) -> None:
    """Add `impedance`."""
    sub = command("impedance", _impedance, "solve the impedance spectrum of an image of labels, and say what an experiment "
                  "would infer from it")
    sub.register("action", None, Once)
    sub.add_argument("source", type=a_path, metavar="SOURCE",
                     help="an image of labels, as for conduct, or a TOML file with a section [image]")
    add_set(sub)
    image = add_image_options(sub)
    image.add_argument("--boundary", choices=["periodic", "mirror", "electrodes"], help="default: periodic")
    image.add_argument("--plate-resistance", metavar="R1,R2", help="ohm cm^2 between the electrodes and the image")
    sub.set_defaults(contact=None, solver=None)
    spectrum = sub.add_argument_group("for the spectrum")
    spectrum.add_argument("--frequencies", metavar="FIRST:LAST:N|F,...", help="Hz: from, to and how many a decade, or all "
                          "of them, rising")
    spectrum.add_argument("--permittivity", metavar="LABEL=EPS,...", help="relative permittivity of each label or class: "
                          "0=1,1=15; *=EPS for all others")
    spectrum.add_argument("--boundary-capacitance", metavar="A:B=C,...", help="F/cm^2 of boundaries with a resistance, or "
                          "{delta_nm=2,permittivity=10} of a film; *:*=C for all")
    spectrum.add_argument("--temperature", metavar="T,...", help="K, one or several")
    spectrum.add_argument("--tolerance", metavar="R", help="relative error allowed at each frequency (default: 1e-4)")
    spectrum.add_argument("--maps", metavar="F,...", help="Hz, of the spectrum, at which |J| is stored and drawn")
    sample = sub.add_argument_group("for the sample as it is measured")
    sample.add_argument("--thickness-um", metavar="L", help="impedances are in ohm cm^2 then, else in ohm cm")
    sample.add_argument("--area-cm2", metavar="A", help="impedances are in ohm")
    sample.add_argument("--double-layer", metavar="C", help="F/cm^2 in series, of both electrodes together")
    sample.add_argument("--cpe", metavar="Q,N", help="S s^n/cm^2 and n of a constant-phase element in series")
    sample.add_argument("--warburg", metavar="A_W", help="ohm cm^2 s^-1/2, in series")
    fit = sub.add_argument_group("for the virtual experiment")
    fit.add_argument("--fit", choices=["none", "rc", "cpe"], help="two arcs with capacitors or constant-phase elements")
    fit.add_argument("--noise", metavar="SHARE", help="of what is fitted, such as 0.005")
    fit.add_argument("--seed", metavar="N", help="of that noise (default: 1)")
    add_output(sub, "output directory (default: NAME_impedance beside the file)")
    add_threads(sub)


def _impedance(options: Namespace) -> None:
    from ..machine.warmup import ensure_compiled
    from ..workflows.image import check_image
    from ..workflows.impedance import impedance_of_image

    study = on_root(world(), _study, options)
    on_root(world(), check_image, study)
    with session_of(options, study) as session:
        ensure_compiled(study, session)
        directory = options.output or beside(options.source, "impedance")
        running.append(directory)
        impedance_of_image(study, directory, session, options.force)
        if study.output.figures:
            draw(directory, session, study.output.figures)


def _study(options: Namespace) -> Any:
    from ..config.text import Override

    if options.carrier is not None:
        raise InputError("--carrier: a spectrum is of one carrier; give its conductivities with --sigma")

    def put(option: str, name: str, value: str) -> None:
        options.overrides.append(Override(f"impedance.{name}={value}", f"--{option.replace('_', '-')}"))

    if options.frequencies is not None:
        text = options.frequencies
        put("frequencies", "frequencies_Hz", quoted(text) if ":" in text else f"[{text}]")
    if options.permittivity is not None:
        put("permittivity", "permittivity", table_of(entries_of(options.permittivity, "--permittivity"), "--permittivity"))
    if options.boundary_capacitance is not None:
        option = "--boundary-capacitance"
        put("boundary_capacitance", "boundary_capacitance_F_per_cm2",
            table_of(entries_of(options.boundary_capacitance, option), option))
    if options.maps is not None:
        put("maps", "map_frequencies_Hz", f"[{options.maps}]")
    if options.cpe is not None:
        put("cpe", "cpe_S_sn_per_cm2", f"[{options.cpe}]")
    for option, name in _PLAIN.items():
        if getattr(options, option) is not None:
            put(option, name, getattr(options, option))
    study = study_of(options)
    if study.impedance is None:
        raise InputError("pfsolid impedance needs --frequencies and --permittivity, or a section [impedance] in the input")
    return study
