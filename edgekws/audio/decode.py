"""Decodes the parts of a recording with libsndfile. It gets headers made for it, and never seeks in the sound."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import soundfile

from edgekws.audio.faults import Faults
from edgekws.audio.source import NotWholeError, Source, broken

BLOCK_SECONDS = 0.5
RATES = (1_000, 768_000)  # Hz
_BLOCK_VALUES = 2**18  # values in a block at most, all channels together
_PLAUSIBLE_FRAMES = 2**40


@dataclass(frozen=True)
class Part:
    """One file for libsndfile: a sequence of bytes made for it and ranges of the recording's bytes."""

    pieces: tuple[bytes | range, ...]
    frames: int | None = None  # how many it must have; None: unknown
    trust: bool = False  # with ``frames`` None: believe the number that libsndfile reads
    slack: int = 0  # so many frames less than that are no cut: the number is a little wrong


class View:
    """The bytes of a part as the file object that soundfile needs. A seek alone reads nothing."""

    def __init__(self, source: Source, pieces: tuple[bytes | range, ...]) -> None:
        self._source, self._pieces = source, pieces
        self._size, self._at = sum(map(len, pieces)), 0
        self.error: BaseException | None = None  # soundfile would print an exception from readinto and continue

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._at = max(offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence], 0)
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer with the next bytes; fewer at the end."""
        done = 0
        try:
            while done < len(buffer) and (content := self._next(len(buffer) - done)):
                buffer[done : done + len(content)] = content
                done += len(content)
                self._at += len(content)
        except BaseException as error:  # includes Ctrl-C while a pipe gives nothing
            self.error = error
        return done

    def _next(self, size: int) -> bytes:
        before = 0
        for piece in self._pieces:
            if self._at < before + len(piece):
                inside = piece[self._at - before :][:size]
                return self._source.read_at(inside.start, len(inside)) if isinstance(inside, range) else inside
            before += len(piece)
        return b""


class Decoded:
    """A part as blocks of float32 (frames, channels). ``form``: its rate, channels, and whether it has floats."""

    def __init__(self, source: Source, part: Part, faults: Faults) -> None:
        self._view, self._part, self._faults = View(source, part.pieces), part, faults
        try:
            self._file = soundfile.SoundFile(self._view)
        except (OSError, RuntimeError, TypeError, ValueError) as error:
            raise self._view.error or _unreadable(error) from None
        self._file.seekable = lambda: False  # else soundfile seeks after every block, which fails in some formats
        rate, channels = int(self._file.samplerate), int(self._file.channels)
        if not RATES[0] <= rate <= RATES[1]:
            self._file.close()
            raise NotWholeError(f"has a rate of {rate % 2**32} Hz by its header; expected {RATES[0]} to {RATES[1]} Hz")
        self._lost = False
        self.form = rate, channels, self._file.subtype in ("FLOAT", "DOUBLE")

    def length(self) -> int:
        """How many frames it has. It is decoded only if its header cannot tell."""
        told = self._part.frames or self._file.frames
        with self._file:
            if 0 <= told < _PLAUSIBLE_FRAMES:
                return int(told)
            return sum(map(len, self.blocks()))

    def blocks(self) -> Iterator[np.ndarray]:
        """Blocks of half a second, or less if there are many channels. NotWholeError if the part ends too early."""
        rate, channels, _ = self.form
        size = max(min(round(rate * BLOCK_SECONDS), _BLOCK_VALUES // channels), 1)
        wanted, got = self._part.frames, 0
        if self._part.trust and 0 < self._file.frames < _PLAUSIBLE_FRAMES:
            wanted = self._file.frames
        with self._file:
            while len(block := self._read(size)):
                got += len(block)
                yield block
        self._faults.damaged += self._lost and wanted is None
        if wanted is not None:
            if got < wanted - self._part.slack:
                raise cut_off(got / rate, wanted / rate)
            self._faults.miscounted += got != wanted

    def _read(self, size: int) -> np.ndarray:
        """The next frames; none at the end. In FLAC, reading continues after damage."""
        room = np.full((size, self.form[1]), np.nan, np.float32)
        try:
            block = self._file.read(out=room)
        except (OSError, RuntimeError, TypeError, ValueError) as error:
            if self._file.format != "FLAC":
                raise self._view.error or _unreadable(error) from None
            self._lost = True
            block = room[: int((~np.isnan(room[:, 0])).sum())]  # soundfile does not say how many it read
        if self._view.error:
            raise self._view.error
        return np.asarray(block)


def cut_off(there: float | None = None, wanted: float | None = None) -> NotWholeError:
    """The error for a recording that ends too early, with the seconds it has and those its header promises."""
    known = "" if wanted is None else f" ({there:.1f} s are there, the header says {wanted:.1f} s)"
    return NotWholeError(f"is truncated: it ends before its header says{known}; copy it again or remove it")


def _unreadable(error: Exception) -> NotWholeError:
    return broken(str(error).rsplit(": ", 1)[-1].rstrip(".") or "libsndfile cannot read it")
