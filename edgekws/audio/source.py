"""The bytes of a recording, from a regular file, or from a pipe that can be read only once and forward."""

from __future__ import annotations

import os
import stat
import sys
import tempfile
from pathlib import Path
from typing import IO, Any

STANDARD_INPUT = ("-", "/dev/stdin")
_KEPT_BYTES = 2**20  # of a pipe's beginning, which describes the sound
_SPOOLED_BYTES = 2**30  # the most that is copied from a pipe
_COPY_BYTES = 2**20


class NotWholeError(Exception):
    """Why a recording cannot be read, or not to its end. The text follows the recording's name."""


def broken(reason: str) -> NotWholeError:
    """The error for a recording that is damaged or cut off."""
    return NotWholeError(f"is not a whole recording ({reason}); copy it again or remove it")


class Source:
    """Gives bytes by their place. ``size`` is None if only reading can tell it."""

    size: int | None
    taken = 0  # bytes that a pipe gave so far

    def __init__(self, handle: IO[bytes]) -> None:
        self._handle = handle

    def read_at(self, offset: int, size: int) -> bytes:
        """``size`` bytes from ``offset`` on; fewer only at the end."""
        raise NotImplementedError

    def close(self) -> None:
        self._handle.close()

    def __enter__(self) -> Source:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


class File(Source):
    """A file, which can be read at any place."""

    def __init__(self, handle: IO[bytes]) -> None:
        super().__init__(handle)
        self.size = handle.seek(0, os.SEEK_END)

    def read_at(self, offset: int, size: int) -> bytes:
        if offset >= (self.size or 0):
            return b""
        self._handle.seek(offset)
        return self._handle.read(size)


class Pipe(Source):
    """A pipe. Of the bytes read before, only the first MiB and the last ones can be read again."""

    size = None

    def __init__(self, handle: IO[bytes]) -> None:
        super().__init__(handle)
        self._kept, self._last = bytearray(), b""

    def read_at(self, offset: int, size: int) -> bytes:
        while self.taken < offset:
            if not self._take(min(offset - self.taken, _COPY_BYTES)):
                return b""
        found = b""
        while len(found) < size and offset + len(found) < self.taken:
            if not (more := self._again(offset + len(found), size - len(found))):
                raise NotWholeError("cannot be read twice, as it comes through a pipe; save it as a file first")
            found += more
        return found + self._take(size - len(found))

    def _again(self, offset: int, size: int) -> bytes:
        """The bytes from ``offset`` on that are still kept."""
        for start, content in ((0, self._kept), (self.taken - len(self._last), self._last)):
            if start <= offset < start + len(content):
                return bytes(content[offset - start :][:size])
        return b""

    def spooled(self) -> File:
        """Everything that comes through the pipe, as a temporary file that is deleted when closed."""
        copy = tempfile.TemporaryFile()  # noqa: SIM115 - the File closes it
        copy.write(self._kept)
        while content := self._take(_COPY_BYTES):
            copy.write(content)
            if copy.tell() > _SPOOLED_BYTES:
                raise NotWholeError(
                    f"is longer than {_SPOOLED_BYTES >> 30} GiB, and no WAV, which is read as it comes; save it as a "
                    "file first"
                )
        return File(copy)

    def _take(self, size: int) -> bytes:
        """The next bytes; fewer only at the end."""
        parts = []
        while size and (part := self._handle.read(size)):
            parts.append(part)
            size -= len(part)
        taken = b"".join(parts)
        if self.taken == len(self._kept):  # the kept beginning has no gap
            self._kept += taken[: _KEPT_BYTES - len(self._kept)]
        self.taken += len(taken)
        self._last = taken or self._last
        return taken


def opened(path: str | Path, pipes: bool) -> Source:
    """Open a file, and with ``pipes`` also a pipe or standard input ("-"). Raises NotWholeError for anything else."""
    try:
        if pipes and str(path) in STANDARD_INPUT:
            if sys.stdin is None or sys.stdin.isatty():
                raise NotWholeError("is a terminal; pipe a recording into it, or give a file")
            return _source(os.fdopen(os.dup(sys.stdin.fileno()), "rb", buffering=0))
        mode = os.stat(path).st_mode
        if stat.S_ISDIR(mode):
            raise NotWholeError("is a folder; expected a recording")
        if not stat.S_ISREG(mode) and not (pipes and stat.S_ISFIFO(mode)):
            raise NotWholeError("is no regular file (a pipe or a device); expected a recording")
        return _source(open(path, "rb", buffering=0 if stat.S_ISFIFO(mode) else 65_536))
    except FileNotFoundError:
        raise NotWholeError("does not exist; expected a recording") from None
    except (OSError, ValueError) as error:
        raise NotWholeError(f"cannot be opened: {getattr(error, 'strerror', None) or error}") from None


def _source(handle: Any) -> Source:
    mode = os.fstat(handle.fileno()).st_mode
    if stat.S_ISREG(mode):
        return File(handle)
    if stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode):
        return Pipe(handle)
    handle.close()
    raise NotWholeError("is no regular file and no pipe; expected a recording")
