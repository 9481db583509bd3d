"""Converts decoded sound to 16-bit mono at 16 kHz, block by block."""

from __future__ import annotations

import collections
from collections.abc import Iterable, Iterator

import numpy as np

from edgekws.audio.faults import Faults

SAMPLE_RATE = 16_000
_FULL_SCALE = 32_768  # libsndfile's float for 16-bit samples is sample / 32768, exact in float32
_NEAR_FULL_SCALE = 0.98  # mu-law's largest sample is 32,124 of 32,768
_CANCELLED = 0.03  # the channels cancel if their mean has less of the loudest one's power (-15 dB)
_ALIKE = 0.8  # a channel with so much of the loudest one's power counts as equal
_INTEGER_PEAK = 16.0  # no float recording is always so far beyond full scale


class Converter:
    """Converts blocks of float32 (frames, channels) at any rate to int16 (samples,) at 16 kHz."""

    def __init__(self, rate: int, faults: Faults) -> None:
        self._faults, self._resampler = faults, None
        self._before: np.ndarray | None = None  # the last two frames of the block before
        if rate != SAMPLE_RATE:
            import soxr

            self._resampler = soxr.ResampleStream(rate, SAMPLE_RATE, 1, dtype="float32", quality="HQ")

    def convert(self, block: np.ndarray, last: bool = False) -> np.ndarray:
        """The samples that this block completes. With ``last``, also those that the resampler still holds."""
        finite = np.isfinite(block)
        if not finite.all():
            self._faults.not_finite += int((~finite).any(axis=1).sum())
            block = np.where(finite, block, np.float32(0))
        if self._before is None or self._before.shape[1] != block.shape[1]:
            self._before = np.zeros((2, block.shape[1]), np.float32)
        known = np.concatenate([self._before, block])
        self._faults.clipped += int(clipped(known)[2:].sum())
        self._before = known[-2:]
        mono = np.clip(block, -1, 1).mean(axis=1, dtype=np.float32)
        if self._resampler is not None:
            mono = self._resampler.resample_chunk(np.ascontiguousarray(mono), last=last)
        return to_int16(mono)


def to_int16(sound: np.ndarray, scale: float = _FULL_SCALE) -> np.ndarray:
    """Sound times ``scale``, rounded and limited to 16 bits: int16 in the same shape."""
    return np.clip(np.rint(sound * scale), -32_768, 32_767).astype(np.int16)


def clipped(frames: np.ndarray) -> np.ndarray:
    """Which frames of float32 (n, channels) are clipped in some channel, bool (n,). A value is clipped if it is beyond
    full scale, or near it and equal to the two before: no sound stays there, with any number of bits. A single value at
    full scale is not clipped."""
    high = np.abs(frames)
    found = high > 1
    stays = frames[2:] == frames[1:-1]
    found[2:] |= (high[2:] >= _NEAR_FULL_SCALE) & stays & (frames[1:-1] == frames[:-2])
    return np.asarray(found.any(axis=1))


def settled(blocks: Iterable[np.ndarray], floats: bool, ahead: int, faults: Faults) -> Iterator[np.ndarray]:
    """Bring blocks of float32 (n, channels) to full scale 1. If channels cancel each other, keep only the loudest.

    ``floats``: the recording has floats, which may be integers saved as floats. Scale and channels are judged by the
    sound so far and ``ahead`` more values, which are held back for this.
    """
    judge, waiting, size = _Judge(floats), collections.deque[np.ndarray](), 0
    for block in blocks:
        judge.hear(block)
        waiting.append(block)
        size += block.size
        while size > ahead:
            size -= waiting[0].size
            yield judge.settled(waiting.popleft())
    yield from map(judge.settled, waiting)
    faults.rescaled += judge.scale != 1
    faults.one_channel += judge.channel is not None
    faults.mixed_down += judge.channel is None and judge.channels > 1


class _Judge:
    """What the sound so far shows about scale and channels."""

    def __init__(self, floats: bool) -> None:
        self._floats, self.scale, self.channels = floats, 1.0, 1
        self.channel: int | None = None
        self._sums = np.zeros((3, 1))  # rows: count, sum, sum of squares; columns: the channels, then their mean

    def hear(self, block: np.ndarray) -> None:
        self.channels = block.shape[1]
        if self._floats:
            self.scale = max(self.scale, full_scale(block))
        if self.channels > 1 and self.channel is None:
            finite = np.where(np.isfinite(block), block, 0).astype(np.float64)
            signals = np.column_stack([finite, finite.mean(axis=1)])
            self._sums = self._sums + np.stack([np.ones_like(signals), signals, signals**2]).sum(axis=1)
            self.channel = self._louder()

    def settled(self, block: np.ndarray) -> np.ndarray:
        """The block at full scale 1, with all channels or the loudest."""
        kept = block if self.channel is None else block[:, self.channel : self.channel + 1]
        return kept if self.scale == 1 else kept / np.float32(self.scale)

    def _louder(self) -> int | None:
        """The loudest channel if the mean of all lost its sound, else None."""
        count, total, squares = self._sums
        *power, mean = squares - total**2 / count
        loudest = int(np.argmax(np.array(power) >= _ALIKE * max(power)))  # the first of those about equally loud
        return loudest if mean < _CANCELLED * power[loudest] else None


def full_scale(block: np.ndarray) -> float:
    """1 for true floats; for integers saved as floats, the full scale that fits them."""
    values = np.abs(block[np.isfinite(block) & (block != 0)])
    peak = float(values.max(initial=0))
    whole = peak >= 2 and bool((values == np.rint(values)).all())
    if not whole and (peak < _INTEGER_PEAK or np.median(values) <= 1):
        return 1.0
    room = 1 if whole else 2  # resampling goes beyond full scale
    return next((float(2**bits) for bits in (15, 23, 31) if peak <= room * 2**bits), 1.0)
