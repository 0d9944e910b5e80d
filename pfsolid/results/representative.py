"""The part of result.json that `pfsolid rev` writes: is the sample large enough?"""

from __future__ import annotations

from dataclasses import dataclass

from ..text import interval, percent, to_digits
from .record import Record, key

_ALL = "where not even the whole image has a value above 0"


@dataclass(frozen=True, eq=False, kw_only=True)
class SizeResult(Record):
    """A property in the sub-volumes of one size."""

    voxels: tuple[int, int, int] = key("of a sub-volume along x, y, z")
    edge_nm: float = key("cube (in two dimensions square) root of its volume", "nm")
    number: int = key("of sub-volumes")
    mean: float = key("of the property; sub-volumes in which nothing percolates count with 0")
    mean_error: float = key("half of the 95 % interval of the mean, from the scatter")
    standard_deviation: float = key("of the property")
    percolation_probability: float | None = key("share of the sub-volumes in which it percolates",
                                                absent="of volume fractions")
    percolation_low: float | None = key("lower end of its 95 % interval", absent="of volume fractions")
    percolation_high: float | None = key("upper end", absent="of volume fractions")
    fitted: bool = key("whether the law is fitted to it: all of its sub-volumes percolate, or those of too few sizes do")


@dataclass(frozen=True, eq=False, kw_only=True)
class NeededResult(Record):
    """What the relative error asked for takes."""

    relative_error: float = key("half of the 95 % interval over the mean")
    edge_nm: float | None = key("edge of one cubic (square) sample; null where it cannot be said", "nm")
    edge_voxels: int | None = key("the same in voxels of the smallest edge, rounded up; null likewise")
    unsaid: str | None = key("why it cannot be said", absent="where it can")
    decided_by: str = key("scatter, or faces: their shift may take half of the error", pattern="scatter|faces")
    number: int | None = key("of samples of another size whose mean is as good",
                             absent="where faces shift the largest size by more than half of the error, or nothing "
                                    "percolates in some of it")
    number_edge_nm: float | None = key("their edge", "nm", absent="likewise")
    number_edge_voxels: int | None = key("the same in voxels", absent="likewise")


@dataclass(frozen=True, eq=False, kw_only=True)
class PropertyResult(Record):
    """One property of the image, and how it scatters in parts of it."""

    name: str = key("sigma_xx, sigma_yy, sigma_zz, sigma_mean, or fraction of LABEL")
    boundary: str | None = key("condition at the faces of image and sub-volumes", absent="of volume fractions")
    unit: str = key("S/cm, or 1")
    value: float = key("of the whole image")
    low: float = key("lower end of the 95 % interval about the infinite medium: scatter, on their side the faces")
    high: float = key("upper end")
    sample_relative: float = key("half of the 95 % interval by scatter, over the value; null of 0")
    faces_relative: float = key("what faces shift the value by, over the value; null of 0")
    exponent: float | None = key("g of Var = C V^-g as fitted; null of one size, and where nothing scatters")
    exponent_low: float | None = key("lower end of its 95 % interval; null likewise")
    exponent_high: float | None = key("upper end")
    exponent_taken: float = key("g that is used: 1 where the interval holds it")
    integral_range_nm: float | None = key("cube (square) root of the integral range, the volume of an independent piece; "
                                          "null where g is not 1", "nm")
    needed: NeededResult | None = key("what the error asked for takes", absent=_ALL)
    sizes: tuple[SizeResult, ...] = key("of sub-volumes, the largest first")

    @property
    def line(self) -> str:
        """For a person: value, bar, and what a smaller error takes."""
        where = f" ({self.boundary})" if self.boundary else ""
        unit = "" if self.unit == "1" else f" {self.unit}"
        if self.value == 0:
            return f"{self.name}{where}: 0"
        width = max(self.high - self.value, self.value - self.low)
        text = (f"{self.name}{where} = {to_digits(self.value, width)}{unit} "
                f"({interval(self.value, self.low, self.high, width)}; sample ± {percent(self.sample_relative)}")
        if self.boundary:
            text += f", faces {'+' if self.faces_relative >= 0 else '-'}{percent(abs(self.faces_relative))}"
        return f"{text}){'' if self.needed is None else '; ' + self._text_of(self.needed)}"

    def _text_of(self, one: NeededResult) -> str:
        """'for 5 % take 180³ or nine of 96³'."""
        cube = "³" if all(n > 1 for n in self.sizes[0].voxels) else "²"
        text = f"for {percent(one.relative_error)} take {one.edge_voxels}{cube}"
        if one.edge_voxels is None:
            several = "" if not one.number else f"take {one.number} of {one.number_edge_voxels}{cube} voxels; "
            return f"for {percent(one.relative_error)} {several}how large one must be cannot be said: {one.unsaid}"
        if one.number is None:
            return f"{text}, not several smaller ones: their faces shift them all"
        if one.number == 1:
            return f"{text}; {one.number_edge_voxels}{cube} are enough"
        return f"{text} or {_NUMBERS.get(one.number, str(one.number))} of {one.number_edge_voxels}{cube} voxels"


_NUMBERS = dict(enumerate("two three four five six seven eight nine ten eleven twelve".split(), 2))


@dataclass(frozen=True, eq=False, kw_only=True)
class RepresentativeResult(Record):
    """All that `pfsolid rev` has found."""

    relative_error: float = key("asked for")
    sub_volumes: int = key("measured, of all sizes")
    outside: int = key("left out, as a part of them lies outside the field of view")
    properties: tuple[PropertyResult, ...] = key("volume fractions, then conductivities")

    def of(self, name: str, boundary: str | None = None) -> PropertyResult:
        """The property of that name, of the first condition unless one is given.

        Parameters
        ----------
        name : str
        boundary : str, optional

        Returns
        -------
        PropertyResult

        Raises
        ------
        KeyError
        """
        found = [one for one in self.properties if one.name == name and boundary in (None, one.boundary)]
        if not found:
            raise KeyError(f"no {name!r}; there are {', '.join(dict.fromkeys(one.name for one in self.properties))}")
        return found[0]
