"""Files as runs write them."""

from pfsolid.io.series import Field, write_fields


def write_field(path, name, array, grid_nm, units, attributes, comm) -> None:
    """One field beside those that the file has.  Collective."""
    write_fields(path, {name: Field(array, units)}, grid_nm, attributes, comm)
