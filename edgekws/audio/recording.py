"""The one reader of recordings: decodes the parts of a file or pipe to 16-bit mono at 16 kHz, block by block."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from edgekws.audio import chunks, containers, foreign
from edgekws.audio.convert import SAMPLE_RATE, Converter, settled
from edgekws.audio.decode import Decoded
from edgekws.audio.faults import Faults
from edgekws.audio.source import NotWholeError, Pipe, opened
from edgekws.errors import UserError

_HELD_VALUES = 2**18  # values that judge a file's scale and channels: 3 s of stereo at 44.1 kHz


def blocks(path: str | Path, faults: Faults, pipes: bool) -> Iterator[np.ndarray]:
    """See ``audio.blocks``."""
    with _parts(path, faults, pipes) as (parts, held):
        for (rate, channels, floats), alike in itertools.groupby(parts, key=lambda part: part.form):
            converter = Converter(rate, faults)
            faults.resampled += rate != SAMPLE_RATE
            sound = (block for part in alike for block in part.blocks())
            for block in settled(sound, floats, held if channels > 1 or floats else 0, faults):
                yield converter.convert(block)
            yield converter.convert(np.zeros((0, 1), np.float32), last=True)


def length(path: str | Path) -> int:
    """See ``audio.length``."""
    with _parts(path, Faults(), False) as (parts, _):
        return sum(-(-part.length() * SAMPLE_RATE // part.form[0]) for part in parts)


@contextlib.contextmanager
def _parts(path: str | Path, faults: Faults, pipes: bool) -> Iterator[tuple[Iterator[Decoded], int]]:
    """A recording's parts, and how many values may be held back to judge them. Failures become a UserError."""
    try:
        with contextlib.ExitStack() as stack:
            source = stack.enter_context(opened(path, pipes))
            head, held = source.read_at(0, containers.HEAD_BYTES), _HELD_VALUES
            if not chunks.family(head) and (known := foreign.described(path, head)):
                raise NotWholeError(known)
            if isinstance(source, Pipe):
                held = 0  # a pipe must be heard as it arrives
                if not chunks.streams(source, head):
                    source = stack.enter_context(source.spooled())
            yield (Decoded(source, part, faults) for part in containers.parts(source, head, faults)), held
    except NotWholeError as error:
        raise UserError(f"{_name(path)} {error}") from None
    except OSError as error:
        raise UserError(f"{_name(path)} cannot be read: {error.strerror or error}") from None


def _name(path: str | Path) -> str:
    return "standard input" if str(path) == "-" else str(path)
