"""Reads plain files that others may have written: only regular files, and only up to a size.

If a damaged or hostile file makes a library raise anything, it becomes a UserError of one line that names the file.
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from edgekws import text
from edgekws.errors import UserError

MB = 1 << 20
TEXT_BYTES = 16 * MB  # the limit for a manifest, a report or a table
MODEL_BYTES = 256 * MB
FILE_BYTES = 1024 * MB  # the limit for a file that a manifest names
_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISSOCK, "a socket"),
)

Name = str | os.PathLike[str]


@contextlib.contextmanager
def reading(name: Name, what: str, remedy: str) -> Iterator[None]:
    """Turn anything that a damaged file makes its reader raise into a UserError: what was expected, and what to do."""
    try:
        yield
    except UserError:
        raise
    except OSError as error:
        reason = error.strerror or first_line(error)
        raise UserError(f"{name}: the {what} cannot be read ({reason}); {remedy}") from error
    except Exception as error:  # libraries document few of the errors that hostile bytes cause
        raise UserError(f"{name}: damaged {what} ({first_line(error)}); {remedy}") from error


def is_regular(path: Name) -> bool:
    """Whether there is a plain file, or a link to one. Folders, pipes, devices and broken links do not count."""
    try:
        return stat.S_ISREG(os.stat(path).st_mode)
    except (OSError, ValueError):  # ValueError: a name with a zero byte
        return False


def content(path: Name, most: int = TEXT_BYTES) -> bytes:
    """The bytes of a plain file. A UserError if it is anything else, cannot be read, or is larger than ``most``."""
    try:
        _check_kind(path, os.stat(path).st_mode)  # before opening: opening some devices has effects
        flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
        with open(os.open(path, flags), "rb") as file:
            _check_kind(path, os.fstat(file.fileno()).st_mode)
            data = file.read(most + 1)
    except (OSError, ValueError) as error:
        raise UserError(
            f"{path} cannot be read ({getattr(error, 'strerror', None) or error}); check its name and permissions"
        ) from None
    if len(data) > most:
        raise UserError(f"{path} is too large: expected at most {size_shown(most)}")
    return data


def read_text(path: Name, most: int = TEXT_BYTES) -> str:
    """The text of a plain file in UTF-8, without its byte order mark if it has one."""
    try:
        return content(path, most).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not UTF-8 text (byte {error.start}); save it as UTF-8") from None


def table(path: Name, columns: Sequence[str], remedy: str) -> list[dict[str, str]]:
    """The rows of a CSV table. Every row must have exactly these columns in this order."""
    lines = read_text(path)
    with reading(path, "table", remedy):
        rows = list(csv.DictReader(io.StringIO(lines, newline="")))
        for number, row in enumerate(rows, 2):
            if tuple(row) != tuple(columns) or None in row.values():
                raise ValueError(f"row {number}: expected the columns {', '.join(columns)}")
    return rows


def json_object(path: Name, remedy: str = "make it again", most: int = TEXT_BYTES) -> dict[str, Any]:
    """The JSON object in a file, of ``most`` bytes at most."""
    return parse_json(content(path, most), path, remedy)


def parse_json(data: bytes, name: Name, remedy: str = "make it again") -> dict[str, Any]:
    """The JSON object in the bytes of the file ``name``. A UserError for other values, deep nesting and damage."""
    with reading(name, "JSON", remedy):
        found = json.loads(data)
        if not isinstance(found, dict):
            raise ValueError(f"expected an object, got {type(found).__name__}")
        json.dumps(found, ensure_ascii=False).encode()  # raises for lone surrogates, which could not be written again
    return found


def labels(path: Path, classes: int) -> tuple[str, ...]:
    """The words of a model's ``labels.txt``, one a line. A UserError unless each class has a printable word."""
    found = tuple(line.removesuffix("\r") for line in read_text(path).removesuffix("\n").split("\n"))
    if len(found) != classes:
        raise UserError(f"{path} has {len(found)} words, but the model has {classes} classes; expected a word for each")
    check_labels(found, path)
    return found


def check_labels(found: tuple[str, ...], name: Name) -> None:
    """A UserError if words are empty, equal, or have characters that a line of text cannot hold."""
    for word in found:
        if not word.strip() or text.unprintable(word):
            raise UserError(f"{name}: {word!r} cannot be a word; expected a line of printable text")
    if len(set(found)) < len(found):
        twice = next(word for word in found if found.count(word) > 1)
        raise UserError(f"{name}: the word '{twice}' comes twice; every class needs its own")


def inside(folder: Path, name: object) -> Path | None:
    """The file that a manifest of the folder names; None if it is no plain file, huge, or outside the folder."""
    if not isinstance(name, str) or not name or "\\" in name or "\0" in name:
        return None
    parts = PurePosixPath(name)
    path = folder.joinpath(*parts.parts)
    if parts.is_absolute() or ".." in parts.parts or not is_regular(path):
        return None
    try:
        within = path.resolve(strict=True).is_relative_to(folder.resolve(strict=True))
        within = within and path.stat().st_size <= FILE_BYTES
    except (OSError, RuntimeError):  # RuntimeError: a link to itself, in Python before 3.13
        return None
    return path if within else None


def _check_kind(path: Name, mode: int) -> None:
    if kind := next((words for holds, words in _KINDS if holds(mode)), ""):
        raise UserError(f"{path} cannot be read: it is {kind}; expected a plain file")


def first_line(error: BaseException) -> str:
    """An error's text as one line of limited length."""
    lines = str(error).strip().splitlines()
    return lines[0][:200] if lines else type(error).__name__


def size_shown(count: int) -> str:
    """A number of bytes for people to read."""
    return f"{count // MB} MB" if count >= MB else f"{count >> 10} kB"
