"""The part of result.json that `pfsolid impedance` writes: spectra, and what an experiment would have inferred from them."""

from __future__ import annotations

from dataclasses import dataclass

from .record import Record, key

_NO_FIT = "without `impedance.fit`"
_NOT_ONE = "where that is not one number"
_FEW = "of fewer than four frequencies"


@dataclass(frozen=True, eq=False, kw_only=True)
class ArcResult(Record):
    """One arc of a fit: R, and a capacitor or a constant-phase element beside it."""

    resistivity_ohm_cm: float = key("R times area over thickness", "ohm cm")
    resistivity_interval_ohm_cm: tuple[float | None, float | None] = key("with 95 %; null: the data do not tell", "ohm cm")
    time_constant_s: float = key("tau", "s")
    exponent: float = key("n of the constant-phase element, 1 of a capacitor")
    capacitance_F_per_cm: float = key("tau / R", "F/cm")
    capacitance_interval_F_per_cm: tuple[float | None, float | None] = key("with 95 %; null likewise", "F/cm")


@dataclass(frozen=True, eq=False, kw_only=True)
class InferredResult(Record):
    """A quantity as the experiment infers it, beside what was put in."""

    name: str = key("bulk conductivity, bulk permittivity, boundary conductivity, boundary resistance, boundary "
                    "capacitance, grain size by resistance, grain size by capacitance")
    unit: str = key("S/cm, ohm cm^2, F/cm^2, nm, or 1")
    inferred: float = key("from the fit, by the brick-layer model")
    low: float | None = key("lower end of its 95 % interval; null: the data do not tell")
    high: float | None = key("upper end; null likewise")
    put_in: float | None = key("what is true", absent=_NOT_ONE)
    bias: float | None = key("inferred over true, less 1", absent=_NOT_ONE)

    @property
    def line(self) -> str:
        """For a person."""
        unit = "" if self.unit == "1" else f" {self.unit}"
        ends = "" if self.low is None or self.high is None else f" ({self.low:.4g} … {self.high:.4g})"
        true = "" if self.put_in is None or self.bias is None else (
            f"; put in {self.put_in:.4g}, so {100 * self.bias:+.3g} %" if abs(self.bias) > 5e-5
            else f"; put in {self.put_in:.4g}")
        return f"{self.name}: {self.inferred:.4g}{unit}{ends}{true}"


@dataclass(frozen=True, eq=False, kw_only=True)
class ArcFitResult(Record):
    """Two arcs in series, fitted to a spectrum of the sample without what is in series with it."""

    circuit: str = key("rc or cpe")
    noise: float = key("relative, that was added")
    seed: int = key("of it")
    misfit: float = key("root of the mean square of the relative errors")
    bulk: ArcResult = key("the faster arc")
    boundary: ArcResult = key("the slower one")
    inferred: tuple[InferredResult, ...] = key("what follows by the brick-layer model")


@dataclass(frozen=True, eq=False, kw_only=True)
class SpectrumResult(Record):
    """For a field along one axis at one temperature; lists go with the frequencies."""

    direction: str = key("axis of the field")
    temperature_K: float | None = key("temperature", "K", absent="where none was given")
    Z_real: tuple[float, ...] = key("real part of the impedance, elements in series included", "`impedance_unit`")
    Z_imag: tuple[float, ...] = key("imaginary part, below 0 where it is capacitive", "`impedance_unit`")
    sigma_real_S_per_cm: tuple[float, ...] = key("real part of the sample's effective admittivity", "S/cm")
    sigma_imag_S_per_cm: tuple[float, ...] = key("imaginary part", "S/cm")
    permittivity: tuple[float, ...] = key("imaginary part over omega eps_0")
    relative_error: tuple[float, ...] = key("of the solver, of the modulus; of the phase in radians")
    iterations: tuple[int, ...] = key("of the solver")
    kramers_kronig_residual: float | None = key("largest relative residual of the linear test", absent=_FEW)
    fit: ArcFitResult | None = key("what an experiment would have inferred", absent=_NO_FIT)

    @property
    def name(self) -> str:
        """'z', or 'z at 300 K'."""
        return self.direction if self.temperature_K is None else f"{self.direction} at {self.temperature_K:g} K"


@dataclass(frozen=True, eq=False, kw_only=True)
class ImpedanceResult(Record):
    """All that `pfsolid impedance` has found."""

    frequencies_Hz: tuple[float, ...] = key("rising", "Hz")
    impedance_unit: str = key("ohm of a sample of known thickness and area, ohm cm^2 of known thickness, or ohm cm",
                              pattern=r"ohm|ohm cm\^2|ohm cm")
    boundary_area_per_nm: float = key("of boundaries that resist, per volume", "1/nm")
    map_frequencies_Hz: tuple[float, ...] = key("at which |J| is in fields.h5", "Hz")
    spectra: tuple[SpectrumResult, ...] = key("by direction and temperature")
