"""`python -m pfsolid` is `pfsolid`."""

from .cli import main

main()
