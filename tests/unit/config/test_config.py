"""The input: what is accepted, what is said about a mistake, and what the review finds."""

import math
import pickle
from pathlib import Path

import pytest

from pfsolid.config.conduction import ConductionConfig
from pfsolid.config.estimate import (
    CONDUCTION_BYTES_PER_VOXEL,
    COURSE_BYTES_PER_VOXEL,
    PHASEFIELD_BYTES_PER_VOXEL,
    PROGRAM_BYTES,
)
from pfsolid.config.review import review, surface_layer_nm
from pfsolid.config.run import RunConfig, config_from_dict, config_from_text, read_config, to_toml
from pfsolid.errors import InputError
from pfsolid.text import in_binary_units

INPUTS = Path(__file__).resolve().parents[3] / "inputs"

MINIMAL = """
[grid]
shape = [64, 64, 64]
voxel_size_nm = 0.5
[material]
surface_energy_J_per_m2 = 0.32
surface_depth_nm = 1.4
[microstructure]
porosity = 0.4
[evolution]
max_steps = 100
"""
CONDUCTION = """
[conduction]
sigma_bulk_S_per_cm = 8.93e-7
sigma_surf_S_per_cm = 3.14e-3
"""


@pytest.fixture
def minimal(tmp_path):
    path = tmp_path / "a.toml"
    path.write_text(MINIMAL + CONDUCTION)
    return path


def complaint(path, *overrides) -> str:
    with pytest.raises(InputError) as caught:
        read_config(path, overrides)
    message = str(caught.value)
    assert "pydantic" not in message and "http" not in message and "Value error" not in message
    return message


def complaint_of_text(text) -> str:
    with pytest.raises(InputError) as caught:
        config_from_text(text, "a.toml")
    return str(caught.value)


# --- what is read ---


def test_defaults(minimal):
    config = read_config(minimal)
    assert config.grid.voxel_size_nm == (0.5, 0.5, 0.5)
    assert (config.microstructure.seed, config.microstructure.noise_amplitude) == (1, 0.02)
    assert config.conduction.sigma_pore_S_per_cm == 0
    assert config.conduction.sigma_S_per_m == pytest.approx((0, 0.314, 8.93e-5), rel=1e-14)
    assert (config.conduction.rho_pore, config.conduction.rho_bulk) == (0.1, 0.9)
    assert config.output.save_current and config.output.figures
    assert config.parallel.precision == "double" and config.parallel.threads is None


def test_conduction_is_optional():
    assert config_from_text(MINIMAL, "a.toml").conduction is None


def test_hu2017_physics():
    """kappa = 1.5 gamma lambda and w = 0.75 gamma/lambda with gamma = 0.020 eV/A^2, lambda = 1.4 nm."""
    config = read_config(INPUTS / "li3ps4_porosity32.toml")
    gamma, depth = 0.020 * 16.02176634, 1.4e-9
    # 1e-12: round-off of a few operations.
    assert config.units.surface_energy == pytest.approx(gamma, rel=1e-12)
    assert config.units.kappa == pytest.approx(1.5 * gamma * depth, rel=1e-12)
    assert config.units.barrier == pytest.approx(0.75 * gamma / depth, rel=1e-12)
    assert config.units.time is None
    assert config.mean_density == pytest.approx(0.68)
    assert config.grid_nm.shape == (256, 256, 256)
    assert config.grid_nm.lengths == (128.0, 128.0, 128.0)
    assert config.reduced_grid.spacing == pytest.approx((0.5 / 1.4,) * 3)
    assert config.conduction == ConductionConfig(sigma_bulk_S_per_cm=8.93e-7, sigma_surf_S_per_cm=3.14e-3, profile="steps")


def test_mobility_or_diffusivity_gives_seconds(minimal):
    mobility = 1e-25
    units = read_config(minimal, [f"material.mobility_m5_per_J_s={mobility}"]).units
    assert units.time == pytest.approx(units.length**2 / (16 * units.barrier * mobility), rel=1e-12)
    diffusivity = 32 * units.barrier * mobility
    same = read_config(minimal, [f"material.diffusivity_m2_per_s={diffusivity!r}"]).units
    assert same.time == pytest.approx(units.time, rel=1e-12)


def test_integers_serve_as_numbers_but_not_the_reverse(minimal):
    assert read_config(minimal, ["grid.voxel_size_nm=1"]).grid.voxel_size_nm == (1.0, 1.0, 1.0)
    assert "whole number" in complaint(minimal, "evolution.max_steps=10.0")


def test_two_dimensions_and_anisotropic_voxels(minimal):
    grid = read_config(minimal, ["grid.shape=[64, 32, 1]", "grid.voxel_size_nm=[0.5, 0.25, 1]"]).grid_nm
    assert grid.shape == (64, 32, 1) and grid.spacing == (0.5, 0.25, 1.0)


def test_byte_order_mark_and_windows_lines(tmp_path):
    path = tmp_path / "a.toml"
    path.write_bytes(b"\xef\xbb\xbf" + MINIMAL.replace("\n", "\r\n").encode())
    assert read_config(path) == config_from_text(MINIMAL, "a.toml")


def test_a_config_cannot_be_changed(minimal):
    with pytest.raises(ValueError):
        read_config(minimal).microstructure.porosity = 0.3


# --- round trip ---


@pytest.mark.parametrize("overrides", [
    (),
    ("title=5 \"quoted\" back\\slash, µ, \x7f and a\nnew line",),
    ("microstructure.seed=9223372036854775807", "material.diffusivity_m2_per_s=1.23456789e-17",
     "evolution.max_time_s=1e15", "grid.voxel_size_nm=[0.1, 0.30000000000000004, 1e-5]"),
    ("parallel.precision=single", "parallel.threads=2", "output.figures=false",
     "output.snapshot_interval_reduced_time=0.5", "evolution.energy_rate_tolerance=1e-3"),
])
def test_round_trip(minimal, overrides):
    config = read_config(minimal, overrides)
    text = to_toml(config)
    assert config_from_text(text, "again") == config
    assert pickle.loads(pickle.dumps(config)) == config
    assert config_from_dict(config.model_dump()) == config


def test_resolved_text_names_every_key():
    for text in (MINIMAL, MINIMAL + CONDUCTION):
        config = config_from_text(text, "a.toml")
        resolved = to_toml(config)
        for name in RunConfig.model_fields:
            section = getattr(config, name)
            for key in getattr(type(section), "model_fields", {}):
                line = next(x for x in resolved.splitlines() if x.startswith((f"{key} =", f"# {key}:")))
                assert "  # " in line
        assert config_from_text(resolved, "again") == config


# --- overrides ---


def test_overrides_replace_and_add(minimal):
    config = read_config(minimal, ["microstructure.porosity = 0.3", "parallel.precision=single", "title=a b",
                                   "output.figures=false", "microstructure.porosity=0.35"])
    assert config.microstructure.porosity == 0.35
    assert config.parallel.precision == "single" and config.title == "a b" and not config.output.figures


@pytest.mark.parametrize("override", ["grid.shape", "grid.=3", ".shape=3", "=3", "grid.shape=", ""])
def test_malformed_override(minimal, override):
    assert "must be section.key=value" in complaint(minimal, override)


def test_override_cannot_smuggle_in_a_second_key(minimal):
    message = complaint(minimal, "microstructure.porosity=0.3\nseed = 5")
    assert 'microstructure.porosity = "0.3\\nseed = 5"' in message


def test_a_bad_override_is_blamed_on_the_command_line(minimal):
    assert complaint(minimal, "microstructure.porosity=1.5") == (
        "--set: microstructure.porosity = 1.5: must be between 0 and 1 (the volume fraction of pores)")
    assert complaint(minimal, "grid.voxel_size=1") == (
        "--set: unknown key grid.voxel_size: did you mean grid.voxel_size_nm?")


# --- mistakes ---


def test_out_of_range(tmp_path):
    path = tmp_path / "a.toml"
    path.write_text(MINIMAL.replace("porosity = 0.4", "porosity = 1.5"))
    assert complaint(path) == (
        f"{path}: microstructure.porosity = 1.5: must be between 0 and 1 (the volume fraction of pores)")


@pytest.mark.parametrize("override, says", [
    ("grid.shape=[64, 64]", "three whole numbers from 1 to 4096"),
    ("grid.shape=[64, 64, 64, 64]", "three whole numbers from 1 to 4096"),
    ("grid.shape=[64, 0, 64]", "grid.shape = [64, 0, 64]: must be three whole numbers"),
    ("grid.shape=[64, 4097, 64]", "three whole numbers from 1 to 4096"),
    ("grid.shape=[64, 64, true]", "three whole numbers"),
    ("grid.shape=[64, 64.0, 64]", "three whole numbers"),
    ("grid.shape=64", "three whole numbers"),
    ("grid.shape=[7, 1, 1]", "8 voxels or more"),
    ("grid.voxel_size_nm=0", "a length"),
    ("grid.voxel_size_nm=[1, 2]", "grid.voxel_size_nm = [1, 2]: must be a length"),
    ("grid.voxel_size_nm=true", "a length"),
    ("grid.voxel_size_nm=inf", "a length"),
    ("material.surface_depth_nm=-1", "from 1e-06 to"),
    ("microstructure.porosity=0", "between 0 and 1"),
    ("microstructure.porosity=1.0", "between 0 and 1"),
    ("microstructure.porosity=true", "must be a number between 0 and 1"),
    ("microstructure.porosity=forty", '"forty": must be a number between 0 and 1'),
    ("microstructure.porosity=nan", "a finite number"),
    ("microstructure.porosity=[0.4]", "must be a number"),
    ("microstructure.seed=-1", "from 0 to 9223372036854775807"),
    ("microstructure.seed=9223372036854775808", "from 0 to 9223372036854775807"),
    ("microstructure.noise_amplitude=0.21", "above 0 and at most 0.2"),
    ("evolution.max_steps=0", "at least 1"),
    ("evolution.max_reduced_time=inf", "finite"),
    ("evolution.step_tolerance=0.5", "from 1e-06 to 0.3"),
    ("conduction.sigma_bulk_S_per_cm=-1e-7", "must be from 0"),
    ("conduction.relative_tolerance=0", "from 1e-12 to 0.1"),
    ("output.figures=1", 'true, false, "png"'),
    ("output.figures=False", '"False": must be true, false'),
    ("parallel.precision=half", '"double" or "single"'),
    ("parallel.threads=0", "from 1 to"),
    ("title=5", "a text in quotes"),
    ("title=\udc80", "--set: title: '\\udc80' is not UTF-8; a text must be UTF-8"),
    ("title=1979-05-27", "a text in quotes"),
    ("grid=5", "grid = 5: must be a section, [grid]"),
    ("conduction.sigma_bulk_S_per_cm={ value = 1e-6, at_K = 300, energy = 1 }", "unknown key energy"),
    ("conduction.sigma_bulk_S_per_cm={ value = 1e-6 }", "missing key at_K"),
    ("conduction.sigma_bulk_S_per_cm={ value = 0, at_K = 300 }", "value = 0: must be above 0"),
    ("conduction.sigma_bulk_S_per_cm={ value = 1e-6, at_K = -3 }", "at_K = -3: must be from 1 to"),
    ("conduction.sigma_bulk_S_per_cm={ value = 1e-6, at_K = 300, activation_energy_eV = 47 }", "from 0 to 10"),
    ("conduction.sigma_bulk_S_per_cm={ value = 1e-6, at_K = 300, from_K = 400, to_K = 300 }", "not above its to_K"),
    ("conduction.sigma_bulk_S_per_cm=[{ value = 1e-6, at_K = 300 }, 3]", "a number from 0 to 1e+12, or a law"),
    ("conduction.sigma_bulk_S_per_cm=[]", "or a law"),
    ("conduction.sigma_bulk_S_per_cm=true", "or a law"),
    ("conduction.sigma_bulk_S_per_cm=nan", "a finite number"),
    ("conduction.sigma_bulk_S_per_cm=1e13", "from 0 to 1e+12"),
    ("conduction.temperature_K=0", "a temperature from 1 to 10000 K"),
    ("conduction.temperature_K=[]", "or a list of different ones"),
    ("conduction.temperature_K=[300, 300]", "or a list of different ones"),
    ("conduction.temperature_K=warm", "a temperature from 1 to 10000 K"),
    ("conduction.temperature_K=nan", "a temperature from 1 to 10000 K"),
    ("conduction.solver=magic", '"auto" or "multigrid" or "fft" or "petsc" or "perturbation"'),
    ("conduction.grid_error=some", '"estimate" or "refinement" or "none"'),
    ("conduction.subvoxel=1", "true or false"),
    ("conduction.petsc_options=5", "a text in quotes"),
    ("output.save_potential=yes", "true or false"),
])
def test_bad_values_are_named_on_one_line(minimal, override, says):
    message = complaint(minimal, override)
    assert says in message and "\n" not in message
    assert override.partition("=")[0] in message


@pytest.mark.parametrize("override, says", [
    ("material.surface_energy_eV_per_A2=0.02", "exactly one of surface_energy_eV_per_A2 and surface"),
    ("conduction.rho_pore=0.95", "conduction.rho_pore = 0.95: must be below conduction.rho_bulk = 0.9"),
    ("evolution.max_time_s=5", "evolution.max_time_s = 5.0: needs material.mobility_m5_per_J_s or"),
    ("evolution.max_step_reduced=1e-6", "at most evolution.max_step_reduced"),
])
def test_keys_that_do_not_go_together(minimal, override, says):
    message = complaint(minimal, override)
    assert says in message and "\n" not in message and message.startswith(str(minimal))


def test_neither_energy_both_mobilities_no_stop_no_conductor(minimal):
    no_energy = MINIMAL.replace("surface_energy_J_per_m2 = 0.32", "")
    assert "exactly one of surface_energy" in complaint_of_text(no_energy)
    assert "at most one of mobility" in complaint(
        minimal, "material.mobility_m5_per_J_s=1e-25", "material.diffusivity_m2_per_s=1e-15")
    assert "at least one stop condition" in complaint_of_text(MINIMAL.replace("max_steps = 100", ""))
    assert "must be above 0" in complaint(
        minimal, "conduction.sigma_bulk_S_per_cm=0", "conduction.sigma_surf_S_per_cm=0")


@pytest.mark.parametrize("key, meant", [
    ("grid.voxel_size", "grid.voxel_size_nm"),
    ("grid.Shape", "grid.shape"),
    ("material.surface_energy", "material.surface_energy_eV_per_A2 or material.surface_energy_J_per_m2"),
    ("material.surface_dept_nm", "material.surface_depth_nm"),
    ("evolution.porosity", "microstructure.porosity"),
    ("conduction.sigma_bulk", "conduction.sigma_bulk_S_per_cm"),
    ("output.thread", "parallel.threads"),
    ("porosity", "microstructure.porosity"),
])
def test_unknown_key_names_the_nearest(minimal, key, meant):
    assert complaint(minimal, f"{key}=1") == f"--set: unknown key {key}: did you mean {meant}?"


def test_unknown_key_without_a_neighbour_lists_what_there_is(minimal):
    assert complaint(minimal, "grid.qqq=1") == "--set: unknown key grid.qqq: [grid] has shape, voxel_size_nm"
    assert "[microstructure]" in complaint(minimal, "qqq=1")


def test_a_misspelt_key_or_section_is_one_problem():
    assert complaint_of_text(MINIMAL.replace("voxel_size_nm", "voxel_size")) == (
        "a.toml: unknown key grid.voxel_size: did you mean grid.voxel_size_nm?")
    assert complaint_of_text(MINIMAL.replace("[grid]", "[gird]")) == (
        "a.toml: unknown section [gird]: did you mean [grid]?")
    assert "unknown section [qqq]: there are [grid]" in complaint_of_text(MINIMAL + "[qqq]\n")


def test_missing_key_and_section():
    assert complaint_of_text(MINIMAL.replace("porosity = 0.4", "")) == (
        "a.toml: missing key microstructure.porosity: must be a number between 0 and 1 "
        "(the volume fraction of pores)")
    assert complaint_of_text(MINIMAL.replace("[microstructure]\nporosity = 0.4", "")) == (
        "a.toml: missing section [microstructure]: it must give porosity")


def test_several_problems_are_counted_and_listed():
    lines = complaint_of_text(MINIMAL.replace("0.4", "1.5").replace("1.4", '"thin"').replace("= 100", "= 0")
                              + "[qqq]\n").splitlines()
    assert lines[0] == "a.toml: 4 problems"
    assert len(lines) == 5 and all(line.startswith("a.toml: ") for line in lines)


def test_an_empty_file_lacks_every_section():
    lines = complaint_of_text("").splitlines()
    assert lines[0] == "a.toml: 4 problems" and all("missing section" in line for line in lines[1:])


@pytest.mark.parametrize("text, where", [
    ("[grid]\nshape = = 3\n", "line 2, column 9"),
    ("[grid]\nshape = [64\n", "TOML at "),
    ("[grid]\nshape = [1,2,3]\nshape = [1,2,3]\n", "line 3"),
    ("x = " + "9" * 5000, "TOML here: "),
    ("x = " + "[" * 100000, "TOML"),
])
def test_syntax_error_has_its_place(text, where):
    message = complaint_of_text(text)
    assert message.startswith("a.toml: not valid TOML") and where in message and "\n" not in message


def test_files_that_cannot_be_read(tmp_path):
    missing = tmp_path / "missing.toml"
    assert complaint(missing) == f"{missing}: no such file"
    assert "is a directory" in complaint(tmp_path)
    binary = tmp_path / "fields.h5"
    binary.write_bytes(b"\x89HDF\r\n\x1a\n\xff\xfe")
    assert "not a UTF-8 text" in complaint(binary)
    binary.write_bytes(b" " * (1 << 20) + b"x")
    assert "short TOML text" in complaint(binary)
    assert "cannot be read" in complaint(tmp_path / "fields.h5" / "a.toml")


# --- conductivities that depend on temperature ---

LAW = "{ value = 8.93e-7, at_K = 298.15, activation_energy_eV = 0.47 }"
TWO_SLOPES = ("[{ value = 5e-4, at_K = 298.15, activation_energy_eV = 0.35, to_K = 423.15 }, "
              "{ value = 1e-2, at_K = 423.15, activation_energy_eV = 0.21, from_K = 423.15, times_temperature = false }]")


def test_a_law_in_place_of_a_number(minimal):
    conduction = read_config(minimal, [f"conduction.sigma_bulk_S_per_cm={LAW}",
                                       "conduction.temperature_K=298.15"]).conduction
    assert conduction.temperatures == (298.15,)
    assert conduction.sigma_S_per_m == conduction.sigma_S_per_m_at(298.15) == pytest.approx((0, 0.314, 8.93e-5), rel=1e-14)
    ratio = conduction.sigma_S_per_m_at(330)[2] / 8.93e-5
    # sigma T = A exp(-Q/k_B T); k_B = 8.617333e-5 eV/K to seven digits.
    assert ratio == pytest.approx(298.15 / 330 * math.exp(-0.47 / 8.617333e-5 * (1 / 330 - 1 / 298.15)), rel=1e-6)
    assert conduction.sigma_S_per_m_at(330)[1] == conduction.sigma_S_per_m[1]  # plain numbers stay what they are


def test_plain_numbers_need_no_temperature(minimal):
    conduction = read_config(minimal).conduction
    assert conduction.temperatures == () and conduction.sigma_S_per_m_at(None) == conduction.sigma_S_per_m
    assert read_config(minimal, ["conduction.temperature_K=300"]).conduction.sigma_S_per_m == conduction.sigma_S_per_m


def test_two_slopes_and_a_list_of_temperatures(minimal):
    conduction = read_config(minimal, [f"conduction.sigma_bulk_S_per_cm={TWO_SLOPES}",
                                       "conduction.temperature_K=[298.15, 500]"]).conduction
    assert conduction.temperatures == (298.15, 500.0)
    assert conduction.sigma_S_per_m[2] == pytest.approx(0.05, rel=1e-12)
    expected = 1.0 * math.exp(-0.21 / 8.617333e-5 * (1 / 500 - 1 / 423.15))  # the form without T
    assert conduction.sigma_S_per_m_at(500)[2] == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("overrides", [
    (f"conduction.sigma_bulk_S_per_cm={LAW}", f"conduction.sigma_pore_S_per_cm={TWO_SLOPES}",
     "conduction.temperature_K=[298.15, 500]"),
    ("conduction.temperature_K=300", "conduction.solver=petsc", "conduction.petsc_options=-pc_type gamg",
     "conduction.profile=linear", "conduction.grid_error=refinement", "conduction.extrapolate=true",
     "output.save_potential=true"),
])
def test_round_trip_of_laws_and_solver_options(minimal, overrides):
    config = read_config(minimal, overrides)
    text = to_toml(config)
    assert config_from_text(text, "again") == config and to_toml(config_from_text(text, "again")) == text
    assert config_from_dict(config.model_dump()) == config
    assert pickle.loads(pickle.dumps(config)) == config


def test_defaults_of_the_solver(minimal):
    config = read_config(minimal)
    conduction = config.conduction
    assert (conduction.solver, conduction.petsc_options, conduction.grid_error) == ("auto", "", "estimate")
    assert conduction.profile == "subvoxel" and conduction.notes == ()
    assert config.output.save_potential is False and conduction.extrapolate is False


@pytest.mark.parametrize("older, profile, lines", [
    (["subvoxel=true"], "subvoxel", ["subvoxel = true"]),
    (["subvoxel=false"], "steps", ["subvoxel = false"]),
    (["subvoxel=true", "profile=steps"], "subvoxel", ["subvoxel = true"]),
    # What an input with every default filled in said: nothing else is meant today.
    (["subvoxel=false", "profile=steps"], "steps", []),
    (["subvoxel=false", "profile=linear"], "linear", []),
    (["grid_error=discretisation"], "subvoxel", ['grid_error = "discretisation"']),
])
def test_keys_of_older_versions(minimal, older, profile, lines):
    config = read_config(minimal, [f"conduction.{text}" for text in older])
    assert config.conduction.profile == profile and config.conduction.grid_error == "estimate"
    assert [note.split(" is of an older version: read as ")[0] for note in config.conduction.notes] == [
        f"conduction.{text}" for text in lines]
    assert set(config.conduction.notes) <= set(review(config).warnings)
    again = config_from_text(to_toml(config), "again")
    assert again.conduction.notes == () and to_toml(again) == to_toml(config)


@pytest.mark.parametrize("overrides, says", [
    ([f"conduction.sigma_bulk_S_per_cm={LAW}"], "missing key conduction.temperature_K"),
    (["conduction.temperature_K=[300, 400]"], "no conductivity depends on them"),
    (["conduction.sigma_bulk_S_per_cm={ value = 1e-6, at_K = 300 }", "conduction.temperature_K=350"],
     "conduction.sigma_bulk_S_per_cm: known at 300 K only"),
    (["conduction.sigma_bulk_S_per_cm={ value = 1e-6, at_K = 300, activation_energy_eV = 0.3, to_K = 310 }",
      "conduction.temperature_K=[300, 350]"],
     "conduction.sigma_bulk_S_per_cm: its source gives it below 310 K, not at 350 K"),
    ([f"conduction.sigma_bulk_S_per_cm=[{LAW}, {LAW}]", "conduction.temperature_K=350"], "whose ranges follow each other"),
    (["conduction.subvoxel=true", "conduction.profile=linear"], 'contradicts conduction.profile = "linear"'),
    (["conduction.subvoxel=false", "conduction.profile=subvoxel"], 'contradicts conduction.profile = "subvoxel"'),
    (["conduction.solver=fft", "conduction.petsc_options=-ksp_view"], "has no meaning with conduction.solver = 'fft'"),
])
def test_laws_and_temperatures_that_do_not_go_together(minimal, overrides, says):
    message = complaint(minimal, *overrides)
    assert says in message and "\n" not in message


def test_a_law_is_followed_beyond_its_range_where_asked(minimal):
    law = "{ value = 1e-6, at_K = 300, activation_energy_eV = 0.3, to_K = 310 }"
    conduction = read_config(minimal, [f"conduction.sigma_bulk_S_per_cm={law}", "conduction.temperature_K=350",
                                       "conduction.extrapolate=true"]).conduction
    assert conduction.sigma_S_per_m[2] > 1e-4


# --- materials ---

NAMED = 'material = "beta-Li3PS4"\n' + MINIMAL.replace(
    "[material]\nsurface_energy_J_per_m2 = 0.32\nsurface_depth_nm = 1.4\n", "")
AT_ROOM = "[conduction]\ntemperature_K = 298.15\n"


def test_a_material_gives_what_the_input_does_not():
    config = config_from_text(NAMED + AT_ROOM, "a.toml")
    assert config.material.name == "beta-Li3PS4"
    assert (config.material.surface_energy_eV_per_A2, config.material.surface_depth_nm) == (0.020, 1.4)
    assert config.conduction.sigma_S_per_m == pytest.approx((0, 0.314, 8.93e-5), rel=1e-14)
    assert len(config.material.sources) == 4 and all("doi:10." in note for note in config.material.sources)
    same = NAMED.replace('material = "beta-Li3PS4"\n', '') + '[material]\nname = "beta-Li3PS4"\n'
    assert config_from_text(same + AT_ROOM, "a.toml") == config


def test_single_values_are_overridden():
    config = config_from_text(NAMED + AT_ROOM + "sigma_surf_S_per_cm = 1e-3\n", "a.toml",
                              ["material.surface_depth_nm=0.9", "material.surface_energy_J_per_m2=0.3"])
    assert config.material.surface_depth_nm == 0.9 and config.material.surface_energy_eV_per_A2 is None
    assert config.conduction.sigma_S_per_m == pytest.approx((0, 0.1, 8.93e-5), rel=1e-14)
    assert [note.partition(" = ")[0] for note in config.material.sources] == ["conduction.sigma_bulk_S_per_cm"]


def test_the_resolved_input_stands_for_itself(monkeypatch):
    """Read again it is equal, even when the data no longer know the material; so is its text, which resuming compares."""
    config = config_from_text(NAMED + AT_ROOM, "a.toml")
    text = to_toml(config)

    def gone(name):
        raise InputError(f"unknown material {name!r}")

    monkeypatch.setattr("pfsolid.config.material.electrolyte", gone)
    again = config_from_text(text, "again")
    assert again == config and to_toml(again) == text
    assert config_from_dict(config.model_dump()) == config
    with pytest.raises(InputError, match="unknown material"):
        config_from_text(NAMED, "a.toml")


def test_a_changed_value_loses_its_source():
    text = to_toml(config_from_text(NAMED + AT_ROOM, "a.toml"))
    for config in (config_from_text(text, "b", ["conduction.sigma_bulk_S_per_cm=1e-5"]),
                   config_from_text(text.replace("surface_depth_nm = 1.4  ", "surface_depth_nm = 1.5  "), "b")):
        assert len(config.material.sources) == 3


def test_another_material_replaces_what_came_from_the_first():
    text = to_toml(config_from_text(NAMED + AT_ROOM, "a.toml", ["material.surface_depth_nm=0.9"]))
    own = ["material=c-LLZO", "material.surface_energy_eV_per_A2=0.02", "conduction.sigma_surf_S_per_cm=1e-3"]
    config = config_from_text(text, "b", own)
    assert config.material.name == "c-LLZO" and config.material.surface_depth_nm == 0.9
    assert config.conduction.sigma_S_per_m == pytest.approx((0, 0.1, 0.1), rel=1e-14)
    assert [note.partition(": ")[2].partition(",")[0] for note in config.material.sources] == ["c-LLZO"]


@pytest.mark.parametrize("text, overrides, says", [
    (NAMED, ["material=LLZO"], "did you mean c-LLZO?"),
    (NAMED, ["material=PEO"], "no surface energy is known of it, so material.surface_energy_eV_per_A2 must be given"),
    (NAMED + "[conduction]\n", [], "missing key conduction.temperature_K"),
    (NAMED + AT_ROOM, ["conduction.temperature_K=350"], "its source gives it at 298.15 K, not at 350 K"),
    (NAMED + AT_ROOM, ["material.sources=5"], "material.sources"),
    (NAMED.replace('"beta-Li3PS4"', "5"), [], "material = 5: must be a section, [material]"),
    (NAMED, ["material.name=5"], "material.name = 5: must be a text in quotes"),
])
def test_mistakes_with_materials(text, overrides, says):
    with pytest.raises(InputError) as caught:
        config_from_text(text, "a.toml", overrides)
    assert says in str(caught.value)


def test_unknown_material_costs_one_line():
    assert complaint_of_text(NAMED.replace("beta-Li3PS4", "beta-Li3PS")) == (
        'a.toml: material.name = "beta-Li3PS": unknown material \'beta-Li3PS\': did you mean beta-Li3PS4 or '
        'nanoporous-Li3PS4?')


def test_the_review_shows_values_from_materials_with_their_source():
    table = rows(review(config_from_text(NAMED + AT_ROOM, "a.toml")))
    assert table["sigma of pore, surface, bulk at 298.15 K"] == "0, 0.00314, 8.93e-07 S/cm"
    assert table["material.surface_depth_nm"].startswith("1.4 beta-Li3PS4, surface depth, DFT, doi:")
    assert "doi:10.1021/acsami.7b11292" in table["conduction.sigma_bulk_S_per_cm"]


# --- review ---


def rows(found) -> dict:
    assert all(isinstance(text, str) for row in found.parameters for text in row)
    return {name: f"{value} {unit}".strip() for name, value, unit in found.parameters}


def test_review_of_hu2017():
    found = review(read_config(INPUTS / "li3ps4_porosity32.toml"), num_ranks=2, threads=1, num_cores=2)
    table = rows(found)
    assert table["gradient coefficient kappa"] == "6.7291e-10 J/m"
    assert table["energy barrier w"] == "1.7166e+08 J/m^3"
    assert table["surface energy gamma"] == "0.32044 J/m^2"
    assert table["lambda / voxel edge"] == "2.8 voxels"
    assert table["spinodal limits in porosity"] == "0.2113 to 0.7887"
    assert table["regime"] == "spinodal"
    assert table["start"] == "noise"
    # 2 pi lambda sqrt(2 kappa / -f''), kappa = 1/8, f'' = 2 - 12 * 0.32 * 0.68.
    assert table["fastest growing wavelength"] == f"{2 * math.pi * 1.4 / math.sqrt(4 * 0.6112):.5g} nm"
    assert table["most ranks possible"] == "256"
    assert table["reduced time unit lambda^2/(16 w M)"].startswith("unknown")
    found.raise_errors()


def test_review_knows_the_seconds(minimal):
    config = read_config(minimal, ["material.mobility_m5_per_J_s=1e-25", "evolution.max_time_s=1"])
    assert rows(review(config))["reduced time unit lambda^2/(16 w M)"] == f"{config.units.time:.5g} s"


@pytest.mark.parametrize("porosity", [0.1, 0.2112, 0.7888, 0.95])
def test_noise_outside_the_spinodal_is_refused(minimal, porosity):
    found = review(read_config(minimal, [f"microstructure.porosity={porosity}", "microstructure.start=noise"]))
    assert rows(found)["regime"] == "metastable"
    assert len(found.errors) == 1 and "between 0.2113 and 0.7887" in found.errors[0]
    with pytest.raises(InputError, match="nucleation"):
        found.raise_errors()


def test_outside_the_spinodal_a_run_nucleates(minimal):
    """19 % filler lies just outside; nuclei are chosen without being asked for."""
    overrides = ["microstructure.porosity=0.19", "grid.shape=[64, 64, 64]"]
    config = read_config(minimal, overrides)
    assert config.nucleates
    found = review(config)
    assert found.errors == [] and rows(found)["start"] == "nucleation"
    assert "sphere" in rows(found)["nucleus"]
    rod = review(read_config(minimal, [*overrides, "microstructure.shape_factor_x=3000"]))
    assert rod.errors == [] and "rod along x" in rows(rod)["nucleus"]
    assert any("wider than the cell" in warning for warning in rod.warnings)


def test_kappa_off_the_diagonal(minimal):
    """(4, 1) turned by 45 degrees about z is (2.5, 2.5) with 1.5 off the diagonal: eigenvalues 1, 1 and 4."""
    turned = [f"microstructure.shape_factor_{name}={value}" for name, value in (("x", 2.5), ("y", 2.5), ("xy", 1.5))]
    config = read_config(minimal, turned)
    assert config.reduced_off_diagonal == (0, 0, 1.5 / 8)
    assert config.microstructure.smallest_shape_factor == pytest.approx(1)
    assert config_from_text(to_toml(config), "again") == config
    assert rows(review(config))["shape factors yz, xz, xy"] == "0, 0, 1.5"
    nuclei = read_config(minimal, [*turned, "microstructure.porosity=0.1"])
    assert "known for a diagonal kappa only" in review(nuclei).errors[0]
    with pytest.raises(InputError, match="kappa of -0.5 kappa_33.*must be 0.05 or more"):
        read_config(minimal, ["microstructure.shape_factor_xy=1.5"])


def test_a_run_that_expects_no_nucleus_is_refused(minimal):
    """Eq 5 of Hu 2017 taken literally: the barrier is hundreds of k_B T at room temperature."""
    found = review(read_config(minimal, ["microstructure.porosity=0.1", "grid.shape=[64, 64, 64]",
                                         "nucleation.sites_per_nm3=1000", "nucleation.effective_temperature_K=298"]))
    assert len(found.errors) == 1 and "nuclei are expected" in found.errors[0]
    assert float(rows(found)["nucleation barrier"].split()[0]) == pytest.approx(940, rel=0.02)  # design, section 2


def test_too_many_ranks_are_refused(minimal):
    config = read_config(minimal, ["grid.shape=[64, 16, 32]"])
    assert review(config, num_ranks=16).errors == []
    assert "use at most 16 ranks" in review(config, num_ranks=17).errors[0]


def test_a_box_in_which_nothing_grows_is_refused(minimal):
    """At 50 % porosity waves longer than lambda pi/sqrt(2) = 3.11 nm grow."""
    porosity = "microstructure.porosity=0.5"
    assert review(read_config(minimal, [porosity, "grid.shape=[7, 6, 1]"])).errors == []
    errors = review(read_config(minimal, [porosity, "grid.shape=[6, 6, 6]"])).errors
    assert len(errors) == 1 and "no wave shorter than 3.11 nm grows" in errors[0]


PILLARS = "microstructure.shape_factor_x=0.1", "microstructure.shape_factor_y=0.1"


@pytest.mark.parametrize("overrides, says", [
    (["material.surface_depth_nm=0.9"], "not resolved"),
    (["grid.voxel_size_nm=[0.5, 0.5, 0.75]"], "1.87 voxels along z"),
    (["grid.shape=[64, 64, 32]"], "16 nm along z"),
    (["microstructure.noise_amplitude=0.1"], "use 0.08 or less"),
    # 1.4 nm sqrt(0.1) = 0.443 nm: 0.885 voxels of 0.5 nm, and two of 0.221 nm.
    ([*PILLARS], "only 0.885 voxels along x, y of sqrt(kappa_ii/kappa_33) lambda"),
    ([*PILLARS], "grid.voxel_size_nm of 0.221 or less along x, y"),
    (["microstructure.porosity=0.22"], "within 0.02 of a spinodal limit"),
    (["evolution.mean_pore_size_nm=17"], "more than half the box"),
])
def test_warnings_say_why_and_what_to_do(minimal, overrides, says):
    found = review(read_config(minimal, overrides))
    assert found.errors == []
    assert any(says in warning for warning in found.warnings), found.warnings
    assert all("; use " in w or "; allow " in w for w in found.warnings)


def test_thickness_of_a_2d_run_is_no_matter(minimal):
    found = review(read_config(minimal, ["grid.shape=[64, 64, 1]", "grid.voxel_size_nm=[0.5, 0.5, 1]"]))
    assert found.warnings == []


def test_more_threads_than_cores_is_a_warning(minimal):
    config = read_config(minimal)
    assert review(config, num_ranks=2, threads=2, num_cores=4).warnings == []
    assert "share 3 cores" in review(config, num_ranks=2, threads=2, num_cores=3).warnings[0]
    assert "at most 3 ranks" in review(config, num_ranks=4, threads=1, num_cores=3).warnings[0]


def test_memory_follows_the_thickest_slab(minimal):
    config = read_config(minimal, ["grid.shape=[100, 100, 100]"])
    each = PHASEFIELD_BYTES_PER_VOXEL + COURSE_BYTES_PER_VOXEL
    assert rows(review(config, num_ranks=1))["memory of a rank"] == in_binary_units(PROGRAM_BYTES + 1e6 * each)
    assert rows(review(config, num_ranks=3))["memory of a rank"] == in_binary_units(PROGRAM_BYTES + 1e6 * each * 0.34)


def test_single_precision_halves_the_phase_field_only(minimal):
    single = ["grid.shape=[100, 100, 100]", "parallel.precision=single"]
    with_conduction = rows(review(read_config(minimal, single)))["memory of a rank"]
    assert with_conduction == in_binary_units(PROGRAM_BYTES + 1e6 * CONDUCTION_BYTES_PER_VOXEL)
    minimal.write_text(MINIMAL)
    without = rows(review(read_config(minimal, single)))
    each = PHASEFIELD_BYTES_PER_VOXEL / 2 + COURSE_BYTES_PER_VOXEL
    assert without["memory of a rank"] == in_binary_units(PROGRAM_BYTES + 1e6 * each)
    assert "rough time, conduction" not in without


def test_voxels_of_half_the_edge_take_their_memory(minimal):
    """Eight for each of the grid, in two dimensions four."""
    for shape, times in (("[100, 100, 100]", 8), ("[1000, 1000, 1]", 4)):
        config = read_config(minimal, [f"grid.shape={shape}", "conduction.grid_error=refinement"])
        expected = PROGRAM_BYTES + 1e6 * times * CONDUCTION_BYTES_PER_VOXEL
        assert rows(review(config))["memory of a rank"] == in_binary_units(expected)


def test_nuclei_take_fewer_steps_than_noise(minimal):
    """Counted: 85 on average to reduced time 300, and 317 from noise."""
    for porosity, expected in (("0.4", 317), ("0.19", 85)):
        overrides = [f"microstructure.porosity={porosity}", "evolution.max_reduced_time=300", "evolution.max_steps=1000"]
        words = rows(review(read_config(minimal, overrides)))["rough time, phase field"].split()
        assert int(words[-2]) == pytest.approx(expected, rel=0.2)


def test_each_temperature_costs_its_iterations(minimal):
    def iterations(temperatures):
        table = rows(review(read_config(minimal, [f"conduction.sigma_bulk_S_per_cm={LAW}",
                                                  f"conduction.temperature_K={temperatures}"])))
        return int(table["rough time, conduction"].split()[-2])

    assert iterations([300, 350, 400]) == 3 * iterations(300)


def test_disk_counts_snapshots(minimal):
    """Each snapshot adds one double a voxel: eleven of 0.1 million voxels, 8.39 MiB; the words have one digit."""
    minimal.write_text(MINIMAL)
    base = ["grid.shape=[100, 100, 10]", "evolution.max_reduced_time=50"]
    disk = [float(rows(review(read_config(minimal, base + more)))["disk"].split()[0])
            for more in ([], ["output.snapshot_interval_reduced_time=5"])]
    assert disk[1] - disk[0] == pytest.approx(11 * 8 * 1e5 / 2**20, abs=0.1)


def test_unknown_number_of_steps_is_said(minimal):
    minimal.write_text(MINIMAL.replace("max_steps = 100", "wall_clock_limit_s = 7200"))
    table = rows(review(read_config(minimal)))
    assert "not known beforehand" in table["rough time, phase field"]
    assert table["wall-clock limit"] == "2 h 00 min"


def test_a_grid_too_large_for_the_machine_is_a_warning(minimal):
    found = review(read_config(minimal, ["grid.shape=[4096, 4096, 4096]"]))
    assert any("of memory" in warning for warning in found.warnings)


def test_surface_layer_between_ten_and_ninety_percent(minimal):
    """(ln 9 / 2) lambda on a flat equilibrium surface."""
    assert surface_layer_nm(read_config(minimal)) == pytest.approx(1.4 * math.log(9) / 2, rel=1e-12)


@pytest.mark.parametrize("length, diffusivity, energy", [(1e9, 1e-60, 1e-9), (1e-6, 1e20, 1e9)])
def test_extreme_values_do_not_overflow(minimal, length, diffusivity, energy):
    config = read_config(minimal, [
        f"grid.voxel_size_nm={length}", f"material.surface_depth_nm={length}",
        f"material.diffusivity_m2_per_s={diffusivity}", f"material.surface_energy_J_per_m2={energy}",
        "evolution.max_time_s=1e15", "evolution.max_step_reduced=1e-3",
        "output.snapshot_interval_reduced_time=1e-12",
    ])
    assert math.isfinite(config.units.time) and config.units.time > 0
    review(config)
