"""What PyBaMM and BPX make of `pfsolid conduct --export`: the conductivity that the cell model ends up with, against ours.

    python -m venv .venv-battery && .venv-battery/bin/pip install pybamm bpx
    .venv-battery/bin/python scripts/docs/check_battery_models.py DIR [DIR ...]

Needs nothing of pfsolid: each DIR is that of a finished `pfsolid conduct ... --export pybamm` or `bpx`.  Prints a line of
JSON for each.
"""

import json
import math
import sys
from pathlib import Path


def of_pybamm(values: dict, result: dict) -> dict:
    """The transport efficiency that PyBaMM's own submodel has for exported parameters."""
    import pybamm

    name = next(key for key in values if "tortuosity factor" in key)
    domain = name.split(" ")[0]
    component = "electrode" if name.endswith("(electrode)") else "electrolyte"
    model = pybamm.lithium_ion.DFN({"transport efficiency": "tortuosity factor"})
    parameters = pybamm.ParameterValues("Chen2020")
    others = {f"{where} tortuosity factor ({what})": 1.0 for where, what in (
        ("Negative electrode", "electrolyte"), ("Negative electrode", "electrode"), ("Separator", "electrolyte"),
        ("Positive electrode", "electrolyte"), ("Positive electrode", "electrode"))}
    parameters.update(others | values, check_already_exists=False)
    symbol = parameters.process_symbol(model.variables[f"{domain} {component} transport efficiency"])
    efficiency = float(symbol.children[0].evaluate())
    sigma_0 = values.get(f"{domain} electrode conductivity [S.m-1]") or best_conductor(result)
    return {"code": f"pybamm {pybamm.__version__}", "parameters": values, "transport efficiency": efficiency,
            "sigma_eff_S_per_m": efficiency * sigma_0}


def of_bpx(fragment: dict, result: dict) -> dict:
    """What BPX's own classes read, and PyBaMM's Bruggeman exponent of it: eps ** b is the efficiency again."""
    import bpx
    from bpx.schema import Contact, Electrode

    (part,) = fragment["Parameterisation"].values()
    if "Transport efficiency" in part:
        read = Contact(**{"Thickness [m]": 1e-5} | part)
        exponent = math.log(read.transport_efficiency) / math.log(read.porosity)
        efficiency = read.porosity**exponent
        found = {"transport efficiency": efficiency, "sigma_eff_S_per_m": efficiency * best_conductor(result)}
    else:
        read = Electrode(**{"Thickness [m]": 1e-5, "Porosity": 0.5, "Transport efficiency": 0.3} | part)
        found = {"sigma_eff_S_per_m": read.conductivity}
    return {"code": f"bpx {bpx.__version__}", "parameters": part} | found


def best_conductor(result: dict) -> float:
    """S/m, what the transport efficiency refers to."""
    return 100 * max(phase["sigma_S_per_cm"] for phase in result["phases"].values())


def main() -> None:
    for directory in map(Path, sys.argv[1:]):
        result = json.loads((directory / "result.json").read_text())
        for name, judge in (("pybamm.json", of_pybamm), ("bpx.json", of_bpx)):
            if (directory / name).exists():
                found = judge(json.loads((directory / name).read_text()), result)
                diagonal = [row[axis] for axis, row in enumerate(result["sigma_eff_S_per_m"])]
                ours = min((one for one in diagonal if one), key=lambda one: abs(one - found["sigma_eff_S_per_m"]))
                print(json.dumps({"directory": str(directory)} | found
                                 | {"relative difference": found["sigma_eff_S_per_m"] / ours - 1}))


if __name__ == "__main__":
    main()
