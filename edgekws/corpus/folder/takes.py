"""Makes several clips from one recording: its word in the middle, its word at random places, and parts of the word.

In a stream, a word can be anywhere in a window. If every clip has its word in the middle with silence around it, a
network learns only such windows, which no microphone gives. So a *cut* has the whole word at a random place, in the
recording's own sound. A *part* has at most half of the word, and counts as no word.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from edgekws.audio import SAMPLE_RATE, Preparation, clipped, cut
from edgekws.corpus.clips import UNKNOWN, Clip, Selection

CUT, PART = "_cut_", "_part_"  # begins the names of a recording's further clips
_MARGIN = SAMPLE_RATE // 20  # 50 ms: a word's end is quieter than 1 % of its energy
_LEAST = SAMPLE_RATE // 10  # the least of a word that a part may have
_QUIET_SHARE = 0.2  # this share of the recording, the quietest, is its background
_FRAME = SAMPLE_RATE // 100


@dataclass(frozen=True)
class Take:
    """A recording's first clip, and how many cuts and parts come after it."""

    clip: Clip
    cuts: int = 0
    parts: int = 0

    @property
    def clips(self) -> Iterator[Clip]:
        """All its clips."""
        one = self.clip
        yield one
        for i in range(self.cuts):
            yield Clip(f"{CUT}/{one.name}/{i}", one.word, one.speaker, one.split)
        for i in range(self.parts):
            yield Clip(f"{PART}/{one.name}/{i}", UNKNOWN, one.speaker, one.split)

    def cut(
        self, samples: np.ndarray, done: Preparation, length: int, seed: int
    ) -> Iterator[tuple[np.ndarray, Preparation]]:
        """The samples of its clips, int16 (length,) each, from the whole recording, int16 (n,). The first clip comes
        with what was done to the recording."""
        clip, made = clipped(samples, length)
        yield clip, done + made
        if not self.cuts + self.parts:
            return
        rng = np.random.default_rng([seed, zlib.crc32(self.clip.name.encode())])
        first, last = cut.extent(samples, length)
        first, last = max(first - _MARGIN, 0), min(last + _MARGIN, len(samples))
        background = _background(samples)
        for _ in range(self.cuts):
            start = int(rng.integers(min(last - length, first), max(last - length, first) + 1))
            yield at(samples, start, length, background, rng), Preparation(clips=1)
        half = (first + last) // 2
        for number in range(self.parts):
            if number % 2:  # the end of the word
                start = int(rng.integers(half, max(last - _LEAST, half) + 1))
            else:  # the beginning of the word
                start = int(rng.integers(min(first + _LEAST, half), half + 1)) - length
            yield at(samples, start, length, background, rng), Preparation(clips=1)


def of(clips: Sequence[Clip], selection: Selection) -> list[Take]:
    """The takes of all clips, as the selection asks: only training has cuts; other splits have one part at most."""
    return [
        Take(
            clip,
            selection.cuts if clip.split == "training" else 0,
            selection.parts if clip.split == "training" else min(selection.parts, 1),
        )
        for clip in clips
    ]


def at(samples: np.ndarray, start: int, length: int, background: float, rng: np.random.Generator) -> np.ndarray:
    """int16 (length,) of a recording from ``start`` on. Noise with the RMS ``background`` fills what is outside it."""
    clip = rng.normal(0, max(background, 1.0), length)
    low, high = max(start, 0), min(start + length, len(samples))
    if low < high:
        clip[low - start : high - start] = samples[low:high]
    return np.clip(np.rint(clip), -32_768, 32_767).astype(np.int16)


def _background(samples: np.ndarray) -> float:
    """The RMS of the quietest fifth of a recording's 10 ms frames."""
    whole = samples[: len(samples) // _FRAME * _FRAME].astype(np.float64).reshape(-1, _FRAME)
    return float(np.sqrt(np.quantile(np.square(whole).mean(axis=1), _QUIET_SHARE))) if len(whole) else 1.0
