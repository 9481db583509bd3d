"""Recordings as bytes, for tests of what reads them."""

from __future__ import annotations

import io
import struct

import numpy as np
import soundfile

RATE = 16_000


def tone(seconds: float = 1.0, rate: int = RATE, amplitude: float = 0.4) -> np.ndarray:
    """440 Hz that swells, float32, so that parts of it can be told apart."""
    time = np.arange(round(seconds * rate)) / rate
    return (amplitude * np.sin(2 * np.pi * 440 * time) * (0.6 - 0.4 * np.cos(2 * np.pi * 1.5 * time))).astype("f4")


def written(form: str, subtype: str, samples: np.ndarray | None = None, rate: int = RATE) -> bytes:
    """A file of this format and kind of samples; without samples a second of the tone."""
    memory = io.BytesIO()
    soundfile.write(memory, tone(1, rate) if samples is None else samples, rate, format=form, subtype=subtype)
    return memory.getvalue()


def put(content: bytes, at: int, layout: str, *values: int) -> bytes:
    """The same with other numbers at a place."""
    changed = bytearray(content)
    struct.pack_into(layout, changed, at, *values)
    return bytes(changed)


def likeness(heard: np.ndarray, sound: np.ndarray) -> float:
    """The correlation of int16 samples with the sound that they should be, over the shorter one's length."""
    length = min(len(heard), len(sound))
    return float(np.corrcoef(heard[:length].astype(float), sound[:length].astype(float))[0, 1])
