"""The command line: `pfsolid COMMAND ...`, one module a command."""

from ..process import prepare


def main() -> None:
    """Entry point of the program."""
    prepare()
    from .main import main as command_line  # loads MPI

    command_line()
