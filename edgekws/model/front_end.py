"""Processes samples before the coding: a DC blocker, and level control if a recipe asks for it. Integers, as in C.

It works in blocks of 160 samples, 10 ms, from the start of a stream or clip. All values are int32, and shifts round
down. For a block x, which becomes y:

DC blocker      d = 32 sum(x) in the first block, then d + sum(x) - (d >> 5): 5120 times the mean of 0.32 s
                y = x - d / 5120, the quotient rounded; within ±32767
level control   envelope = max(envelope - (envelope >> 7), peak(y) << 8, 256 << 8): falls by 6.8 dB a second
                y * g >> 12, rounded, where g = 2**30 // (envelope >> 4): this brings the envelope to half of full
                scale, and makes a whisper up to 64 times louder

An incomplete last block does not change d, which is 0 if that block is also the first.
``edgekws_frontend.h`` does the same on a device, sample for sample.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from edgekws.model import coding

BLOCK = 160
DECAY = 7  # the envelope loses 2**-DECAY of itself in each block
LOWEST_PEAK = 256  # quieter sound gets no more gain than this peak
LEVEL = 16_384  # the level to which the envelope is brought
_MEAN = 32 * BLOCK  # d is so many times the mean
_LOT = 256  # clips processed at once: 16 MB of int32


class Input(Protocol):
    """A model's front end and coding. A recipe's ``[model]`` table and an artifact both have them."""

    @property
    def coding(self) -> str: ...
    @property
    def level_control(self) -> bool: ...


def codes(samples: np.ndarray, heard: Input) -> np.ndarray:
    """int16 clips (n, samples), or one (samples,) → int8 codes of the same shape. Each clip begins with a new state."""
    return coding.encode(process(samples, heard.level_control), heard.coding)


def process(samples: np.ndarray, level_control: bool) -> np.ndarray:
    """int16 clips (n, samples), or one (samples,) → int16 of the same shape. Each clip begins with a new state."""
    if samples.ndim == 1:
        return process(samples[None], level_control)[0]
    changed = np.empty(samples.shape, np.int16)
    for start in range(0, len(samples), _LOT):
        lot = samples[start : start + _LOT]
        stream = FrontEnd(level_control, len(lot))
        changed[start : start + _LOT] = np.concatenate([stream.push(lot), stream.flush()], axis=1)
    return changed


class FrontEnd:
    """Processes a stream piece by piece, with the same result as ``process`` of the whole.

    With ``streams``, it processes that many at once: arrays are (streams, n) in place of (n,).
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
        """Take int16 samples (n,) and return the processed samples of every block that they complete."""
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
        """End the stream: return the samples of the incomplete last block. The next push starts another stream."""
        rest = self._changed(self._waiting[:, None].astype(np.int32), self._d[:, None])
        self.reset()
        return rest

    def _changed(self, blocks: np.ndarray, d: np.ndarray) -> np.ndarray:
        """int32 (streams, n, block) → int16 (streams, n * block), without the offsets that d (streams, n) gives."""
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
