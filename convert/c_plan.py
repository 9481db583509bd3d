"""A graph and a set of kernels → what the engine will run: stages, dense layers, and the memory of each buffer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from convert.c_kernels import Kernel, KernelSet, Stage
from convert.c_quantization import Scaling, exponentials, scaling
from convert.graph import Convolution, Dense, Graph, Layer, MaxPool, Softmax
from edgekws.errors import UserError

MAX_SOFTMAX_CLASSES = 511  # more could overflow TensorFlow Lite's fixed-point sum of exponentials
MAX_SIZE = 65_535  # channels, taps, strides, pools: uint16 in C


@dataclass(frozen=True, eq=False)
class PlannedStage:
    """A stage with its kernel, its outputs a call, and where the frames of its input wait."""

    stage: Stage
    kernel: Kernel
    group: int
    capacity: int  # frames
    buffer: int  # index of the first value

    @property
    def scaling(self) -> Scaling:
        return self.kernel.scaling or self.stage.scaling

    @property
    def buffer_values(self) -> int:
        return self.capacity * self.stage.in_channels


@dataclass(frozen=True, eq=False)
class DenseLayer:
    """A dense layer that takes its input frame by frame (one frame, where it follows another dense layer)."""

    name: str
    weights: np.ndarray  # int8 (frames, units, values)
    scaling: Scaling


@dataclass(frozen=True, eq=False)
class Plan:
    """Everything that the generated files say."""

    kernels: KernelSet
    stages: tuple[PlannedStage, ...]
    dense: tuple[DenseLayer, ...]
    exponentials: np.ndarray  # empty: no softmax
    window: int
    classes: int
    last_buffer: int
    buffer_values: int
    scratch_words: int

    @property
    def sums(self) -> int:
        return max(layer.weights.shape[1] for layer in self.dense)

    @property
    def state_bytes(self) -> int:
        """sizeof(edgekws): the generated C checks it."""
        counters = 8 + 8 * len(self.stages)
        padded_scores = -(-self.classes // 4) * 4
        buffers = -(-self.buffer_values * self.kernels.value_bits // 32) * 4
        return counters + 4 * self.sums + padded_scores + 4 * self.scratch_words + buffers


def plan(graph: Graph, kernels: KernelSet, positions: int | None = None) -> Plan:
    """Decide kernels, groups and memory.

    Args:
        positions: convolution positions a call, in place of what each kernel likes best; fewer need less memory.

    Raises:
        UserError: the engine cannot run this graph, with the reason.
    """
    stages, rest = _stages(graph)
    dense, softmax = _dense(rest, stages[-1])
    chosen = [kernels.stage(stage, positions) for stage in stages]
    groups = [
        max(1, min(kernel.positions // stage.pool, stage.out_length))
        for stage, kernel in zip(stages, chosen, strict=True)
    ]
    capacities = _capacities(stages, groups)
    planned, offset = [], 0
    for stage, kernel, group, capacity in zip(stages, chosen, groups, capacities, strict=True):
        planned.append(PlannedStage(stage, kernel, group, capacity, offset))
        offset += _aligned(planned[-1].buffer_values, kernels)
    last_values = groups[-1] * stages[-1].out_channels
    buffer_values = offset + last_values + -(-kernels.readable_past_end * 8 // kernels.value_bits)
    hidden_bytes = max([layer.weights.shape[1] * kernels.value_bits // 8 for layer in dense[:-1]], default=0)
    scratch = max(hidden_bytes, *(kernel.scratch_bytes for kernel in chosen), 4)
    table = exponentials(softmax) if softmax else np.zeros(0, np.int32)
    classes = dense[-1].weights.shape[1]
    return Plan(
        kernels, tuple(planned), dense, table, stages[0].in_length, classes, offset, buffer_values, -(-scratch // 4)
    )


def _aligned(values: int, kernels: KernelSet) -> int:
    unit = kernels.buffer_alignment * 8 // kernels.value_bits
    return -(-values // unit) * unit


def _stages(graph: Graph) -> tuple[list[Stage], list[Layer]]:
    """The convolutional part as stages, and the layers after it."""
    layers = list(graph.layers)
    if not isinstance(layers[0], Convolution):
        raise UserError("the engine expects a convolution as the first layer")
    if layers[0].input.channels != 1:
        raise UserError(f"the engine expects one channel of samples, got {layers[0].input.channels}")
    stages: list[Stage] = []
    lowest = -128
    while layers and isinstance(conv := layers[0], Convolution):
        pool = layers[1] if len(layers) > 1 and isinstance(layers[1], MaxPool) else None
        layers = layers[2 if pool else 1 :]
        stages.append(_stage(f"convolution {len(stages) + 1}", conv, pool, lowest))
        lowest = stages[-1].scaling.minimum
    if layers and isinstance(layers[0], MaxPool):
        raise UserError("the engine runs a max pool only right after a convolution")
    return stages, layers


def _stage(name: str, conv: Convolution, pool: MaxPool | None, lowest: int) -> Stage:
    size, before = (pool.window, pool.pad_before) if pool else (1, 0)
    if pool and pool.stride != pool.window:
        raise UserError(
            f"{name}: its pool has window {pool.window}, stride {pool.stride}; the engine expects equal ones"
        )
    if max(*conv.weights.shape, conv.stride, size) > MAX_SIZE:
        raise UserError(f"{name}: channels, taps, stride and pool must be at most {MAX_SIZE}")
    positions, outputs = conv.output.length, pool.output.length if pool else conv.output.length
    ends = [min((j + 1) * size - before, positions) for j in (0, outputs - 2, outputs - 1)]
    return Stage(
        name,
        conv.weights,
        scaling(conv, name),
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
    """The dense layers, the first one's weights regrouped by frames, and the softmax if there is one."""
    softmax = layers[-1] if layers and isinstance(layers[-1], Softmax) else None
    dense: list[DenseLayer] = []
    for layer in layers[: -1 if softmax else None]:
        if not isinstance(layer, Dense):
            raise UserError(
                "after the convolutions, the engine expects dense layers and at most one softmax, at the end"
            )
        name, units = f"dense {len(dense) + 1}", len(layer.weights)
        shape = (units, 1, -1) if dense else (units, last.out_length, last.out_channels)
        weights = layer.weights.reshape(shape).swapaxes(0, 1)
        dense.append(DenseLayer(name, np.ascontiguousarray(weights), scaling(layer, name)))
    if not dense:
        raise UserError("the engine expects a dense layer after the convolutions")
    if softmax and softmax.input.size > MAX_SOFTMAX_CLASSES:
        raise UserError(f"softmax: at most {MAX_SOFTMAX_CLASSES} classes, got {softmax.input.size}")
    return tuple(dense), softmax


def _capacities(stages: list[Stage], groups: list[int]) -> list[int]:
    """Frames that each stage's buffer ever holds: the scheduler of edgekws.c, run with counters alone."""
    frames = [stage.pad_before for stage in stages]
    done = [0] * len(stages)
    most = list(frames)

    def call(i: int) -> tuple[int, int, int]:
        stage = stages[i]
        left, pool = stage.out_length - done[i], stage.pool
        if left == 0:
            return 0, 0, 0
        if done[i] == 0 and stage.first_pool != pool:
            pool, left = stage.first_pool, 1
        elif stage.last_pool != pool:
            left -= 1
            if left == 0:
                pool, left = stage.last_pool, 1
        outputs = min(left, groups[i])
        passed = outputs * pool * stage.stride
        return outputs, passed, max(passed - stage.stride + stage.taps, passed)

    def append(i: int, count: int) -> None:
        frames[i] += count
        most[i] = max(most[i], frames[i])

    def run_all(first: int) -> None:
        i = first
        while i >= first:
            outputs, passed, needed = call(i)
            if outputs and frames[i] >= needed:
                frames[i] -= passed
                done[i] += outputs
                if i + 1 < len(stages):
                    i += 1
                    append(i, outputs)
            else:
                i -= 1

    samples = stages[0].in_length
    while samples and call(0)[0]:
        taken = min(samples, call(0)[2] - frames[0])
        append(0, taken)
        samples -= taken
        run_all(0)
    for i in range(len(stages)):
        while call(i)[0]:
            append(i, max(call(i)[2] - frames[i], 0))
            run_all(i)
    return most
