"""The density that a run begins with, from arrays in any order of axes, and inputs of versions that had one order only."""

import numpy as np
import pytest
from helpers.builders import ALONE, make_transform

from pfsolid.config.run import config_from_text, to_toml
from pfsolid.config.sweep import read_sweep
from pfsolid.errors import InputError
from pfsolid.workflows.console import open_session
from pfsolid.workflows.start import fill_initial

SHAPE = (10, 8, 6)
INPUT = """
[grid]
shape = [10, 8, 6]
voxel_size_nm = 0.5

[material]
surface_energy_J_per_m2 = 0.5
surface_depth_nm = 1.4

[microstructure]
porosity = 0.4
initial_field = "PATH"

[evolution]
max_steps = 1
"""
OLDER = "# pfsolid input, with every default filled in\n"


@pytest.fixture
def rho():
    field = np.random.default_rng(1).random(SHAPE)
    return field + 0.6 - field.mean()


def begun(text: str, path, *overrides) -> np.ndarray:
    """What a run begins with."""
    config = config_from_text(text.replace("PATH", str(path)), "input", overrides)
    transform = make_transform(SHAPE, config.reduced_grid.spacing)
    fill_initial(config, transform, open_session(1, ALONE))
    return transform.real.copy()


# Values pass through a Fourier series on the same grid: rounding.
SAME = dict(rel=0, abs=1e-12)


def test_arrays_are_z_y_x_unless_they_are_said_not_to_be(tmp_path, rho, capsys):
    path = tmp_path / "a.npy"
    np.save(path, rho.T)
    assert begun(INPUT, path) == pytest.approx(rho, **SAME)
    assert "a.npy: z, y, x, as arrays have them that do not say" in capsys.readouterr().out
    for order in ("xyz", "yxz"):
        np.save(path, rho.transpose(["xyz".index(axis) for axis in order]))
        assert begun(INPUT, path, f"microstructure.initial_field_axes={order}") == pytest.approx(rho, **SAME)


def test_an_older_input_means_what_it_meant(tmp_path, rho, capsys):
    path = tmp_path / "a.npy"
    np.save(path, rho)
    assert begun(OLDER + INPUT, path) == pytest.approx(rho, **SAME)
    assert "x, y, z, as the older version that wrote the input took arrays" in capsys.readouterr().out
    np.save(path, rho.T)
    assert begun(OLDER + INPUT, path, "microstructure.initial_field_axes=zyx") == pytest.approx(rho, **SAME)
    # What this version writes is not taken for older.
    assert begun(to_toml(config_from_text(INPUT.replace("PATH", str(path)), "input")), path) == pytest.approx(rho, **SAME)


def test_a_sweep_over_an_older_input_asks_for_the_order(tmp_path):
    (tmp_path / "base.toml").write_text(OLDER + INPUT)
    sweep = tmp_path / "sweep.toml"
    sweep.write_text('base = "base.toml"\n[[axis]]\nkey = "microstructure.porosity"\nvalues = [0.4]\n')
    with pytest.raises(InputError, match='base.toml: was written by an older version.*initial_field_axes = "xyz"'):
        read_sweep(sweep)
    said = 'initial_field_axes = "xyz"\ninitial_field ='
    (tmp_path / "base.toml").write_text((OLDER + INPUT).replace("initial_field =", said))
    read_sweep(sweep)


def test_an_order_of_nothing():
    with pytest.raises(InputError, match='initial_field_axes = "zyx": there is no initial_field'):
        config_from_text(INPUT.replace('initial_field = "PATH"', 'initial_field_axes = "zyx"'), "input")


@pytest.mark.parametrize("order", ["xyy", "zy", "abc", ""])
def test_an_order_that_is_none(tmp_path, order):
    with pytest.raises(InputError, match="microstructure.initial_field_axes = .*: must be an order of the axes"):
        config_from_text(INPUT, "input", [f'microstructure.initial_field_axes="{order}"'])
