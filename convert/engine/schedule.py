"""Runs the schedulers of edgekws_window.c and edgekws_sliding.c with counters in place of values.

This gives the size of every buffer and, in sliding mode, the edges of a window in every map. A map is the input of a
stage; the last map is the input of the first dense layer. The trunk is the first stages, whose work windows share.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from convert.engine.kernels import Stage
from edgekws.audio import SAMPLE_RATE
from edgekws.errors import UserError

MOST_RESULTS = 16  # results in the time of a window at most, if no hop is asked for


@dataclass(frozen=True)
class Call:
    """One call of a stage's kernel, as the engine's `edgekws_next_call` gives it."""

    outputs: int
    pool: int
    frames: int  # frames that must be in the buffer
    passed: int  # frames of these that are not needed afterwards


def next_call(stage: Stage, group: int, done: int) -> Call:
    """The call that follows `done` outputs of a window. It has 0 outputs when all are done."""
    left, pool = stage.out_length - done, stage.pool
    if left == 0:
        return Call(0, pool, 0, 0)
    if done == 0 and stage.first_pool != pool:
        pool, left = stage.first_pool, 1
    elif stage.last_pool != pool:
        left -= 1
        if left == 0:
            pool, left = stage.last_pool, 1
    outputs = min(left, group)
    return Call(outputs, pool, _frames_needed(stage, outputs * pool), outputs * pool * stage.stride)


def _frames_needed(stage: Stage, positions: int) -> int:
    return (positions - 1) * stage.stride + max(stage.taps, stage.stride)


def window_capacities(stages: list[Stage], groups: list[int]) -> list[int]:
    """The most frames that each stage's buffer holds in window mode."""
    frames = [stage.pad_before for stage in stages]
    done = [0] * len(stages)
    most = list(frames)

    def call(i: int) -> Call:
        return next_call(stages[i], groups[i], done[i])

    def append(i: int, count: int) -> None:
        frames[i] += count
        most[i] = max(most[i], frames[i])

    def run_all(first: int) -> None:
        i = first
        while i >= first:
            todo = call(i)
            if todo.outputs and frames[i] >= todo.frames:
                frames[i] -= todo.passed
                done[i] += todo.outputs
                if i + 1 < len(stages):
                    i += 1
                    append(i, todo.outputs)
            else:
                i -= 1

    samples = stages[0].in_length
    while samples and call(0).outputs:
        taken = min(samples, call(0).frames - frames[0])
        append(0, taken)
        samples -= taken
        run_all(0)
    for i in range(len(stages)):
        while call(i).outputs:
            append(i, max(call(i).frames - frames[i], 0))
            run_all(i)
    return most


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


def frames_before(stage: Stage) -> int:
    """How many frames before the window its first output would see if it were not clipped."""
    return (stage.pool - stage.first_pool) * stage.stride + stage.pad_before


def sliding_maps(stages: list[Stage], hop: int | None) -> tuple[int, int, list[Map]]:
    """The hop in samples, the number of stages in the trunk, and every map.

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
        last = (bounds[-1][1] + before - _frames_needed(stage, stage.pool)) // step + 1
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
    return hop, trunk, maps + [Map(length, 0, 0, 0) for length in lengths[trunk + 1 :]]


def sliding_capacities(
    stages: list[Stage], groups: list[int], maps: list[Map], trunk: int
) -> tuple[list[int], list[int]]:
    """The most frames in the trunk's part of each map, and the most windows whose left edges are kept at once.

    After each window's end the counters are the same as after the one before, so two windows show everything.
    """
    frames = [*(frames_before(stage) for stage in stages[:trunk]), 0]
    most, kept, slots = list(frames), [0] * len(maps), [1] * len(maps)
    due = [m.first - 1 for m in maps[1 : trunk + 1]]

    def run(i: int, flush: bool) -> bool:
        outputs, stage = groups[i], stages[i]
        while frames[i] < _frames_needed(stage, outputs * stage.pool):
            outputs -= 1
            if not flush or outputs == 0:
                return False
        while maps[i + 1].first and due[i] < outputs:
            due[i] += maps[i + 1].hop
            kept[i] -= 1
            kept[i + 1] += 1
            slots[i + 1] = max(slots[i + 1], kept[i + 1])
        due[i] -= outputs
        frames[i] -= outputs * stage.pool * stage.stride
        append(i + 1, outputs)
        return True

    def append(m: int, count: int) -> None:
        frames[m] += count
        most[m] = max(most[m], frames[m])

    def run_all(first: int, flush: bool) -> None:
        i = first
        while i >= first:
            i = min(i + 1, trunk - 1) if run(i, flush and i == first) else i - 1

    for samples in (maps[0].frames, maps[0].hop):
        while samples:
            wanted = _frames_needed(stages[0], groups[0] * stages[0].pool) - frames[0]
            append(0, min(samples, wanted))
            samples -= min(samples, wanted)
            run_all(0, False)
        for i in range(trunk):
            run_all(i, True)
        frames[trunk] -= maps[trunk].hop
        kept[trunk] -= 1
    return most, slots


def edge_frames(stages: list[Stage], groups: list[int], maps: list[Map]) -> Iterator[int]:
    """For each stage, the most frames that one kernel call on a window's edges has side by side."""
    for stage, group, after in zip(stages, groups, maps[1:], strict=True):
        most = 0
        for done, end in ((0, after.first), (after.last, after.frames)):
            while done < end:
                call = next_call(stage, group, done)
                outputs = min(call.outputs, end - done)
                most = max(most, (outputs * call.pool - 1) * stage.stride + stage.taps)
                done += outputs
        yield most
