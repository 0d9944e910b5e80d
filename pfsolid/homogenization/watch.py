"""What a session makes of the iterations: a line that says how far they are, and an end when it is asked for."""

from __future__ import annotations

from ..errors import Interrupted
from ..parallel.session import Session
from ..text import percent
from ..units import S_PER_M
from .solve import Progress, Watch

# Looking for a signal takes a reduction over the ranks: not in every iteration, but in the first, for multigrid is done
# within a few.
_ITERATIONS_BETWEEN_LOOKS = 5


def watched_by(session: Session) -> Watch:
    """Shows the iterations; raises Interrupted on a signal or when the time is over, on all ranks together."""

    def watch(now: Progress) -> None:
        if now.iteration == 1:
            session.hold_progress()  # a solve that takes no time has nothing to say
        where = "" if now.temperature is None else f" at {now.temperature:g} K"
        session.progress(lambda: f"solving along {now.along}{where}: {now.sigma / S_PER_M:.2e} S/cm so far, error about "
                                 f"{percent(now.relative_error)}")
        if now.iteration % _ITERATIONS_BETWEEN_LOOKS == 1 and (why := session.look_around()[0]):
            raise Interrupted(f"stopped while solving for a field along {now.along}, because {why}")

    return watch
