"""A JSON file that carries the checksum of its own contents.

The digest is over the bytes of ``data`` as they stand in the file, so that checking costs no second serialisation, and the
file is still plain JSON for other programs::

    {"sha256": "…64 hex digits…",
    "data": {…}}

A file that people and their scripts read directly has the digest as its first entry instead, of the file with zeros in its
place (`write_stamped_json`).
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from ..errors import CheckpointError
from .files import damage_errors
from .records import atomic_write_text, finite

_HEAD, _MIDDLE, _TAIL = b'{"sha256": "', b'",\n"data": ', b"}\n"
_DIGITS = 64
_STAMP_HEAD, _NO_DIGEST = b'{\n  "sha256": "', "0" * _DIGITS


def write_sealed_json(path, data) -> None:
    """Replace a sealed file as a whole.  For one rank.  Values as for `records.write_json`.

    Raises
    ------
    OutputError
    """
    atomic_write_text(path, sealed_text(data))


def sealed_text(data) -> str:
    """The contents of such a file."""
    body = json.dumps(finite(data), allow_nan=False, ensure_ascii=False)
    digest = hashlib.sha256(body.encode("utf-8")).hexdigest()
    return f"{_HEAD.decode()}{digest}{_MIDDLE.decode()}{body}{_TAIL.decode()}"


def read_sealed_json(path):
    """What was written, after its checksum was verified.  For one rank.

    Raises
    ------
    CheckpointError
        No such file, or it is not whole to the last byte.
    """
    path = Path(path)
    with damage_errors(path):
        raw = path.read_bytes()
    start = len(_HEAD) + _DIGITS + len(_MIDDLE)
    digest, body = raw[len(_HEAD):len(_HEAD) + _DIGITS], raw[start:-len(_TAIL)]
    expected = _HEAD + hashlib.sha256(body).hexdigest().encode() + _MIDDLE + body + _TAIL
    if raw != expected:
        known = raw.startswith(_HEAD) and len(digest) == _DIGITS
        raise CheckpointError(f"{path} is damaged: its checksum is not that of its contents" if known
                              else f"{path} is damaged or not a sealed file of pfsolid")
    return json.loads(body)


def write_stamped_json(path, data: dict) -> None:
    """Replace a file with the entries of ``data`` after one with the checksum.  For one rank.

    Raises
    ------
    OutputError
    """
    text = json.dumps({"sha256": _NO_DIGEST} | finite(data), indent=2, allow_nan=False) + "\n"
    atomic_write_text(path, text.replace(_NO_DIGEST, hashlib.sha256(text.encode("utf-8")).hexdigest(), 1))


def read_stamped_json(path) -> dict:
    """The entries, after the checksum was verified; a file without one is taken as it is.  For one rank.

    Raises
    ------
    CheckpointError
        No such file, not JSON, or not what was written.
    """
    path = Path(path)
    with damage_errors(path):
        raw = path.read_bytes()
    if raw.startswith(_STAMP_HEAD):
        start, end = len(_STAMP_HEAD), len(_STAMP_HEAD) + _DIGITS
        if hashlib.sha256(raw[:start] + _NO_DIGEST.encode() + raw[end:]).hexdigest().encode() != raw[start:end]:
            raise CheckpointError(f"{path} is damaged: its checksum is not that of its contents")
    try:
        return json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{path} is damaged: {error}") from error


def is_stamped(path) -> bool:
    """Whether a file carries the checksum of `write_stamped_json`, right or wrong.  For one rank."""
    with damage_errors(path), open(path, "rb") as file:
        return file.read(len(_STAMP_HEAD)) == _STAMP_HEAD
