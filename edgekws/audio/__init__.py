"""Reads recordings in any form as 16-bit mono at 16 kHz.

``blocks`` is the one reader for clips, long recordings, pipes and standard input. ``read`` and ``read_clip`` collect
its blocks. It reads until the sound ends, even if the header says otherwise. Memory does not grow with the length.
"""

from __future__ import annotations

import io
import wave
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from edgekws.audio import cut
from edgekws.audio.convert import SAMPLE_RATE, to_int16
from edgekws.audio.faults import Faults
from edgekws.errors import UserError

__all__ = [
    "CLIP_SAMPLES", "LONGEST_SECONDS", "SAMPLE_RATE", "Faults", "Preparation", "blocks", "clipped", "done_to", "fit",
    "is_silent", "length", "read", "read_clip", "to_int16", "to_wav",
]  # fmt: skip

CLIP_SAMPLES = 16_000
LONGEST_SECONDS = 3_600.0  # of a recording that is read into memory as a whole
LONGEST_CLIP_SECONDS = 60.0
_SILENT_SPAN = 16  # lowest to highest sample of a recording without sound: -72 dBFS


@dataclass(frozen=True)
class Preparation:
    """How many clips there are, and how many recordings each change was made to. Two can be added with `+`.

    A recording is one clip. Only a recording of other sound gives several: it is cut into seconds.
    """

    clips: int = 0
    resampled: int = 0
    mixed_down: int = 0
    one_channel: int = 0  # the channels cancel each other; the loudest one was taken
    rescaled: int = 0  # integers that were saved as floats
    miscounted: int = 0  # the header gave a wrong length; all of it was read
    damaged: int = 0  # some sound is missing inside
    padded: int = 0
    cropped: int = 0
    lost: int = 0  # cropped, with sound outside the part that was kept
    clipped: int = 0  # samples beyond 16 bits, or several in a row at one value near the limit
    silent: int = 0  # without any sound
    too_long: int = 0  # only the beginning was read
    left_out: int = 0  # training clips beyond clips_per_word
    copies: int = 0  # with the samples of another clip in the same split
    copies_left_out: int = 0  # left out: a later split has a recording with the same samples
    not_audio: int = 0  # files in the word folders that are no recordings; skipped
    not_found: int = 0  # entries of the split lists without a file

    def __add__(self, other: Preparation) -> Preparation:
        return Preparation(**{f.name: getattr(self, f.name) + getattr(other, f.name) for f in fields(self)})


def blocks(path: str | Path, faults: Faults, *, pipes: bool = True) -> Iterator[np.ndarray]:
    """Read a recording as int16 blocks (n,) at 16 kHz, about half a second each. Faults of the sound are counted in
    ``faults``.

    It reads every format, rate and number of channels that libsndfile knows; 16-bit mono at 16 kHz stays sample for
    sample. ``pipes``: ``path`` may also be a pipe or "-", standard input; WAV is then given as it arrives.

    Raises:
        UserError: it is not a recording; or it is cut off, which is raised after the last block.
    """
    from edgekws.audio import recording  # libsndfile is loaded only to read

    empty = True
    for block in recording.blocks(path, faults, pipes):
        empty &= not len(block)
        yield block
    if empty:
        raise UserError(f"{path} holds no samples; record it again or remove it")


def length(path: str | Path) -> int:
    """How many samples a recording has at 16 kHz. It is decoded only if its header cannot tell. Raises UserError as
    ``blocks`` does."""
    from edgekws.audio import recording

    return recording.length(path)


def read(
    path: str | Path, *, most_seconds: float = LONGEST_SECONDS, pipes: bool = False
) -> tuple[np.ndarray, Preparation]:
    """A recording as int16 (samples,) at 16 kHz, and what was done to it. Only ``most_seconds`` are read.

    Raises UserError if it is not a recording, is cut off, or has samples that are not finite.
    """
    faults, most = Faults(), round(most_seconds * SAMPLE_RATE)
    parts, count = [], 0
    for block in blocks(path, faults, pipes=pipes):
        parts.append(block)
        count += len(block)
        if count > most:
            break
    if faults.not_finite:
        raise UserError(f"{path} holds samples that are not numbers (NaN or infinity); export it again or remove it")
    samples = np.concatenate(parts)[:most]
    return samples, done_to(faults) + Preparation(silent=int(is_silent(samples)), too_long=int(count > most))


def done_to(faults: Faults) -> Preparation:
    """The ``Preparation`` of one clip with these faults."""
    names = {field.name for field in fields(Preparation)} & vars(faults).keys()
    counts = {name: int(getattr(faults, name) > 0) for name in names}
    return Preparation(clips=1, **counts)


def to_wav(samples: np.ndarray) -> bytes:
    """The bytes of a WAV file with int16 (n,) samples at 16 kHz."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes(samples.astype("<i2").tobytes())
    return buffer.getvalue()


def read_clip(path: str | Path, length: int = CLIP_SAMPLES) -> tuple[np.ndarray, Preparation]:
    """Read a recording as int16 (length,) at 16 kHz; a longer one is cut to its speech. Returns also what was done.

    Raises UserError as ``read`` does.
    """
    samples, done = read(path, most_seconds=LONGEST_CLIP_SECONDS)
    clip, made = clipped(samples, length)
    return clip, done + made


def clipped(samples: np.ndarray, length: int) -> tuple[np.ndarray, Preparation]:
    """A recording, int16 (n,), as a clip, int16 (length,): put in the middle of zeros, or cut to its speech. Returns
    also what was done to it."""
    if len(samples) <= length:
        return fit(samples, length), Preparation(padded=int(len(samples) < length))
    start, lost = cut.speech(samples, length)
    return samples[start : start + length], Preparation(cropped=1, lost=int(lost))


def fit(samples: np.ndarray, length: int = CLIP_SAMPLES) -> np.ndarray:
    """int16 (n,) as int16 (length,): a shorter one goes in the middle of zeros; of a longer one the middle is taken."""
    missing = length - len(samples)
    if missing >= 0:
        return np.pad(samples, (missing // 2, missing - missing // 2))
    return samples[-missing // 2 :][:length]


def is_silent(samples: np.ndarray) -> bool:
    """Whether int16 (n,) has no sound: nothing above -72 dBFS, apart from a constant offset."""
    return not len(samples) or int(samples.max()) - int(samples.min()) <= _SILENT_SPAN
