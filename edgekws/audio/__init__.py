"""Recordings in whatever form they come, as 16-bit mono at 16 kHz.

One reader for clips, long recordings, pipes and standard input: ``blocks``; ``read`` and ``read_clip`` collect what it
gives. It reads on until the sound ends, whatever the header says, and memory does not grow with the length.
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
LONGEST_SECONDS = 3_600.0  # of what is read into memory as a whole
LONGEST_CLIP_SECONDS = 60.0
_SILENT_SPAN = 16  # from the lowest to the highest sample of what holds no sound: -72 dBFS


@dataclass(frozen=True)
class Preparation:
    """How many clips there are and to how many recordings each thing was done; sums with `+`.

    A recording is a clip, but for other sound: of one that is cut into seconds each is a clip.
    """

    clips: int = 0
    resampled: int = 0
    mixed_down: int = 0
    one_channel: int = 0  # channels that cancel each other: the loudest was taken
    rescaled: int = 0  # integers saved as floats
    miscounted: int = 0  # read whole in spite of a wrong length in the header
    damaged: int = 0  # sound is missing in places
    padded: int = 0
    cropped: int = 0
    lost: int = 0  # of the cropped: have sound outside the second that was kept
    clipped: int = 0  # had samples beyond 16 bits, set to the limit, or that stay at one value near it
    silent: int = 0  # hold no sound
    too_long: int = 0  # only their beginning was read
    left_out: int = 0  # training clips beyond clips_per_word
    copies: int = 0  # have the samples of another clip, in the same split
    copies_left_out: int = 0  # have the samples of a recording in a later split
    not_audio: int = 0  # files in the word folders that are no recordings, passed over
    not_found: int = 0  # entries of the split lists without a file

    def __add__(self, other: Preparation) -> Preparation:
        return Preparation(**{f.name: getattr(self, f.name) + getattr(other, f.name) for f in fields(self)})


def blocks(path: str | Path, faults: Faults, *, pipes: bool = True) -> Iterator[np.ndarray]:
    """A recording as int16 blocks at 16 kHz of about half a second; what is wrong with it is counted in ``faults``.

    Any format, rate and number of channels that libsndfile knows. 16-bit mono at 16 kHz comes through sample-exact.
    ``pipes``: also from a pipe, or "-", standard input; WAV as it comes. Raises UserError for what is no recording,
    and, after all that is there of it, for one that is cut off.
    """
    from edgekws.audio import recording  # libsndfile is loaded where something is read

    empty = True
    for block in recording.blocks(path, faults, pipes):
        empty &= not len(block)
        yield block
    if empty:
        raise UserError(f"{path} holds no samples; record it again or remove it")


def length(path: str | Path) -> int:
    """The samples that a recording will have at 16 kHz, decoded for it only where nothing else tells. UserError as for
    ``blocks``."""
    from edgekws.audio import recording

    return recording.length(path)


def read(
    path: str | Path, *, most_seconds: float = LONGEST_SECONDS, pipes: bool = False
) -> tuple[np.ndarray, Preparation]:
    """A whole recording, int16 (samples,) at 16 kHz, and what was done to it; of a longer one the beginning.

    Raises UserError for anything but a whole, readable, finite recording.
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
    """What was done to a clip with these faults."""
    names = {field.name for field in fields(Preparation)} & vars(faults).keys()
    counts = {name: int(getattr(faults, name) > 0) for name in names}
    return Preparation(clips=1, **counts)


def to_wav(samples: np.ndarray) -> bytes:
    """int16 (n,) at 16 kHz as the bytes of a WAV file."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes(samples.astype("<i2").tobytes())
    return buffer.getvalue()


def read_clip(path: str | Path, length: int = CLIP_SAMPLES) -> tuple[np.ndarray, Preparation]:
    """Read a recording and make it int16 (length,), of a longer one that where its speech is.

    Returns everything that was done to it as well.
    """
    samples, done = read(path, most_seconds=LONGEST_CLIP_SECONDS)
    clip, made = clipped(samples, length)
    return clip, done + made


def clipped(samples: np.ndarray, length: int) -> tuple[np.ndarray, Preparation]:
    """A recording, int16 (n,), as a clip (length,): in the middle of zeros, or where its speech is; what was done."""
    if len(samples) <= length:
        return fit(samples, length), Preparation(padded=int(len(samples) < length))
    start, lost = cut.speech(samples, length)
    return samples[start : start + length], Preparation(cropped=1, lost=int(lost))


def fit(samples: np.ndarray, length: int = CLIP_SAMPLES) -> np.ndarray:
    """int16 (n,) to int16 (length,): shorter ones in the middle of zeros, of longer ones the middle."""
    missing = length - len(samples)
    if missing >= 0:
        return np.pad(samples, (missing // 2, missing - missing // 2))
    return samples[-missing // 2 :][:length]


def is_silent(samples: np.ndarray) -> bool:
    """Whether int16 (n,) holds no sound: nothing above -72 dBFS, whatever constant it lies at."""
    return not len(samples) or int(samples.max()) - int(samples.min()) <= _SILENT_SPAN
