"""The commands of a run: `run`, `resume`, `measure`, `plot`, `info`, `validate`, `warmup`, `doctor`."""

from __future__ import annotations

from argparse import Namespace

from ..errors import EXIT_FAULT, EXIT_INPUT, InputError, damage_is_a_mistake
from ..parallel.agreement import on_root
from ..parallel.communicator import world
from ..process import let_signals_end, loading
from ..text import in_binary_units, listed
from .label_tables import names_of
from .options import draw, draw_again, edges_of, print_on_root, running, session_of


def run_command(options) -> None:
    with loading():
        from ..config.run import read_config
        from ..machine.warmup import ensure_compiled
        from ..workflows.run import default_directory, run

    config = on_root(world(), read_config, options.input, options.overrides)
    with session_of(options, config) as session:
        ensure_compiled(config, session)
        directory = options.output or default_directory(options.input)
        running.append(directory)
        run(config, directory, session, options.force)
        if config.output.figures:
            draw(directory, session, config.output.figures)


def resume_command(options) -> None:
    with loading():
        from ..io.run_directory import finish_exchange
        from ..machine.warmup import ensure_compiled
        from ..workflows.resume import read_resumable, resume

    directory = options.directory
    if finish_exchange(directory, world()):
        print_on_root([f"{directory} is finished: its new results had been whole and are now in their place"])
        return
    config = on_root(world(), read_resumable, directory, options.overrides)
    with session_of(options, config) as session:
        ensure_compiled(config, session)
        running.append(directory)
        resume(config, directory, session)
        if config.output.figures:
            draw(directory, session, config.output.figures)


def measure_command(options) -> None:
    from ..io.images.slab import ImageWindow
    from ..orientation import ORDERS, order_of_axes
    from ..workflows.labelled import LabelOptions
    from ..workflows.measure_file import measure_file

    axes = options.axes_order and order_of_axes(options.axes_order)
    if options.axes_order is not None and not axes:
        raise InputError(f"--axes-order {options.axes_order}: must be {ORDERS}")
    voxel_nm, names = edges_of(options.voxel_nm), names_of(options.names)
    let_signals_end()
    with session_of(options, catch_signals=False) as session:
        path, lines = measure_file(options.source, session, options.filler, voxel_nm, options.boundary, names,
                                   options.output, options.force, axes,
                                   LabelOptions(options.values, options.exclude, options.active, options.csv,
                                                options.orientations, options.crystal_symmetry),
                                   ImageWindow(options.crop or (None,) * 3, bin=options.bin or 1))
        for line in [*lines, f"written to {path}"]:
            session.say(line)


def plot_command(options) -> None:
    let_signals_end()
    with damage_is_a_mistake():
        on_root(world(), draw_again, options.directory, (options.format, options.dpi, options.styles))


def report_command(options: Namespace) -> None:
    """Write the page of a directory."""
    from ..pages.page import write_report

    let_signals_end()
    with damage_is_a_mistake():
        path = on_root(world(), write_report, options.directory, options.output, options.force)
    print_on_root([f"written {path}, {in_binary_units(path.stat().st_size)}"])


def info_command(options) -> None:
    from .info import describe_run

    with damage_is_a_mistake():
        print_on_root(on_root(world(), describe_run, options.directory))


def validate_command(options) -> int:
    from .info import review_lines, reviewed

    ranks = options.ranks or world().Get_size()
    checked = on_root(world(), reviewed, options.input, options.overrides, ranks, options.threads)
    print_on_root(review_lines(options.input, checked))
    return EXIT_INPUT if checked.errors else 0


def warmup_command(options: Namespace) -> int:
    """Compile what later calls need; a fault where it cannot be kept."""
    with loading():
        from ..kernel import cache_folders
        from ..machine.warmup import EVERY, compile_for

    with session_of(options) as session:
        kept = compile_for(EVERY, session)
        if kept:
            session.say(f"kernels for every kind of run are compiled, in {listed(cache_folders(), 1)}")
    return 0 if kept else EXIT_FAULT


def doctor_command(_options) -> int:
    from ..machine.doctor import examine

    let_signals_end()
    healthy, lines = examine(world(), print_on_root)
    print_on_root(lines)
    return 0 if healthy else EXIT_FAULT
