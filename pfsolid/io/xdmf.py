"""XDMF beside the fields in HDF5: what ParaView opens."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from xml.sax.saxutils import quoteattr

from ..errors import CheckpointError
from ..parallel.collective import on_root
from .peek import describe
from .records import atomic_write_text
from .series import FieldInfo, list_fields, list_snapshots

XDMF_TYPES = {"f": "Float", "i": "Int", "u": "UInt"}
XDMF_BYTE_TYPES = {"i": "Char", "u": "UChar"}


def write_xdmf(path, comm) -> Path:
    """Describe a fields file: ``fields.h5`` -> ``fields.xdmf``.  Collective.

    Raises
    ------
    OutputError, CheckpointError
    """
    path = Path(path)
    target = path.with_suffix(".xdmf")

    def write() -> None:
        atomic_write_text(target, _document(_grid_xml(path)))

    on_root(comm, write)
    return target


def write_series_xdmf(folder, comm) -> Path:
    """Describe all snapshots of a folder as one temporal collection, ``folder/series.xdmf``.  Collective.

    Raises
    ------
    OutputError, CheckpointError
    """
    folder = Path(folder)
    target = folder / "series.xdmf"

    def write() -> None:
        grids = "".join(_grid_of_snapshot(path, path.stat().st_mtime_ns) for path in list_snapshots(folder))
        atomic_write_text(target, _document(
            f'  <Grid Name="series" GridType="Collection" CollectionType="Temporal">\n{grids}  </Grid>\n'))

    on_root(comm, write)
    return target


@lru_cache(maxsize=10_000)
def _grid_of_snapshot(path: Path, _written_ns: int) -> str:
    """Of a file that will not change: each new snapshot lists all that were before."""
    return _grid_xml(path)


def _document(grids: str) -> str:
    return f'<?xml version="1.0" ?>\n<Xdmf Version="3.0">\n <Domain>\n{grids} </Domain>\n</Xdmf>\n'


def _grid_xml(path: Path) -> str:
    """One uniform grid.

    XDMF counts nodes, one more than voxels along each axis.  Sizes, origin and spacing are ordered z, y, x.
    """
    infos = {name: describe(path, name) for name in list_fields(path)}
    if not infos:
        raise CheckpointError(f"{path} has no field")
    first = next(iter(infos.values()))
    # Readers such as pyvista's fail where there is no time.
    grid, time = first.grid_nm, first.file_attributes.get("reduced_time", 0.0)
    nodes = " ".join(str(n + 1) for n in grid.shape[::-1])
    three = '<DataItem Format="XML" NumberType="Float" Precision="8" Dimensions="3">'
    spacing = " ".join(repr(h) for h in grid.spacing[::-1])
    return (f'  <Grid Name={quoteattr(path.stem)} GridType="Uniform">\n'
            f'   <Time Value="{time!r}"/>\n'
            f'   <Topology TopologyType="3DCoRectMesh" Dimensions="{nodes}"/>\n'
              '   <Geometry GeometryType="ORIGIN_DXDYDZ">\n'
              f'    {three}0 0 0</DataItem>\n'
              f'    {three}{spacing}</DataItem>\n'
              '   </Geometry>\n'
            + "".join(_attribute_xml(path, name, info) for name, info in infos.items())
            + "  </Grid>\n")


def _attribute_xml(path: Path, name: str, info: FieldInfo) -> str:
    shape = info.grid_nm.shape[::-1] + ((info.num_components,) if info.num_components > 1 else ())
    dimensions = " ".join(map(str, shape))
    kind = "Vector" if info.num_components > 1 else "Scalar"
    precision = info.dtype.itemsize
    number = (XDMF_TYPES if precision > 1 else XDMF_BYTE_TYPES)[info.dtype.kind]
    return (f'   <Attribute Name={quoteattr(name)} AttributeType="{kind}" Center="Cell">\n'
            f'    <DataItem Format="HDF" NumberType="{number}" Precision="{precision}" '
            f'Dimensions="{dimensions}">{path.name}:/{name}</DataItem>\n   </Attribute>\n')
