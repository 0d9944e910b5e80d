"""Inputs of small runs, of which each test gives what matters to it."""

from pfsolid.config.text import toml_value

HU_2017 = {"sigma_bulk_S_per_cm": 8.93e-7, "sigma_surf_S_per_cm": 3.14e-3}


def run_text(shape, voxel_nm: float, porosity: float, max_steps: int, title: str | None = None,
             conduction: dict | None = HU_2017, **output) -> str:
    """The text of an input: Li3PS4 of doi:10.1021/acsami.7b11292, without figures unless they are asked for.

    Parameters
    ----------
    conduction : dict, optional
        Keys of that section; None: the run only grows.
    **output
        Keys of that section.
    """
    sections = {"grid": {"shape": list(shape), "voxel_size_nm": voxel_nm},
                "material": {"surface_energy_eV_per_A2": 0.020, "surface_depth_nm": 1.4},
                "microstructure": {"porosity": porosity}, "evolution": {"max_steps": max_steps},
                "conduction": conduction, "output": {"figures": False} | output}
    lines = [] if title is None else [f"title = {toml_value(title)}"]
    for name, keys in sections.items():
        if keys is not None:
            lines += [f"[{name}]", *(f"{key} = {toml_value(value)}" for key, value in keys.items())]
    return "\n".join(lines) + "\n"
