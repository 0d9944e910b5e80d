"""What boundaries do: bricks by formula, published totals, brick-layer answers, errors of inputs."""

import numpy as np
import pytest

import pfsolid as pf
from pfsolid.results.conduction import ConductionResult

EDGE_NM = 100.0
# Shares are of first order in the potential, whose error is 1e-5 at the default tolerance: 2e-6 measured, 1e-5 allowed.


def bricks(edge=4):
    i = np.indices((2 * edge,) * 3) // edge
    return i[0] + 2 * i[1] + 4 * i[2]


def conduct(resistance, sigma=1e-3, labels=None, **options):
    options = {"classes": {"grain": "*"}, "interface_normals": "faces", "fields": False} | options
    sigma = sigma if isinstance(sigma, dict) and "grain" in sigma else {"grain": sigma}
    return pf.conductivity(bricks() if labels is None else labels, sigma, voxel_nm=EDGE_NM / 4, resistance=resistance,
                           **options)


def test_lithium_lanthanum_titanate():
    """Ma and Li 2024: grains 1 and boundaries, apparent, 0.02 mS/cm: 0.0196 mS/cm in all, whatever the size of grains."""
    found = conduct({"grain:grain": {"apparent_S_per_cm": 2e-5, "D_nm": EDGE_NM}})
    assert np.diag(found.tensor) == pytest.approx(1 / (1 / 1e-3 + 1 / 2e-5), rel=1e-6)
    assert found.tensor[0, 0] == pytest.approx(0.0196e-3, rel=1e-3)
    assert found.result.boundaries.apparent_S_per_cm == pytest.approx(2e-5, rel=1e-6)


def test_nasicon_has_two_thirds_of_its_resistance_in_boundaries():
    """Feng et al. 2022: bulk 15, total 5 mS/cm."""
    apparent = 1 / (1 / 5e-3 - 1 / 15e-3)
    found = conduct({"grain:grain": {"apparent_S_per_cm": apparent, "D_nm": EDGE_NM}}, 15e-3)
    assert found.tensor[0, 0] == pytest.approx(5e-3, rel=1e-6)
    power = found.result.currents["x"].power
    assert power["interfaces grain:grain"].power_share == pytest.approx(2 / 3, abs=1e-5)
    assert power["interfaces grain:grain"].voltage_share == pytest.approx(2 / 3, abs=1e-5)
    assert power["grain"].power_share == pytest.approx(1 / 3, abs=1e-5)


@pytest.mark.parametrize("ratio", [0.01, 1.0, 100.0])
def test_the_brick_layer_is_right_for_bricks(ratio):
    """S_V = 3 / D: with D = 3 / S_V the model is exact; the mean intercept is 2 / 3 of the edge and says too little."""
    resistance = ratio * EDGE_NM * 1e-7 / 1e-3
    found = conduct({"grain:grain": resistance}).result.boundaries
    assert found.area_per_nm == pytest.approx(3 / EDGE_NM) and found.resistance_ohm_cm2 == pytest.approx(resistance)
    three, two = found.brick_layer_3, found.brick_layer_2
    assert three.D_nm == pytest.approx(EDGE_NM) and three.relative_difference == pytest.approx(0, abs=1e-5)
    assert three.inferred_resistance_ohm_cm2 == pytest.approx(resistance, rel=1e-4)
    assert two.relative_difference == pytest.approx((1 + ratio) / (1 + 1.5 * ratio) - 1, abs=1e-5)
    assert two.inferred_resistance_ohm_cm2 == pytest.approx(resistance / 1.5, rel=1e-4)


def test_kinds_of_boundaries_and_what_is_written():
    """Areas by rule; pores have no part in it; all reads back."""
    labels = np.where(bricks() == 7, 9, bricks())
    found = conduct({"grain:grain": 0.02, "0:1": 0.05}, {"grain": 1e-3, 9: 0}, labels, classes={"grain": range(8)})
    result = found.result.boundaries
    # 24 faces of cubes in the cell of 200 nm, two between each pair of neighbours; 6 touch the pore, 2 are of the pair.
    areas = {name: kind.area_per_nm * 200**3 / EDGE_NM**2 for name, kind in result.kinds.items()}
    assert areas == pytest.approx({"0:1": 2, "grain:grain": 16})
    assert result.grain_S_per_cm is None and result.brick_layer_3 is None  # not all of the volume is grains
    assert ConductionResult.from_dict(found.to_dict()).boundaries == result


def test_errors_of_inputs_add_in_squares():
    """By the sensitivities: 1 / 3 of 30 % and 2 / 3 of 15 %."""
    apparent = 1 / (1 / 5e-3 - 1 / 15e-3)
    resistance = EDGE_NM * 1e-7 / apparent
    found = conduct({"grain:grain": f"{resistance!r} ± 15%"}, "15e-3 ± 4.5e-3")
    assert found.result.error_bar.inputs_relative_xyz == pytest.approx((2**0.5 * 0.1,) * 3, abs=1e-5)
    one = conduct({"grain:grain": resistance}, {"grain": 15e-3, 3: "15e-3 ± 50%"})
    power = one.result.currents["x"].power
    assert power["label 3"].power_share == pytest.approx(1 / 24, abs=1e-5)
    assert one.result.error_bar.inputs_relative_xyz[0] == pytest.approx(0.5 / 24, abs=1e-5)
    assert conduct({"grain:grain": 1.0}).result.error_bar.inputs_relative_xyz is None


def test_activation_energy_of_the_total():
    """From that of the grains, where these resist, to that of the boundaries, at low temperatures."""
    def law(value, energy):
        return {"value": value, "at_K": 300, "activation_energy_eV": energy}

    boundary = {"apparent_S_per_cm": law(1e-3, 0.6), "D_nm": EDGE_NM}
    for low, energy in ((150, 0.6), (900, 0.3)):
        found = conduct({"grain:grain": boundary}, law(1e-3, 0.3), temperature_K=[low, low + 5])
        assert found.result.activation.activation_energy_eV == pytest.approx(energy, abs=5e-3)


def test_lines_for_a_person(tmp_path, run_cli, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("a.npy", bricks().astype(np.uint8))
    status, out, _ = run_cli("conduct", "a.npy", "--voxel-nm", "25", "--class", "grain=*", "--sigma", "grain=1e-3 ± 10%",
                             "--resistance", "*:*=0.01 ± 0.002", "--set", "output.figures=false",
                             "--set", "phases.interface_normals=faces")
    assert status == 0
    assert "boundaries that resist: 0.03 nm^2 in a nm^3, 0.01 ohm cm^2 in the mean" in out
    assert ": grain 0.500" in out and "interfaces *:* 0.500" in out
    assert "brick layer with D = 3 / S_V = 100 nm: 5.000e-4 S/cm" in out
    # 0.5 * 0.1 and 0.5 * 0.2
    assert "uncertain by 11 % along x, 11 % along y, 11 % along z" in out
