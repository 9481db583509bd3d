"""What a model costs in each build of the engine: state, stack, flash, and instructions under emulation."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from convert.engine import codegen, emulation, hosted
from convert.engine.emulation import PUSH
from convert.engine.plan import Plan
from convert.tflite.artifact import Artifact
from convert.tflite.graph import Convolution, Dense, MaxPool
from edgekws.errors import UserError
from edgekws.files import scratch
from edgekws.progress import progress_bar

# (kernel set, target, compiler's optimization, mode)
BUILDS = (
    ("portable", "cortex-m0", "-O2", "window"),
    ("portable", "cortex-m0", "-Os", "window"),
    ("portable", "cortex-m0", "-O2", "sliding"),
    ("packed", "cortex-m0", "-O2", "window"),
    ("packed", "cortex-m0", "-O2", "sliding"),
    ("portable", "cortex-m4", "-Os", "window"),
    ("dsp", "cortex-m4", "-O2", "window"),
    ("dsp_lean", "cortex-m4", "-O2", "window"),
    ("dsp_fast", "cortex-m4", "-O2", "window"),
    ("dsp_fast", "cortex-m4", "-O2", "sliding"),
    ("dsp", "cortex-m7", "-O2", "window"),
    ("dsp_fast", "cortex-m7", "-O2", "window"),
    ("dsp", "cortex-m33", "-O2", "window"),
    ("dsp_fast", "cortex-m33", "-O2", "window"),
    ("mve", "cortex-m55", "-O2", "window"),
    ("mve", "cortex-m55", "-O2", "sliding"),
    ("packed", "rv32imc", "-O2", "window"),
    ("neon", "aarch64", "-O3", "window"),
    ("neon", "aarch64-dotprod", "-O3", "window"),
)
HOPS = 8  # that sliding mode is measured over, after the first window: so many places of a push in a hop


COLUMNS = (  # of a build in the text: heading, field, width
    ("state B", "state_bytes", 9),
    ("stack B", "stack_bytes", 9),
    ("flash B", "flash_bytes", 10),
    ("instructions", "instructions", 15),
    ("largest push", "largest_push", 14),
    ("evenly", "largest_push_evenly", 12),
    ("bytes", "evenly_bytes", 8),
    ("samples", "evenly_delay", 9),
)


@dataclass(frozen=True)
class LayerCost:
    """One layer in one build: a convolution with its pool, or the dense layers and the softmax together."""

    name: str
    kernel: str
    state_bytes: int  # of the buffer in which its input frames wait
    flash_bytes: int  # weights, bias and multipliers
    instructions: int | None


@dataclass(frozen=True)
class Build:
    """One build on one target. A figure is None if no tool here can measure it; ``note`` says why."""

    kernels: str
    target: str
    optimization: str
    mode: str  # window: a result a window; sliding: a result every hop
    state_bytes: int | None
    stack_bytes: int | None
    flash_bytes: int | None
    instructions: int | None  # of one window; in sliding mode of one hop
    largest_push: int | None = None  # instructions of the largest push of 160 samples, 10 ms
    largest_push_evenly: int | None = None  # the same with edgekws_evenly.h, which needs evenly_bytes more of RAM
    evenly_bytes: int | None = None
    evenly_delay: int | None = None  # samples from the end of a window to its result, at most
    layers: tuple[LayerCost, ...] = ()
    note: str = ""


@dataclass(frozen=True)
class LayerProfile:
    """One layer: what it computes, and the bytes it needs. Parameters count as they are in the .tflite file."""

    kind: str
    input: tuple[int, int]
    output: tuple[int, int]
    multiply_accumulates: int
    parameter_bytes: int
    whole_activation_bytes: int  # input and output, which most runtimes hold whole


def profile(artifact: Artifact, *, targets: tuple[str, ...] = ()) -> dict[str, Any]:
    """The costs of each layer and each build, ready for JSON; with ``targets``, of builds for these alone."""
    known = dict.fromkeys(target for _, target, *_ in BUILDS)
    if unknown := set(targets) - set(known):
        raise UserError(f"no target is called {', '.join(sorted(unknown))}; choose of {', '.join(known)}")
    graph = artifact.graph
    wanted = [build for build in BUILDS if not targets or build[1] in targets]
    with ThreadPoolExecutor(os.cpu_count()) as pool, progress_bar("builds", len(wanted), unit="build") as bar:

        def measured(build: tuple[str, str, str, str]) -> Build:
            done = measure(artifact, *build)
            bar.advance()
            return done

        builds = list(pool.map(measured, wanted))
    return {
        "model": artifact.name,
        "multiply_accumulates": graph.multiply_accumulates,
        "parameters": graph.parameters,
        "tflite_bytes": graph.file_bytes,
        "arena_bytes": graph.arena_bytes,
        "layers": [asdict(layer) for layer in layers(artifact)],
        "builds": [asdict(build) for build in builds],
        "tools": emulation.missing_tools(),
    }


def layers(artifact: Artifact) -> list[LayerProfile]:
    """Every convolution, pool and dense layer of the model."""
    found = []
    for layer in artifact.graph.layers:
        if not isinstance(layer, Convolution | MaxPool | Dense):
            continue
        size = 0 if isinstance(layer, MaxPool) else layer.weights.nbytes + layer.bias.nbytes
        kind = {Convolution: "convolution", MaxPool: "pool", Dense: "dense"}[type(layer)]
        found.append(
            LayerProfile(
                kind,
                (layer.input.length, layer.input.channels),
                (layer.output.length, layer.output.channels),
                layer.multiply_accumulates,
                size,
                layer.input.size + layer.output.size,
            )
        )
    return found


def measure(artifact: Artifact, kernels: str, target: str, optimization: str, mode: str) -> Build:
    """Generate one build, and run it on noise if the tools are installed: a window, sliding ``HOPS`` hops more."""

    tool = hosted if target in hosted.TARGETS else emulation
    with scratch() as folder:
        try:
            plan = codegen.generate_of(artifact, folder, kernels=kernels, mode=mode)
        except UserError as error:
            return Build(kernels, target, optimization, mode, None, None, None, None, note=str(error))
        build = Build(
            kernels,
            target,
            optimization,
            mode,
            plan.state_bytes,
            None,
            None,
            None,
            evenly_bytes=plan.pace.state_bytes,
            evenly_delay=plan.pace.delay,
            layers=_layer_costs(plan, None),
        )
        samples = plan.window + (HOPS * plan.hop if mode == "sliding" else 0)
        clip = np.random.default_rng(0).integers(-32_768, 32_768, samples).astype(np.int16)
        try:
            whole = tool.measure(folder, target, clip, optimization=optimization, push=PUSH)
            evenly = tool.measure(folder, target, clip, optimization=optimization, push=PUSH, evenly=True)
            staged = tool.measure(folder, target, clip, optimization=optimization, push=PUSH, by_stage=True)
        except UserError as error:
            return replace(build, note=str(error))
    return replace(
        build,
        stack_bytes=whole.stack_bytes,
        flash_bytes=whole.flash_bytes,
        instructions=whole.instructions[-1],
        largest_push=whole.largest_push,
        largest_push_evenly=evenly.largest_push,
        layers=_layer_costs(plan, staged.stage_instructions),
    )


def _layer_costs(plan: Plan, instructions: tuple[int, ...] | None) -> tuple[LayerCost, ...]:
    """One row for each stage, then one for the dense layers and the softmax, which have the last count."""
    rows = []
    for i, planned in enumerate(plan.stages):
        scaling = planned.scaling
        tables = sum(np.asarray(table).nbytes for table in (scaling.bias, scaling.multiplier, scaling.shift))
        rows.append(
            LayerCost(
                planned.stage.name,
                planned.kernel.function.removeprefix("edgekws_"),
                planned.buffer_values * plan.kernels.value_bits // 8,
                planned.kernel.weights.nbytes + tables,
                instructions[i] if instructions else None,
            )
        )
    dense = sum(layer.weights.nbytes + np.asarray(layer.scaling.bias).nbytes for layer in plan.dense)
    rows.append(
        LayerCost(
            "dense",
            "dense",
            4 * plan.sums,
            dense + plan.exponentials.nbytes,
            instructions[-1] if instructions else None,
        )
    )
    return tuple(rows)


def text(figures: dict[str, Any]) -> str:
    """The profile as tables for a terminal."""
    lines = [
        f"{figures['model']}: {figures['multiply_accumulates']:,} multiply-accumulates, "
        f"{figures['parameters']:,} parameters, {figures['tflite_bytes']:,} bytes of .tflite",
        f"a whole-activation runtime needs an arena of at least {figures['arena_bytes']:,} bytes",
        "",
        f"{'layer':14}{'input':>12}{'output':>12}{'multiply-acc.':>15}{'parameters B':>14}{'activations B':>15}",
    ]
    for layer in figures["layers"]:
        shapes = ["x".join(map(str, layer[key])) for key in ("input", "output")]
        lines.append(
            f"{layer['kind']:14}{shapes[0]:>12}{shapes[1]:>12}{layer['multiply_accumulates']:>15,}"
            f"{layer['parameter_bytes']:>14,}{layer['whole_activation_bytes']:>15,}"
        )
    lines += [
        "",
        f"{'kernels':10}{'target':17}{'':5}{'mode':9}" + "".join(f"{head:>{width}}" for head, _, width in COLUMNS),
    ]
    for build in figures["builds"]:
        cells = [(build[key], width) for _, key, width in COLUMNS]
        shown = "".join(f"{'-' if cell is None else f'{cell:,}':>{width}}" for cell, width in cells)
        which = f"{build['kernels']:10}{build['target']:17}{build['optimization']:5}{build['mode']:9}"
        lines.append(f"{which}{shown}  {build['note']}".rstrip())
    lines.append(
        "instructions: of one window, or of one hop, counted exactly under QEMU; not cycles, and no board was timed. "
        "a bundle's compiler chooses mve on a cortex-m55, dsp_fast on a cortex-m4, m7 or m33, portable elsewhere. "
        f"largest push: of {PUSH} samples, 10 ms, the one that takes most; evenly: with edgekws_evenly.h, which "
        "spreads the work, needs so many bytes more, and gives a result so many samples later at most"
    )
    for build in figures["builds"]:
        if build["instructions"] is not None:
            lines += [
                "",
                f"{build['kernels']} on {build['target']} ({build['optimization']}, {build['mode']}), layer by layer",
            ]
            lines.append(f"{'layer':16}{'kernel':30}{'state B':>9}{'flash B':>10}{'instructions':>15}{'share':>8}")
            lines += [
                f"{row['name']:16}{row['kernel']:30}{row['state_bytes']:>9,}{row['flash_bytes']:>10,}"
                f"{row['instructions']:>15,}{row['instructions'] / build['instructions']:>8.1%}"
                for row in build["layers"]
            ]
    return "\n".join(lines)
