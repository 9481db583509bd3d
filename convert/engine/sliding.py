"""Sliding windows: a window's edges in every map, and the scheduler of edgekws_sliding.c with counters as values.

A map is the input of a stage; the last map is the input of the first dense layer. The trunk is the first stages, whose
work windows share.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from convert.engine.kernels import Stage
from convert.engine.schedule import Schedule, frames_before, frames_needed, next_call
from edgekws.audio import SAMPLE_RATE
from edgekws.errors import UserError

MOST_RESULTS = 16  # results in the time of a window at most, if no hop is asked for


@dataclass(frozen=True)
class Map:
    """A window's frames in one map. The trunk computes frames first <= f < last, once for all windows."""

    frames: int
    first: int
    last: int
    hop: int  # frames from one window to the next; 0 after the trunk

    @property
    def right(self) -> int:
        """How many frames the right edge has."""
        return self.frames - self.last


def sliding_maps(stages: Sequence[Stage], hop: int | None) -> tuple[list[Map], int]:
    """All maps, and the number of stages in the trunk.

    Args:
        hop: samples. None: the smallest multiple of the trunk's strides and pools that is at least 1/`MOST_RESULTS` of
            a window, or of a second if the window is longer.

    Raises:
        UserError: no window can be computed from the one before at such a hop.
    """
    window = stages[0].in_length
    if hop is not None and not 0 < hop < window:
        raise UserError(f"expected a hop of 1 to {window - 1} samples, less than a window, got {hop}")
    bounds, product = [(0, window, 1)], 1  # first, last, samples a frame
    for stage in stages:
        step, before = stage.pool * stage.stride, frames_before(stage)
        first = -(-(bounds[-1][0] + before) // step)
        last = (bounds[-1][1] + before - frames_needed(stage, stage.pool)) // step + 1
        product *= step
        if first >= last or product >= window or (hop and (hop % product or hop > last * product)):
            break
        bounds.append((first, last, product))
    trunk, frame = len(bounds) - 1, bounds[-1][2]
    if trunk == 0:
        raise UserError(
            f"no work can be shared between windows of {window} samples{f' {hop} apart' if hop else ''}: the first "
            f"convolution advances by {stages[0].pool * stages[0].stride} samples, which must divide the hop, and its "
            "outputs that see no edge of the window must span a hop; choose another hop or window mode"
        )
    if hop is None:
        return sliding_maps(stages, -(-min(window, SAMPLE_RATE) // (MOST_RESULTS * frame)) * frame)
    lengths = [window, *(stage.out_length for stage in stages)]
    maps = [Map(length, a, b, hop // size) for length, (a, b, size) in zip(lengths, bounds, strict=False)]
    return maps + [Map(length, 0, 0, 0) for length in lengths[trunk + 1 :]], trunk


class SlidingSchedule(Schedule):
    """The scheduler of edgekws_sliding.c. Counters at the first window's end may differ from later ones."""

    def __init__(
        self,
        stages: Sequence[Stage],
        groups: Sequence[int],
        works: Sequence[int],
        dense_work: int,
        maps: Sequence[Map],
        trunk: int,
    ) -> None:
        super().__init__(stages, groups, works, dense_work)
        self.maps, self.trunk, self.hop = maps, trunk, maps[0].hop
        self.slots = [1] * len(maps)  # how many windows' left edges are kept at once
        self._needed = [frames_needed(s, n * s.pool) for s, n in zip(stages, groups, strict=True)]
        sides = list(zip(stages, groups, maps[1:], strict=True))
        self._left_calls = [len(list(_edge_calls(stage, group, 0, m.first))) for stage, group, m in sides]
        self._right_calls = [len(list(_edge_calls(stage, group, m.last, m.frames))) for stage, group, m in sides]

    def begin(self) -> None:
        self._kept, self._edges, self._edged, self.deepest = [0] * len(self.maps), 0, 0, 0
        self._due = [m.first - 1 for m in self.maps[1 : self.trunk + 1]]
        self.frames = [0] * len(self.frames)
        for i in range(self.trunk):
            self.append(i, frames_before(self.stages[i]))

    def missing(self) -> int | None:
        return self._needed[0] - self.frames[0]

    def counters(self) -> tuple[int, ...]:
        return (*super().counters(), *self._due)

    def finish(self) -> int:
        for i in range(self.trunk):
            if done := self.run(i, flush=True):
                return done
        while self._edges < len(self.stages):
            i = self._edges
            if self._edged < self._right_calls[i]:
                self._edged += 1
                return self.works[i]
            self._edges, self._edged = i + 1, 0
        self._kept[self.trunk] -= 1
        self.frames[self.trunk] -= self.maps[self.trunk].hop
        self._edges = 0
        self.samples -= self.hop
        self.ready = True
        return self.dense_work

    def run(self, i: int, flush: bool = False) -> int:
        outputs, stage = self.groups[i], self.stages[i]
        if self.frames[i] < self._needed[i]:
            if not flush:
                return 0
            while outputs and self.frames[i] < frames_needed(stage, outputs * stage.pool):
                outputs -= 1
            if not outputs:
                return 0
        if self.maps[i + 1].first:
            if self._due[i] < outputs:
                self._edged += 1
                if self._edged == self._left_calls[i]:
                    self._edged = 0
                    self._due[i] += self.maps[i + 1].hop
                    self._kept[i] -= 1
                    self._kept[i + 1] += 1
                    self.slots[i + 1] = max(self.slots[i + 1], self._kept[i + 1])
                return self.works[i]
            self._due[i] -= outputs
        self.frames[i] -= outputs * stage.pool * stage.stride
        self.append(i + 1, outputs)
        self.deepest = min(i + 1, self.trunk - 1)
        return self.works[i]


def _edge_calls(stage: Stage, group: int, done: int, end: int) -> Iterator[tuple[int, int]]:
    """Outputs and pool of each kernel call for the outputs from ``done`` up to ``end`` of a window."""
    while done < end:
        call = next_call(stage, group, done)
        outputs = min(call.outputs, end - done)
        yield outputs, call.pool
        done += outputs


def edge_frames(stages: Sequence[Stage], groups: Sequence[int], maps: Sequence[Map]) -> Iterator[int]:
    """For each stage, the most frames that one kernel call on a window's edges has side by side."""
    for stage, group, after in zip(stages, groups, maps[1:], strict=True):
        calls = [*_edge_calls(stage, group, 0, after.first), *_edge_calls(stage, group, after.last, after.frames)]
        yield max(((outputs * pool - 1) * stage.stride + stage.taps for outputs, pool in calls), default=0)
