"""Runs the engine's scheduler with counters in place of values: edgekws.c with edgekws_window.c, and edgekws_evenly.h.

This gives the size of every buffer. `sliding` has the scheduler of edgekws_sliding.c.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from convert.engine.kernels import Stage

STEP = 32  # samples between two portions of credit
SLACKS = (1.0625, 1.25, 1.5, 2, 4, 16)  # credit as a multiple of the mean work; the first one that keeps up is used
UNLIMITED = 1 << 30
LARGEST_UNIT_COUNT = 1 << 24  # of a hop's work: far within int32


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
    return Call(outputs, pool, frames_needed(stage, outputs * pool), outputs * pool * stage.stride)


def frames_needed(stage: Stage, positions: int) -> int:
    return (positions - 1) * stage.stride + max(stage.taps, stage.stride)


def frames_before(stage: Stage) -> int:
    """How many frames before the window its first output would see if it were not clipped."""
    return (stage.pool - stage.first_pool) * stage.stride + stage.pad_before


class Schedule(ABC):
    """One spotter, with the engine's `edgekws_take` and `edgekws_work`.

    Args:
        works: the work of one call of each stage's kernel, in any unit.
        dense_work: the work of everything after the convolutions, in the same unit.
    """

    def __init__(self, stages: Sequence[Stage], groups: Sequence[int], works: Sequence[int], dense_work: int) -> None:
        self.stages, self.groups, self.works, self.dense_work = stages, groups, works, dense_work
        self.window = self.hop = stages[0].in_length
        self.frames = [0] * (len(stages) + 1)  # frames in each stage's buffer
        self.most = list(self.frames)  # the most frames there ever were
        self.samples = 0
        self.deepest = 0  # the deepest stage that may have enough frames
        self.ready = False

    def take(self, count: int) -> int:
        wanted = min(count, self.window - self.samples)
        if wanted and self.samples == 0:
            self.begin()
        missing = self.missing() if wanted else None
        if missing is not None:
            wanted = min(wanted, missing)
            self.append(0, wanted)
        self.samples += wanted
        self.ready = self.ready and not wanted
        return wanted

    def work(self) -> int:
        done = self.step() if self.samples else 0
        return done if done or self.samples < self.window else self.finish()

    def to_result(self) -> int:
        """Do all work up to the next result, as `edgekws_push` does. Returns the work."""
        total = 0
        self.ready = False
        while not self.ready:
            self.take(self.window)
            while done := self.work():
                total += done
        return total

    def append(self, i: int, count: int) -> None:
        self.frames[i] += count
        self.most[i] = max(self.most[i], self.frames[i])

    def counters(self) -> tuple[int, ...]:
        """Everything that the future depends on, except the samples to come."""
        return (self.samples, *self.frames)

    @abstractmethod
    def begin(self) -> None: ...

    @abstractmethod
    def missing(self) -> int | None:
        """How many samples the first stage still needs; None: it does not use the rest of the window."""

    def step(self) -> int:
        while not (done := self.run(self.deepest)) and self.deepest:
            self.deepest -= 1
        return done

    @abstractmethod
    def run(self, i: int) -> int: ...

    @abstractmethod
    def finish(self) -> int: ...


class WindowSchedule(Schedule):
    """The scheduler of edgekws_window.c."""

    def __init__(self, stages: Sequence[Stage], groups: Sequence[int], works: Sequence[int], dense_work: int) -> None:
        super().__init__(stages, groups, works, dense_work)
        self._whole = [  # the usual call, inside a window
            Call(n, s.pool, frames_needed(s, n * s.pool), n * s.pool * s.stride)
            for s, n in zip(stages, groups, strict=True)
        ]

    def begin(self) -> None:
        self.deepest, self.done = 0, [0] * len(self.stages)
        self.frames = [0] * len(self.frames)
        for i, stage in enumerate(self.stages):
            self.append(i, stage.pad_before)

    def missing(self) -> int | None:
        call = self._call(0)
        return call.frames - self.frames[0] if call.outputs else None

    def finish(self) -> int:
        for i in range(len(self.stages)):
            if (call := self._call(i)).outputs:
                self.append(i, call.frames - self.frames[i])
                return self.run(i)
        self.samples = 0
        self.ready = True
        return self.dense_work

    def _call(self, i: int) -> Call:
        amid = 0 < self.done[i] < self.stages[i].out_length - self.groups[i]
        return self._whole[i] if amid else next_call(self.stages[i], self.groups[i], self.done[i])

    def run(self, i: int) -> int:
        call = self._call(i)
        if not call.outputs or self.frames[i] < call.frames:
            return 0
        self.frames[i] -= call.passed
        self.done[i] += call.outputs
        self.deepest = min(i + 1, len(self.stages) - 1)
        if i + 1 < len(self.stages):
            self.append(i + 1, call.outputs)
        return self.works[i]


@dataclass(frozen=True)
class Pace:
    """The numbers that edgekws_evenly.h needs."""

    work: int  # credit every STEP samples
    waiting: int  # samples that wait at most
    delay: int  # samples from the end of a window to its result at most

    @property
    def state_bytes(self) -> int:
        """sizeof(edgekws_evenly)."""
        return 12 + -(-self.waiting * 2 // 4) * 4


def pace(start: Callable[[], Schedule], hop_work: int) -> Pace:
    """The slowest pace at which every result comes within a hop.

    Args:
        start: makes a schedule that has not begun.
        hop_work: the work from one result to the next.
    """
    hop = start().hop
    works = [min(round(slack * hop_work * STEP / hop) + 1, UNLIMITED) for slack in SLACKS]
    return next(filter(None, (_at_pace(start(), work) for work in [*works, UNLIMITED])))


def _at_pace(schedule: Schedule, work: int) -> Pace | None:
    """The pace with this credit. None if a result comes a hop late, or if one might later."""
    credit = waiting = most = delay = ended = 0
    until = schedule.window
    seen: set[tuple[int, ...]] = set()
    while len(seen) < 16:
        schedule.ready = False
        step = (until - 1) % STEP + 1
        waiting += step
        most = max(most, waiting)
        until -= step
        if not until:
            until = schedule.hop
            ended += 1
        if ended > 1:
            return None
        credit += work
        while credit > 0 and not schedule.ready:
            done = schedule.work()
            credit -= done
            if not done and not (taken := schedule.take(waiting)):
                break
            waiting -= 0 if done else taken
        credit = min(credit, 0)
        if schedule.ready:
            ended -= 1
            delay = max(delay, schedule.hop - until)
            state = (credit, waiting, until, *schedule.counters())
            if state in seen:
                return Pace(work, most, delay)
            seen.add(state)
    return None


def works(costs: Sequence[int], total: int) -> list[int]:
    """Costs in a coarser unit, in which ``total`` is far below the limit of int32."""
    unit = total // LARGEST_UNIT_COUNT + 1
    return [-(-cost // unit) for cost in costs]
