"""`pfsolid rev`: is the sample large enough?"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable
from typing import Any

from ..errors import InputError
from ..parallel.agreement import on_root
from ..parallel.communicator import world
from ..process import loading
from ..text import one_line
from .conduct import Once, add_image_options, add_solver_options, beside, study_of
from .options import a_path, add_output, add_set, add_threads, draw, running, session_of


def add_commands(command: Callable[..., Any]) -> None:
    """Add `rev`."""
    sub = command("rev", _rev, "say whether an image is large enough: how conductivity and volume fractions scatter over "
                  "sub-volumes, the interval that the image itself has, and what a smaller one takes")
    sub.register("action", None, Once)
    sub.add_argument("source", type=a_path, metavar="IMAGE",
                     help="an image of labels, as for conduct, or a TOML file with a section [image]")
    add_set(sub)
    image = add_image_options(sub)
    image.add_argument("--boundary", metavar="CONDITION,...", help="of the image and its sub-volumes: electrodes, periodic, "
                       "mirror (default: electrodes,periodic)")
    sub.set_defaults(plate_resistance=None, contact=None)
    add_solver_options(sub.add_argument_group("for the solver"))
    sizes = sub.add_argument_group("for the sub-volumes")
    sizes.add_argument("--sizes", metavar="N,...", help="their edges in voxels of the smallest edge (default: up to three, "
                       "from parts of the image)")
    sizes.add_argument("--most", metavar="N", help="sub-volumes of a size; of more some are drawn (default: 64)")
    sizes.add_argument("--error", metavar="PERCENT", help="half of the 95 %% interval for which a size is "
                       "wanted (default: 5)")
    add_output(sub, "output directory (default: `rev` in the run directory, or NAME_rev beside the file)")
    add_threads(sub)


def _rev(options: Namespace) -> None:
    with loading():
        from ..machine.warmup import ensure_compiled
        from ..workflows.rev import survey_image

    study = on_root(world(), _study, options)
    with session_of(options, study) as session:
        ensure_compiled(study, session)
        directory = options.output or beside(options.source, "rev")
        running.append(directory)
        survey_image(study, directory, session, options.force)
        if study.output.figures:
            draw(directory, session, study.output.figures)


def _study(options: Namespace) -> Any:
    from ..config.text import Override

    if options.carrier is not None:
        raise InputError("--carrier: sub-volumes are solved for one carrier at a time; give its conductivities with --sigma")
    boundaries, options.boundary = options.boundary, None
    given = options.sigma is not None or options.sigma_table is not None or options.source.suffix == ".toml"
    if not given:
        if boundaries is not None:
            raise InputError(f"--boundary {one_line(boundaries)}: without --sigma there are volume fractions only, which "
                             "have no boundary condition")
        boundaries, options.sigma = "", "*=1,0=1"  # nobody looks at them
    if boundaries is not None:
        texts = ", ".join(f'"{one.strip()}"' for one in boundaries.split(",") if one.strip())
        options.overrides.append(Override(f"rev.boundaries=[{texts}]", "--boundary"))
    if options.sizes is not None:
        options.overrides.append(Override(f"rev.sizes=[{options.sizes}]", "--sizes"))
    if options.most is not None:
        options.overrides.append(Override(f"rev.most={options.most}", "--most"))
    if options.error is not None:
        options.overrides.append(Override(f"rev.relative_error={_share(options.error)}", "--error"))
    return study_of(options)


def _share(percent: str) -> float:
    try:
        value = float(percent)
    except ValueError:
        value = 0.0
    if not 0 < value < 100:
        raise InputError(f"--error {one_line(percent)}: must be per cent between 0 and 100")
    return value / 100
