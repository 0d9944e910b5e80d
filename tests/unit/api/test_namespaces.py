"""What results offer besides numbers: pictures, tables, xarray, and the names for theory and materials."""

import sys
from types import SimpleNamespace

import matplotlib
import matplotlib.pyplot
import numpy as np
import pytest

import pfsolid as pf

matplotlib.use("agg")
# Layers across z, the first axis; one plane has a label of its own.
LAYERS = np.repeat([0, 1, 0, 2], 2)[:, None, None] * np.ones((8, 4, 6), int)
IMAGE = pf.Image(LAYERS, voxel_nm=(10, 20, 40), names={0: "pore", 1: "bulk", 2: "glass"})


@pytest.fixture(scope="module")
def found():
    return pf.conductivity(IMAGE, {0: 1e-3, 1: 3e-3, 2: 3e-3})


@pytest.fixture(autouse=True)
def no_figures_left():
    yield
    matplotlib.pyplot.close("all")


def test_theory_by_the_names_that_are_looked_for():
    low, high = pf.theory.hashin_shtrikman((0.4, 0.6), (1.0, 10.0))
    series, parallel = pf.theory.wiener((0.4, 0.6), (1.0, 10.0))
    for value in (pf.theory.bruggeman((0.4, 0.6), (1.0, 10.0)), pf.theory.gem((0.4, 0.6), (1.0, 10.0), 0.3, 1.0),
                  pf.theory.maxwell(0.4, 1.0, 10.0)):
        assert series < low <= value * (1 + 1e-12) and value <= high * (1 + 1e-12) and high < parallel
    # Spheres in the good conductor are the upper bound.
    assert pf.theory.maxwell(0.4, 1.0, 10.0) == pytest.approx(high, rel=1e-12)
    assert all(callable(getattr(pf.theory, name)) for name in pf.theory.__all__)
    with pytest.raises(AttributeError):
        getattr(pf.theory, "nothing")  # noqa: B009 (what a user writes is an attribute)


def test_materials_by_name():
    assert "Li10GeP2S12" in pf.materials.names()
    lps = pf.materials.get("beta-Li3PS4")
    assert "\n" not in repr(lps) and repr(lps).startswith("beta-Li3PS4: ")
    assert lps.sigma_S_per_cm("bulk", 298.15) == pytest.approx(8.93e-7)  # its own temperature
    assert "doi:" in lps._repr_html_()
    with pytest.raises(pf.InputError, match="did you mean"):
        pf.materials.get("beta-Li3PS5")


def test_planes_are_those_of_the_array():
    assert np.array_equal(IMAGE.plane("z", 6)[0], LAYERS[6].T)
    assert np.array_equal(IMAGE.plane("x", 5)[0], LAYERS[:, :, 5].T)  # by y, z
    assert IMAGE.plane()[1] == 2 and np.array_equal(IMAGE.plane()[0], LAYERS[4].T)
    part = pf.Image(LAYERS, axes="zyx", crop=((), (1, 3), (2, 8)))
    assert np.array_equal(part.plane("z", 0)[0], LAYERS[2, 1:3].T)
    assert pf.Image(LAYERS[:, 0]).plane()[0].shape == (6, 8)
    for arguments in (("w",), ("z", 8)):
        with pytest.raises(pf.InputError):
            IMAGE.plane(*arguments)


def test_pictures_have_axes_in_nm(found):
    axes = IMAGE.plot("x")
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("y (nm)", "z (nm)")
    assert axes.images[0].get_extent() == [0, 80, 0, 320]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["0 pore", "1 bulk", "2 glass"]
    assert pf.plot.labels(pf.Image(LAYERS), "x").get_xlabel() == "y (voxels)"
    figure = matplotlib.figure.Figure()
    assert found.plot(axes=figure.add_subplot()) is figure.axes[0]
    current = found.plot("x", normal="y")
    # |J| over its mean: 1e-3 and 3e-3 of 2e-3 S/cm.
    assert np.unique(current.images[0].get_array().round(2)).tolist() == [0.5, 1.5]
    with pytest.raises(pf.InputError, match="two temperatures"):
        pf.plot.arrhenius(found)


def test_notebooks_show_a_table_and_a_picture(found):
    for one in (IMAGE, found):
        assert "<img" in one._repr_html_() and "\n" not in repr(one)
    assert "<table" in found._repr_html_() and "sigma_xx" in repr(found)


def test_grown_structures_draw_and_hand_over_themselves():
    grown = pf.grow((1, 24, 20), 0.7, 0.5, surface_energy_J_per_m2=0.3, surface_depth_nm=1.4, until=20)
    assert grown.plot().get_xlabel() == "x (nm)"
    with pytest.raises(pf.InputError, match="three dimensions"):
        pf.plot.structure(grown)
    assert pf.plot.history(grown, "energy_J_per_m3").lines[0].get_xdata().size == len(grown.history["step"])
    with pytest.raises(pf.InputError, match="'energy' is no column"):
        pf.plot.history(grown, "energy")
    assert "<img" in grown._repr_html_()
    xarray = pytest.importorskip("xarray")
    rho = grown.to_xarray()
    assert isinstance(rho, xarray.DataArray) and rho.dims == ("z", "y", "x") and rho.attrs["units"] == "1"
    assert np.array_equal(rho.x, 0.7 * (np.arange(20) + 0.5)) and rho.x.attrs["units"] == "nm"


def test_the_solid_in_space():
    """A ball in the middle of a cell of 20 x 10 x 10 nm, axes z, y, x: as wide as high, in the middle of the picture."""
    z, y, x = np.indices((10, 10, 20)) - np.array([5, 5, 10]).reshape(3, 1, 1, 1)
    rho = 0.5 + 0.5 * np.tanh(3 - np.sqrt(x**2 + y**2 + z**2))
    ball = SimpleNamespace(density=rho, axes="zyx", voxel_nm=(1.0, 1.0, 1.0))
    axes = pf.plot.structure(ball)
    (picture,) = axes.images
    assert axes.get_aspect() == 1
    rows, columns = np.nonzero(np.asarray(picture.get_array())[..., 3] > 0.5)
    left, right, below, above = picture.get_extent()
    height, width = picture.get_array().shape[:2]
    wide, high = np.ptp(columns) * (right - left) / width, np.ptp(rows) * (above - below) / height
    assert wide == pytest.approx(high, rel=0.06) and 5 < wide < 7  # a pixel or two; between 2 x 3 and a voxel less
    assert columns.mean() == pytest.approx(width / 2, abs=3) and rows.mean() == pytest.approx(height / 2, abs=3)


def test_xarray(found):
    xarray = pytest.importorskip("xarray")
    labels, fields = IMAGE.to_xarray(), found.to_xarray()
    assert labels.dims == ("z", "y", "x") and np.array_equal(labels.z, 40 * (np.arange(8) + 0.5))
    assert isinstance(fields, xarray.Dataset)
    along_x = fields.current_density_x
    assert along_x.dims == ("z", "y", "x", "component") and along_x.attrs["units"] == "A/m^2"
    assert np.array_equal(along_x.x, 10 * (np.arange(6) + 0.5))
    # J in 1 V/m is S/m of each layer, labels that are chosen by their place in nm.
    assert float(along_x.sel(z=100, method="nearest").sel(component="x").mean()) == pytest.approx(0.3, rel=1e-3)
    assert float(fields.sigma_eff[0].sel(component="z", field="z")) == pytest.approx(found.tensor[2, 2])
    between = pf.conductivity(IMAGE, {0: 1e-3, 1: 3e-3, 2: 3e-3}, boundary="electrodes", directions="z").to_xarray()
    assert np.array_equal(between.current_density_z.z, labels.z) and np.array_equal(between.current_density_z.x, labels.x)


def test_pandas(found):
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame([found.to_series(), found.to_series()])
    assert table.sigma_zz_S_per_cm.iloc[1] == found.tensor[2, 2]
    assert table.tortuosity_factor_x.iloc[0] == found.tortuosity_factor[0]


@pytest.mark.parametrize("name, call", [
    ("pandas", lambda found: found.to_series()), ("xarray", lambda found: found.to_xarray()),
    ("xarray", lambda _: IMAGE.to_xarray())])
def test_packages_that_are_not_installed_are_named(monkeypatch, found, name, call):
    monkeypatch.setitem(sys.modules, name, None)  # importing it fails
    with pytest.raises(pf.InputError, match=f"needs the package {name}: pip install {name}"):
        call(found)
