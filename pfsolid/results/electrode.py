"""The part of result.json that two carriers add: what they do together, and the electrode between two plates."""

from __future__ import annotations

from dataclasses import dataclass

from .record import Record, key

_PLATES = "but between electrodes, of scalar or diagonal conductivities"
_KINETICS = "without `electrode.exchange_current_A_per_m2`, and where it cannot be"
VALID = ("ambipolar conductivity and transport numbers hold for carriers that exchange nothing inside the sample: not where "
         "they react at every interface")


@dataclass(frozen=True, eq=False, kw_only=True)
class FrontResult(Record):
    """Where a porous electrode with linear kinetics reacts, from its separator, x = 0, to its collector."""

    thickness_nm: float = key("L, of the sample along the axis", "nm")
    nu: float = key("L over the penetration depth; below 1 it reacts evenly")
    penetration_depth_nm: float = key("how far from its faces a thick electrode reacts", "nm")
    resistance_ohm_cm2: float = key("from separator to collector", "ohm cm^2")
    reaction_at_separator: float = key("reaction rate at the separator over its mean")
    reaction_at_collector: float = key("the same at the collector")


@dataclass(frozen=True, eq=False, kw_only=True)
class ElectrodeAxis(Record):
    """Along one axis; the first carrier comes from the plate where it begins, the second from the other."""

    ambipolar_S_per_cm: float = key("sigma_1 sigma_2 / (sigma_1 + sigma_2)", "S/cm")
    ambipolar_interval_S_per_cm: tuple[float, float] | None = key("by those of both", "S/cm", absent="where one has none")
    transport_number: float | None = key("of the first carrier: sigma_1 / (sigma_1 + sigma_2)",
                                         absent="where neither conducts")
    active_reached_by: dict[str, float] | None = key(
        "share of the active material in bodies that a carrier reaches from its plate", absent=f"{_PLATES}, and without any")
    active_reached_by_both: float | None = key("share of the active material that both reach", absent="likewise")
    active_area_per_nm: float | None = key(
        "area per volume between active material that both reach and other material that the first reaches", "1/nm",
        absent="likewise")
    electrode_tortuosity: float | None = key(
        "3 epsilon sigma_0 A R / L of the first carrier's best conductor, with an even reaction on its walls",
        absent=f"{_PLATES}, and where it has no walls")
    electrolyte_fraction: float | None = key("epsilon, of the volume", absent="likewise")
    front: FrontResult | None = key("reaction along the axis", absent=_KINETICS)


@dataclass(frozen=True, eq=False, kw_only=True)
class ElectrodeResult(Record):
    """Two carriers in one sample."""

    carriers: tuple[str, str] = key("the first and the second")
    active: tuple[str, ...] = key("names of the active material; those that conduct both if none was named")
    valid: str = key("what the numbers suppose")
    axes: dict[str, ElectrodeAxis] = key("by the name of the axis")
