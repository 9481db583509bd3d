"""Unpacks zip files that others may have written, within limits and only inside the target folder; reads .npz."""

from __future__ import annotations

import io
import math
import zipfile
from pathlib import Path, PurePosixPath

import numpy as np

from edgekws.guard import untrusted
from edgekws.guard.untrusted import MODEL_BYTES, Name, reading, size_shown

MOST_MEMBERS = 20_000
_PACKED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # other methods allocate what the archive claims
_ENCRYPTED = 1  # a bit of a member's flags


def members(path: Name, what: str, remedy: str, most: int = MODEL_BYTES) -> dict[str, bytes]:
    """The files of a zip by name. A UserError if it is damaged, encrypted, or larger than ``most`` bytes unpacked."""
    return members_of(untrusted.content(path, most), path, what, remedy, most)


def members_of(data: bytes, name: Name, what: str, remedy: str, most: int = MODEL_BYTES) -> dict[str, bytes]:
    """The same for a zip given as bytes. Errors name it ``name``."""
    found: dict[str, bytes] = {}
    with reading(name, what, remedy), zipfile.ZipFile(io.BytesIO(data)) as archive:
        infos = archive.infolist()
        if len(infos) > MOST_MEMBERS or sum(info.file_size for info in infos) > most:
            raise ValueError(f"over {MOST_MEMBERS} files or {size_shown(most)} unpacked")
        for info in infos:
            if info.flag_bits & _ENCRYPTED or info.compress_type not in _PACKED:
                raise ValueError(f"{info.filename!r} is encrypted, or packed as no zip of edgekws is")
            if info.filename in found:
                raise ValueError(f"{info.filename!r} is there twice")
            if not info.is_dir():
                found[info.filename] = archive.read(info)  # never more than its stated size
    return found


def placed(files: dict[str, bytes], folder: Path, name: Name, remedy: str) -> dict[Path, bytes]:
    """The archive's files by place in ``folder``. A UserError if one would leave it, or lie below another file."""
    found = {}
    for path, data in files.items():
        with reading(name, "archive", remedy):
            place = PurePosixPath(path)
            if (
                place.is_absolute()
                or ".." in place.parts
                or not place.parts
                or set(path) & set("\\:\0")
                or len(path) > 200
            ):
                raise ValueError(f"forbidden name {path!r}")
            if any(parent.as_posix() in files for parent in place.parents):
                raise ValueError(f"{path!r} lies below a file")
        found[folder.joinpath(*place.parts)] = data
    return found


def arrays(path: Name, remedy: str) -> dict[str, np.ndarray]:
    """The arrays of an .npz file by name; they are read-only."""
    found = members(path, "file of arrays", remedy)
    with reading(path, "file of arrays", remedy):
        return {name.removesuffix(".npy"): _array(data) for name, data in found.items()}


def _array(data: bytes) -> np.ndarray:
    """The array in the bytes of an .npy file. Its shape counts only if it fits the bytes."""
    stream = io.BytesIO(data)
    version = np.lib.format.read_magic(stream)
    header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, fortran, dtype = header(stream)
    values = data[stream.tell() :]
    if dtype.hasobject or min(shape, default=0) < 0 or math.prod(shape) * dtype.itemsize != len(values):
        raise ValueError(f"an array of shape {shape} and type {dtype} does not have {len(values)} bytes")
    return np.frombuffer(values, dtype).reshape(shape, order="F" if fortran else "C")
