"""What one recording gives: its word in the middle, the same at places drawn, parts of it as no word.

A window that slides over a stream finds a word anywhere in it. Clips that all have theirs in the middle teach a network
windows that have it there, and silence around it that no microphone gives: so a cut holds the whole word at a place
drawn, in the recording's own sound, and a part at most half of the word, which is not yet or no more the word.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from edgekws.audio import SAMPLE_RATE, Preparation, clipped, cut
from edgekws.corpus.clips import UNKNOWN, Clip, Selection

CUT, PART = "_cut_", "_part_"  # what begins the name of a clip that is not a recording's first
_MARGIN = SAMPLE_RATE // 20  # 50 ms: a word's end is quieter than 1 % of its energy
_LEAST = SAMPLE_RATE // 10  # of a word that a part may have
_QUIET_SHARE = 0.2  # of the recording is taken for its background
_FRAME = SAMPLE_RATE // 100


@dataclass(frozen=True)
class Take:
    """A recording's first clip, and how many cuts and parts follow it."""

    clip: Clip
    cuts: int = 0
    parts: int = 0

    @property
    def clips(self) -> Iterator[Clip]:
        """All of its clips."""
        one = self.clip
        yield one
        for i in range(self.cuts):
            yield Clip(f"{CUT}/{one.name}/{i}", one.word, one.speaker, one.split)
        for i in range(self.parts):
            yield Clip(f"{PART}/{one.name}/{i}", UNKNOWN, one.speaker, one.split)

    def cut(
        self, samples: np.ndarray, done: Preparation, length: int, seed: int
    ) -> Iterator[tuple[np.ndarray, Preparation]]:
        """The samples of its clips, int16 (length,) each, of the whole recording, int16 (n,); what was done to it comes
        with the first."""
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
            if number % 2:  # its end
                start = int(rng.integers(half, max(last - _LEAST, half) + 1))
            else:  # its beginning
                start = int(rng.integers(min(first + _LEAST, half), half + 1)) - length
            yield at(samples, start, length, background, rng), Preparation(clips=1)


def of(clips: Sequence[Clip], selection: Selection) -> list[Take]:
    """Of each clip what the selection asks for: cuts in training alone; of parts, the other splits get one."""
    return [
        Take(
            clip,
            selection.cuts if clip.split == "training" else 0,
            selection.parts if clip.split == "training" else min(selection.parts, 1),
        )
        for clip in clips
    ]


def at(samples: np.ndarray, start: int, length: int, background: float, rng: np.random.Generator) -> np.ndarray:
    """int16 (length,) of a recording from ``start`` on; where it does not reach, noise of an RMS of ``background``."""
    clip = rng.normal(0, max(background, 1.0), length)
    low, high = max(start, 0), min(start + length, len(samples))
    if low < high:
        clip[low - start : high - start] = samples[low:high]
    return np.clip(np.rint(clip), -32_768, 32_767).astype(np.int16)


def _background(samples: np.ndarray) -> float:
    """The RMS of the quietest fifth of a recording, of 10 ms each."""
    whole = samples[: len(samples) // _FRAME * _FRAME].astype(np.float64).reshape(-1, _FRAME)
    return float(np.sqrt(np.quantile(np.square(whole).mean(axis=1), _QUIET_SHARE))) if len(whole) else 1.0
