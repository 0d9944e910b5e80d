"""The command line: `pfsolid COMMAND ...`, one module a command."""

from .main import main as main
