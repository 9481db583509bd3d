"""Plans what the engine runs, from a graph and a kernel set: stages, dense layers, and the place of each buffer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from convert.engine.fixed_point import Scaling, exponentials, scaling, without_constant_channels
from convert.engine.kernels import PORTABLE_COST, Kernel, KernelSet, Stage
from convert.engine.schedule import Pace, Schedule, WindowSchedule, pace, works
from convert.engine.sliding import Map, SlidingSchedule, edge_frames, sliding_maps
from convert.tflite.graph import Convolution, Dense, Graph, Layer, MaxPool, Softmax
from edgekws.errors import UserError

MAX_SOFTMAX_CLASSES = 511  # more could overflow TensorFlow Lite's fixed-point sum of exponentials
MAX_SIZE = 65_535  # channels, taps, strides, pools: uint16 in C


@dataclass(frozen=True, eq=False)
class PlannedStage:
    """A stage with its kernel, and the buffer in which the frames of its input wait."""

    stage: Stage
    kernel: Kernel
    group: int  # outputs a call
    work: int  # of a call
    capacity: int  # frames
    buffer: int  # index of the first value

    @property
    def scaling(self) -> Scaling:
        return self.kernel.scaling or self.stage.scaling

    @property
    def buffer_values(self) -> int:
        return self.capacity * self.stage.in_channels


@dataclass(frozen=True, eq=False)
class PlannedMap:
    """Sliding mode: the input of a stage or of the first dense layer, and where its parts lie in memory."""

    map: Map
    channels: int
    slots: int  # how many windows' left edges are kept at once
    buffer: int  # index of the first value, as are left and right
    left: int
    right: int


@dataclass(frozen=True, eq=False)
class Sliding:
    """What sliding mode adds to a plan. The trunk is the stages whose work all windows share."""

    trunk: int  # stages
    maps: tuple[PlannedMap, ...]
    edge_buffer: int


@dataclass(frozen=True, eq=False)
class DenseLayer:
    """A dense layer, which takes its input frame by frame; after another dense layer the input is one frame."""

    name: str
    weights: np.ndarray  # int8 (frames, units, values)
    scaling: Scaling


@dataclass(frozen=True, eq=False)
class Plan:
    """Everything that the generated files state."""

    kernels: KernelSet
    stages: tuple[PlannedStage, ...]
    dense: tuple[DenseLayer, ...]
    exponentials: np.ndarray  # the softmax's table; empty: no softmax
    window: int
    hop: int  # samples from one result to the next
    classes: int
    last_buffer: int  # window mode
    buffer_values: int
    scratch_words: int
    sliding: Sliding | None  # None: window mode
    dense_work: int
    pace: Pace

    @property
    def sums(self) -> int:
        return max(layer.weights.shape[1] for layer in self.dense)

    @property
    def state_bytes(self) -> int:
        """sizeof(edgekws_state); the generated C asserts it."""
        counters = 12 + (8 + 12 * len(self.sliding.maps) if self.sliding else 8 * len(self.stages))
        padded_scores = -(-self.classes // 4) * 4
        buffers = -(-self.buffer_values * self.kernels.value_bits // 32) * 4
        return counters + 4 * self.sums + padded_scores + 4 * self.scratch_words + buffers


def plan(
    graph: Graph, kernels: KernelSet, positions: int | None = None, *, sliding: bool = False, hop: int | None = None
) -> Plan:
    """Choose each stage's kernel and outputs a call, and place the buffers.

    Args:
        positions: as in `codegen.generate`.
        sliding: whether a result comes every `hop` samples, or one for each window.
        hop: as in `codegen.generate`.

    Raises:
        UserError: the engine cannot run this graph; the message says why.
    """
    stages, rest = _stages(graph)
    dense, softmax = _dense(rest, stages[-1])
    chosen = [kernels.stage(stage, positions) for stage in stages]
    groups = [
        max(1, min(kernel.positions // stage.pool, stage.out_length))
        for stage, kernel in zip(stages, chosen, strict=True)
    ]
    costs = [kernel.cost * stage.pool * stage.weights.size for stage, kernel in zip(stages, chosen, strict=True)]
    dense_cost = PORTABLE_COST * sum(layer.weights.size for layer in dense)
    window_cost = sum(cost * stage.out_length for cost, stage in zip(costs, stages, strict=True)) + dense_cost
    calls = [group * cost for group, cost in zip(groups, costs, strict=True)]
    *work, dense_work = works([*calls, dense_cost], window_cost)
    maps, trunk = sliding_maps(stages, hop) if sliding else ([], 0)

    def start() -> Schedule:
        if sliding:
            return SlidingSchedule(stages, groups, work, dense_work, maps, trunk)
        return WindowSchedule(stages, groups, work, dense_work)

    schedule = start()
    schedule.to_result()
    hop_work = schedule.to_result()  # after a window's end all counters are those of the end before: it has seen all
    memory, slide, last_buffer = _Memory(kernels), None, 0
    if isinstance(schedule, SlidingSchedule):
        slide = _sliding(schedule, chosen, memory)
        buffers = [m.buffer for m in slide.maps[:-1]]
    else:
        buffers = [
            memory.take(n * stage.in_channels, kernel.read_past)
            for n, stage, kernel in zip(schedule.most, stages, chosen, strict=False)
        ]
        last_buffer = memory.take(groups[-1] * stages[-1].out_channels)
    planned = (
        PlannedStage(*parts)
        for parts in zip(stages, chosen, groups, work, schedule.most[: len(stages)], buffers, strict=True)
    )
    hidden_bytes = max([layer.weights.shape[1] * kernels.value_bits // 8 for layer in dense[:-1]], default=0)
    scratch = max(hidden_bytes, *(kernel.scratch_bytes for kernel in chosen), 4)
    return Plan(
        kernels,
        tuple(planned),
        dense,
        exponentials(softmax) if softmax else np.zeros(0, np.int32),
        schedule.window,
        schedule.hop,
        dense[-1].weights.shape[1],
        last_buffer,
        memory.end,
        -(-scratch // 4),
        slide,
        dense_work,
        pace(start, hop_work),
    )


def _unsupported(expected: str, got: object) -> UserError:
    return UserError(f"the engine expected {expected}, got {got}; the target tflm needs no engine")


class _Memory:
    """Hands out parts of edgekws_state.buffers, aligned as the kernels need."""

    def __init__(self, kernels: KernelSet) -> None:
        self.unit = kernels.buffer_alignment * 8 // kernels.value_bits
        self.used = 0
        self.end = 0

    def take(self, values: int, read_past: int = 0) -> int:
        """Where a new part begins. Kernels may read ``read_past`` values after it, which belong to other parts."""
        start = -(-self.used // self.unit) * self.unit
        self.used = start + values
        self.end = max(self.end, self.used + read_past)
        return start


def _sliding(schedule: SlidingSchedule, kernels: list[Kernel], memory: _Memory) -> Sliding:
    """The maps with their places in memory."""
    stages, maps = schedule.stages, schedule.maps
    channels = [*(stage.in_channels for stage in stages), stages[-1].out_channels]
    past = [kernel.read_past for kernel in kernels]
    buffers = [memory.take(n * c, p) for n, c, p in zip(schedule.most, channels, [*past, 0], strict=True)]
    frames = edge_frames(stages, schedule.groups, maps)
    edge = memory.take(max(n * stage.in_channels for n, stage in zip(frames, stages, strict=True)), max(past))
    lefts = [memory.take(m.first * c * n) for m, c, n in zip(maps, channels, schedule.slots, strict=True)]
    rights = [memory.take(max(m.right * c for m, c in list(zip(maps, channels, strict=True))[i::2])) for i in (0, 1)]
    planned = tuple(
        PlannedMap(m, channels[i], schedule.slots[i], buffers[i], lefts[i], rights[i % 2]) for i, m in enumerate(maps)
    )
    return Sliding(schedule.trunk, planned, edge)


def _stages(graph: Graph) -> tuple[list[Stage], list[Layer]]:
    """The convolutions and their pools as stages, and the layers after them."""
    layers = list(graph.layers)
    if not isinstance(layers[0], Convolution):
        raise _unsupported("a convolution as the first layer", type(layers[0]).__name__)
    if layers[0].input.channels != 1:
        raise _unsupported("one channel of samples", layers[0].input.channels)
    stages: list[Stage] = []
    lowest = -128
    while layers and isinstance(conv := layers[0], Convolution):
        pool = layers[1] if len(layers) > 1 and isinstance(layers[1], MaxPool) else None
        layers = layers[2 if pool else 1 :]
        stages.append(_stage(f"convolution {len(stages) + 1}", conv, pool, lowest))
        lowest = stages[-1].scaling.minimum
    if layers and isinstance(layers[0], MaxPool):
        raise _unsupported("a max pool only right after a convolution", "two in a row")
    return stages, layers


def _stage(name: str, conv: Convolution, pool: MaxPool | None, lowest: int) -> Stage:
    size, before = (pool.window, pool.pad_before) if pool else (1, 0)
    if pool and pool.stride != pool.window:
        raise _unsupported(
            f"{name} to have a pool of equal window and stride", f"window {pool.window}, stride {pool.stride}"
        )
    if max(*conv.weights.shape, conv.stride, size) > MAX_SIZE:
        raise _unsupported(f"{name} to have at most {MAX_SIZE} channels, taps, stride and pool", "more")
    positions, outputs = conv.output.length, pool.output.length if pool else conv.output.length
    ends = [min((j + 1) * size - before, positions) for j in (0, outputs - 2, outputs - 1)]
    weights, scaled = without_constant_channels(conv.weights, scaling(conv, name))
    return Stage(
        name,
        weights,
        scaled,
        conv.input.zero_point,
        (lowest, 127),
        conv.stride,
        conv.pad_before,
        size,
        first_pool=ends[0],
        last_pool=ends[2] - max(ends[1], 0),
        in_length=conv.input.length,
        conv_length=positions,
        out_length=outputs,
    )


def _dense(layers: list[Layer], last: Stage) -> tuple[tuple[DenseLayer, ...], Softmax | None]:
    """The dense layers, with the first one's weights regrouped by frames, and the softmax if there is one."""
    softmax = layers[-1] if layers and isinstance(layers[-1], Softmax) else None
    dense: list[DenseLayer] = []
    for layer in layers[: -1 if softmax else None]:
        if not isinstance(layer, Dense):
            raise _unsupported(
                "only dense layers after the convolutions, and a softmax at the end", type(layer).__name__
            )
        name, units = f"dense {len(dense) + 1}", len(layer.weights)
        shape = (units, 1, -1) if dense else (units, last.out_length, last.out_channels)
        weights = layer.weights.reshape(shape).swapaxes(0, 1)
        dense.append(DenseLayer(name, np.ascontiguousarray(weights), scaling(layer, name)))
    if not dense:
        raise _unsupported("a dense layer after the convolutions", "none")
    if softmax and softmax.input.size > MAX_SOFTMAX_CLASSES:
        raise _unsupported(f"at most {MAX_SOFTMAX_CLASSES} classes in the softmax", softmax.input.size)
    return tuple(dense), softmax
