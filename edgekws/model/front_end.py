"""Before the coding: a DC blocker, and level control where a recipe asks for it; in integers, the same in C.

Blocks of 160 samples, 10 ms, one after the other from the start of a stream or a clip. All values are int32, shifts
round down, and ``sum`` and ``peak`` are of a block x or y:

DC blocker      d = 32 sum(x) in the first block, then d + sum(x) - (d >> 5): 5120 times the mean of 0.32 s
                y = x - d / 5120, the quotient rounded; within ±32767
level control   envelope = max(envelope - (envelope >> 7), peak(y) << 8, 256 << 8): falls by 6.8 dB a second
                y * g >> 12, rounded, where g = 2**30 // (envelope >> 4): the envelope comes to half of full scale,
                a whisper becomes up to 64 times louder

A last block of fewer samples leaves d as it is: 0 where it is the first.
``edgekws_frontend.h`` does the same on a device, sample for sample.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from edgekws.model import coding

BLOCK = 160
DECAY = 7  # an envelope loses 2**-DECAY of itself in a block
LOWEST_PEAK = 256  # nothing quieter than this is made louder by more than the gain for this
LEVEL = 16_384  # what the envelope comes to
_MEAN = 32 * BLOCK  # d is so many times the mean
_LOT = 256  # clips at once: 16 MB of int32


class Input(Protocol):
    """How a model hears samples: a recipe's ``[model]`` table, and an artifact."""

    @property
    def coding(self) -> str: ...
    @property
    def level_control(self) -> bool: ...


def codes(samples: np.ndarray, heard: Input) -> np.ndarray:
    """int16 clips (n, samples) or one (samples,), each from a fresh state → int8 codes of the same shape."""
    return coding.encode(process(samples, heard.level_control), heard.coding)


def process(samples: np.ndarray, level_control: bool) -> np.ndarray:
    """int16 clips (n, samples) or one (samples,) → int16 of the same shape; each begins with a fresh state."""
    if samples.ndim == 1:
        return process(samples[None], level_control)[0]
    changed = np.empty(samples.shape, np.int16)
    for start in range(0, len(samples), _LOT):
        lot = samples[start : start + _LOT]
        stream = FrontEnd(level_control, len(lot))
        changed[start : start + _LOT] = np.concatenate([stream.push(lot), stream.flush()], axis=1)
    return changed


class FrontEnd:
    """A stream as it comes: what ``process`` does of the whole, however it is cut into pieces.

    With ``streams``, so many side by side: arrays are (streams, n) in place of (n,).
    """

    def __init__(self, level_control: bool, streams: int | None = None) -> None:
        self.level_control, self.streams = level_control, streams
        self.reset()

    def reset(self) -> None:
        """Start another stream."""
        count = 1 if self.streams is None else self.streams
        self._first = True
        self._d, self._envelope = (np.zeros(count, np.int32) for _ in range(2))
        self._waiting = np.zeros((count, 0), np.int16)

    def push(self, samples: np.ndarray) -> np.ndarray:
        """int16 (n,) → the same of every block that they complete."""
        if samples.dtype != np.int16:
            raise TypeError(f"samples must be int16, got {samples.dtype}")
        waiting = np.concatenate([self._waiting, np.atleast_2d(samples)], axis=1)
        whole = waiting.shape[1] // BLOCK
        self._waiting = waiting[:, whole * BLOCK :].copy()
        blocks = waiting[:, : whole * BLOCK].reshape(len(waiting), whole, BLOCK).astype(np.int32)
        d = np.empty(blocks.shape[:2], np.int32)
        for i, sums in enumerate(blocks.sum(2, dtype=np.int32).T):
            self._d = 32 * sums if self._first else self._d + sums - (self._d >> 5)
            self._first = False
            d[:, i] = self._d
        return self._changed(blocks, d)

    def flush(self) -> np.ndarray:
        """What waits for the rest of its block, as it is at the end of a stream; the next push starts another."""
        rest = self._changed(self._waiting[:, None].astype(np.int32), self._d[:, None])
        self.reset()
        return rest

    def _changed(self, blocks: np.ndarray, d: np.ndarray) -> np.ndarray:
        """int32 (streams, n, block) → int16 (streams, n * block), by the offsets that belong to d (streams, n)."""
        offset = (d + _MEAN // 2 + _MEAN * 32_768) // _MEAN - 32_768
        blocks = np.clip(blocks - offset[..., None], -32_767, 32_767)
        if self.level_control:
            envelopes = np.empty(d.shape, np.int32)
            for i, peaks in enumerate(np.abs(blocks).max(2, initial=LOWEST_PEAK).T):
                self._envelope = np.maximum(self._envelope - (self._envelope >> DECAY), peaks << 8)
                envelopes[:, i] = self._envelope
            gain = 2**30 // (envelopes >> 4)
            blocks = (blocks * gain[..., None] + 2_048) >> 12
        changed = blocks.astype(np.int16).reshape(len(blocks), blocks.shape[1] * blocks.shape[2])
        return changed[0] if self.streams is None else changed
