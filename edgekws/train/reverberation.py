"""Impulse responses of rooms for augmentation: recordings in a folder, or rooms that are computed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from edgekws import audio
from edgekws.corpus import acoustics
from edgekws.corpus.folder.find import recordings
from edgekws.errors import UserError
from edgekws.recipe import MADE_ROOMS

TAPS = 9_600  # 0.6 s
_EACH = 256  # of each entry of data.rooms: a folder of one room counts as much as one of a hundred
_BEFORE = 16  # 1 ms before the direct sound is kept
_SECONDS = 30  # an impulse response is shorter


def bank(wanted: Sequence[str], seed: int) -> np.ndarray:
    """Impulse responses, float32 (256 for each entry, TAPS), of energy 1. The direct sound is in the first millisecond.

    Raises:
        UserError: a folder does not exist or holds no recordings, or one of them is silent or too long for an impulse
            response.
    """
    rng = np.random.default_rng([seed, 0x4007])
    found = []
    for place in wanted:
        if place == MADE_ROOMS:
            rooms = [acoustics.far_room(rng) for _ in range(_EACH)]
        else:
            rooms = recorded(Path(place).expanduser(), "data.rooms")
        found += [_fitted(rooms[i % len(rooms)]) for i in range(_EACH)]
    return np.stack(found) if found else np.zeros((0, TAPS), np.float32)


def recorded(folder: Path, option: str) -> list[np.ndarray]:
    """The impulse responses in a folder, float32 (n,) each, from 1 ms before the direct sound.

    Raises UserError as ``bank`` does; its message begins with ``option``.
    """
    if not folder.is_dir():
        raise UserError(f"{option}: {folder} is not a folder; expected one of impulse responses of rooms")
    rooms = []
    for path in recordings(folder):
        samples, done = audio.read(path, most_seconds=_SECONDS)
        if done.too_long or not samples.any():
            came = "nothing but silence" if not samples.any() else f"more than {_SECONDS} s of sound"
            raise UserError(f"{option}: {path} has {came}; expected an impulse response: a click and its echo")
        response = samples.astype(np.float32)
        rooms.append(response[max(int(np.abs(response).argmax()) - _BEFORE, 0) :])
    if not rooms:
        raise UserError(f"{option}: there are no recordings in {folder}; expected impulse responses of rooms")
    return rooms


def in_room(samples: np.ndarray, response: np.ndarray) -> np.ndarray:
    """A clip, int16 (n,), as heard in a room, at the same level. What lasts longer than the clip is cut off."""
    size = 1 << (len(samples) + len(response) - 1).bit_length()
    heard = np.fft.irfft(np.fft.rfft(samples, size) * np.fft.rfft(response, size), size)[: len(samples)]
    level, now = (np.sqrt(np.mean(np.square(one, dtype=np.float64))) for one in (samples, heard))
    return np.clip(np.rint(heard * (level / max(now, 1e-9))), -32_768, 32_767).astype(np.int16)


def _fitted(response: np.ndarray) -> np.ndarray:
    """The first TAPS values, or all and zeros, with energy 1."""
    fitted = np.zeros(TAPS, np.float32)
    fitted[: min(len(response), TAPS)] = response[:TAPS]
    return fitted / np.sqrt(np.sum(fitted**2))
