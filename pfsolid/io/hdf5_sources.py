"""Where the values of an HDF5 dataset come from: links, virtual datasets and external storage can lead anywhere.

HDF5 follows them without a word, and gives the fill value for what is not there.  So they are followed here first:
through files of the same folder only, and only where every value has a source.
"""

from __future__ import annotations

import math
import os
from pathlib import Path

from ..errors import InputError
from ..regular import refuse_special
from .hdf5 import h5py

_MAX_LINKS = 8  # from file to file and dataset to dataset; more lead round


def open_dataset(file, path: Path, name: str):
    """A dataset of an open file, every source of its values checked; None where there is no dataset of that name.

    Parameters
    ----------
    file : h5py.File
        Open for reading.
    path : Path
        Of the file.
    name : str

    Raises
    ------
    InputError
        A source that is missing, incomplete or outside the folder of the file.
    """
    if not _check_links(file, path, name, 0):
        return None
    access = h5py.h5p.create(h5py.h5p.DATASET_ACCESS)
    access.set_efile_prefix(b"${ORIGIN}")  # or it would be the working directory
    dataset = h5py.Dataset(h5py.h5d.open(file.id, name.encode(), access))
    _check_storage(dataset, path, 0)
    return dataset


def check_own(file, path: Path, name: str) -> None:
    """Raise InputError unless the values of a dataset stand in the file itself, as pfsolid stores them.

    Parameters
    ----------
    file : h5py.File
    path : Path
    name : str
        Of a dataset; one that is not there is left to who opens it.
    """
    link = file.get(name, getlink=True)
    dataset = file.get(name) if isinstance(link, h5py.HardLink) else None
    elsewhere = isinstance(dataset, h5py.Dataset) and (dataset.is_virtual or dataset.external)
    if elsewhere or not isinstance(link, h5py.HardLink | None):
        raise InputError(f"{path}: the values of {name} stand in another place; a field of pfsolid has them in its own file")


def _check_links(file, path: Path, name: str, depth: int) -> bool:
    """Whether a name leads to a dataset, by links that may be followed; those that may not are an InputError."""
    _check_depth(path, name, depth)
    group, parts = file, [part for part in name.split("/") if part not in ("", ".")]
    for index, part in enumerate(parts):
        link = group.get(part, getlink=True) if isinstance(group, h5py.Group) else None
        rest = "/".join(parts[index + 1:])
        if link is None:
            return False
        if isinstance(link, h5py.SoftLink):
            base = "" if link.path.startswith("/") else group.name
            return _check_links(file, path, f"{base}/{link.path}/{rest}", depth + 1)
        if isinstance(link, h5py.ExternalLink):
            target = _neighbour(path, link.filename, f"{part} is a link to")
            with h5py.File(target, "r") as other:
                return _check_links(other, target, f"{link.path}/{rest}", depth + 1)
        group = group[part]
    if not isinstance(group, h5py.Dataset):
        return False
    if depth:  # that of the first file is looked at where it is opened
        _check_storage(group, path, depth)
    return True


def _check_depth(path: Path, name: str, depth: int) -> None:
    if depth > _MAX_LINKS:
        raise InputError(f"{path}: {name} is reached by more than {_MAX_LINKS} links, or they lead round")


def _check_storage(dataset, path: Path, depth: int) -> None:
    if dataset.is_virtual:
        _check_virtual(dataset, path, depth)
    remaining = dataset.nbytes
    for name, offset, size in dataset.external or ():
        target = _neighbour(path, os.fsdecode(name), "its values stand in")
        needed = min(size, remaining)
        if target.stat().st_size < offset + needed:
            raise InputError(f"{path}: its values stand in {target}, which ends before the last of them")
        remaining -= needed


def _check_virtual(dataset, path: Path, depth: int) -> None:
    """Every source must be there and as large as it is said to be, and all together must cover the dataset."""
    covered = 0
    for source in dataset.virtual_sources():
        if "%" in source.file_name + source.dset_name:
            raise InputError(f"{path}: {dataset.name} is put together from files by a pattern, {source.file_name}, which is "
                             "not read; copy it into an ordinary dataset")
        target = path if source.file_name == "." else _neighbour(path, source.file_name,
                                                                 f"{dataset.name} is put together from")
        with h5py.File(target, "r") as other:
            if not _check_links(other, target, source.dset_name, depth + 1):
                raise InputError(f"{path}: {dataset.name} is put together from {target}, which has no dataset "
                                 f"{source.dset_name}")
            shape, said = other[source.dset_name].shape, source.src_space.get_simple_extent_dims()
            if source.src_space.get_select_type() == h5py.h5s.SEL_ALL:  # all of a source: nothing is said of its shape
                said = source.vspace.get_select_bounds()
                said = tuple(int(last - first + 1) for first, last in zip(*said))
                fits = math.prod(shape) == source.vspace.get_select_npoints()
            else:
                fits = len(shape) == len(said) and all(n >= m for n, m in zip(shape, said))
            if not fits:
                raise InputError(f"{path}: {dataset.name} is put together from {target}:{source.dset_name}, which has "
                                 f"the shape {shape} and not {said}")
        covered += source.vspace.get_select_npoints()
    if covered < dataset.size:
        raise InputError(f"{path}: {dataset.name} is put together from others that hold {covered} of its {dataset.size} "
                         "values; the rest would be its fill value")


def _neighbour(path: Path, name: str, what: str) -> Path:
    """A file that another one refers to, which must be an ordinary one in the same folder or below."""
    folder = os.path.abspath(path.parent)
    target = os.path.normpath(os.path.join(folder, name))
    if not Path(target).is_relative_to(folder):
        raise InputError(f"{path}: {what} {name}, outside the folder of the file; copy it there")
    if not os.path.exists(target):
        raise InputError(f"{path}: {what} {name}, which does not exist")
    refuse_special(target)
    return Path(target)
