"""Generated engines, compiled for this machine and driven through ctypes.

All tests under the address and undefined-behaviour sanitizers (tests/benchmarks/sanitized.py is faster, and does less):

    export ASAN_OPTIONS=detect_leaks=0
    LD_PRELOAD=$(gcc -print-file-name=libasan.so) EDGEKWS_CC=gcc \\
    EDGEKWS_CFLAGS="-fsanitize=address,undefined -fno-sanitize-recover=all" pytest tests/engine
    LD_PRELOAD=$(clang -print-file-name=libclang_rt.asan-x86_64.so) EDGEKWS_CC=clang \\
    EDGEKWS_CFLAGS="-fsanitize=address,undefined -fno-sanitize-recover=all -shared-libasan" pytest tests/engine
"""

from __future__ import annotations

import ctypes
import os
import subprocess
import tempfile
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import numpy as np

from convert.engine import codegen
from convert.engine.plan import Plan
from convert.tflite.graph import Graph

ENGINE = Path(str(files("firmware_assets") / "engine"))
FAST = ("-O3", "-march=native")
WARNINGS = ("-Wall", "-Wextra", "-Wconversion", "-Werror", "-pedantic")
DRIVER = r"""
#include "edgekws_evenly.h"
#include "edgekws_kernels.h"
#include <string.h>
void evenly_reset(edgekws_evenly *evenly);
void evenly_reset(edgekws_evenly *evenly)
{
    edgekws_evenly_reset(evenly);
}
size_t evenly_push(edgekws_evenly *evenly, edgekws_state *spotter, const int16_t *samples, size_t count);
size_t evenly_push(edgekws_evenly *evenly, edgekws_state *spotter, const int16_t *samples, size_t count)
{
    return edgekws_evenly_push(evenly, spotter, samples, count);
}
uint32_t evenly_late(const edgekws_evenly *evenly);
uint32_t evenly_late(const edgekws_evenly *evenly)
{
    return edgekws_evenly_late(evenly);
}
static edgekws_value *traced;
static size_t filled[EDGEKWS_STAGES], offset[EDGEKWS_STAGES];
void edgekws_trace(uint32_t stage, const edgekws_value *frames, uint32_t values);
void edgekws_trace(uint32_t stage, const edgekws_value *frames, uint32_t values)
{
    if (!traced) return;
    memcpy(traced + offset[stage] + filled[stage], frames, values * sizeof *frames);
    filled[stage] += values;
}
void reset(edgekws_state *spotter);
void reset(edgekws_state *spotter)
{
    edgekws_reset(spotter);
}
void trace_into(edgekws_value *memory);
void trace_into(edgekws_value *memory)
{
    size_t at = 0;
    traced = memory;
    for (uint32_t i = 0; i < EDGEKWS_STAGES; i++) {
        offset[i] = at;
        filled[i] = 0;
        at += (size_t)edgekws_stages[i].outputs * edgekws_stages[i].out_channels;
    }
}
"""
OBJECT_FOLDER = tempfile.TemporaryDirectory()
OBJECTS: dict[tuple[object, ...], Path] = {}


@dataclass(frozen=True)
class Engine:
    """A compiled engine: a library and the plan it was generated from."""

    library: ctypes.CDLL
    plan: Plan

    def new(self) -> Spotter:
        return Spotter(self)

    def scores(self, samples: np.ndarray) -> np.ndarray:
        """Of one window, pushed at once."""
        spotter = self.new()
        assert spotter.push(samples) == len(samples)
        assert spotter.ready()
        return spotter.scores()

    def stage_outputs(self, samples: np.ndarray) -> list[np.ndarray]:
        """What every stage put out for one window, (length, channels) each."""
        return self.traced(samples)[0]

    def traced(self, samples: np.ndarray) -> tuple[list[np.ndarray], np.ndarray]:
        """The outputs of every stage for one window, (length, channels) each, and the scores of the same run."""
        shapes = [(planned.stage.out_length, planned.stage.out_channels) for planned in self.plan.stages]
        dtype = np.dtype(f"int{self.plan.kernels.value_bits}")
        memory = np.full(sum(n * c for n, c in shapes), 99, dtype)
        self.library.trace_into(memory.ctypes.data_as(ctypes.c_void_p))
        scores = self.scores(samples)
        self.library.trace_into(None)
        ends = np.cumsum([n * c for n, c in shapes])
        parts = np.split(memory, ends[:-1])
        return [part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)], scores


class Spotter:
    """One state struct, with guard bytes behind it."""

    GUARD = 64

    def __init__(self, engine: Engine) -> None:
        self.library, self.classes = engine.library, engine.plan.classes
        self.size = engine.plan.state_bytes
        self.memory = np.full(self.size + self.GUARD, 0xA5, np.uint8)  # a state is usable whatever memory held before
        self.pointer = self.memory.ctypes.data_as(ctypes.c_void_p)
        self.library.reset(self.pointer)

    def push(self, samples: np.ndarray) -> int:
        assert samples.dtype == np.int16
        assert samples.flags.c_contiguous
        taken = self.library.edgekws_push(self.pointer, samples.ctypes.data_as(ctypes.c_void_p), len(samples))
        assert (self.memory[self.size :] == 0xA5).all(), "wrote past the end of the state"
        return taken

    def take(self, samples: np.ndarray) -> int:
        return self.library.edgekws_take(self.pointer, samples.ctypes.data_as(ctypes.c_void_p), len(samples))

    def work(self) -> int:
        return self.library.edgekws_work(self.pointer)

    def reset(self) -> None:
        self.library.reset(self.pointer)

    def ready(self) -> bool:
        return self.library.edgekws_ready(self.pointer)

    def scores(self) -> np.ndarray:
        return np.array(self.library.edgekws_scores(self.pointer)[: self.classes], np.int8)

    def label(self) -> int:
        return self.library.edgekws_label(self.pointer)


class Evenly(Spotter):
    """A spotter that works at an even pace (edgekws_evenly.h); guard bytes behind that state too."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self.own_size = engine.plan.pace.state_bytes
        self.own = np.full(self.own_size + self.GUARD, 0xA5, np.uint8)
        self.own_pointer = self.own.ctypes.data_as(ctypes.c_void_p)
        self.library.evenly_reset(self.own_pointer)

    def push(self, samples: np.ndarray) -> int:
        at = samples.ctypes.data_as(ctypes.c_void_p)
        taken = self.library.evenly_push(self.own_pointer, self.pointer, at, len(samples))
        assert (self.own[self.own_size :] == 0xA5).all(), "more samples waited than the generator found"
        assert (self.memory[self.size :] == 0xA5).all(), "wrote past the end of the state"
        return taken

    def late(self) -> int:
        """Samples since the end of the window of a result."""
        return self.library.evenly_late(self.own_pointer)


COMPILER = os.environ.get("EDGEKWS_CC", "cc")


def build(
    graph: Graph, folder: Path, flags: tuple[str, ...] = (), compiler: str = COMPILER, **options: object
) -> Engine:
    """Generate, compile with warnings as errors, load. Not the example, `main.c`."""
    labels = [f"word{i}" for i in range(graph.output.size)]
    plan = codegen.generate(graph, labels, folder, **options)
    (folder / "driver.c").write_text(DRIVER)
    library = folder / "engine.so"
    command = (compiler, "-std=c99", "-O1", *WARNINGS, "-DEDGEKWS_TRACE", "-DEDGEKWS_DSP_IN_C", "-fPIC", *flags)
    command += extra_flags()
    kernels = {path for path in folder.glob("kernels_*.c")}
    objects = [kernel_object(command, plan.kernels.value_bits, path) for path in sorted(kernels)]
    sources = {path.name for path in folder.glob("*.c") if path not in kernels} - {"main.c"}
    # one translation unit takes half the time of five; test_generated_folder_compiles_alone compiles each by itself
    (folder / "all.c").write_text("".join(f'#include "{name}"\n' for name in sorted(sources)))
    compile_with(command, "-shared", folder / "all.c", *objects, "-o", library)
    (folder / "all.c").unlink()
    loaded = ctypes.CDLL(str(library))
    for name in ("edgekws_push", "edgekws_take"):
        function = getattr(loaded, name)
        function.restype, function.argtypes = ctypes.c_size_t, [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t]
    loaded.evenly_push.restype = ctypes.c_size_t
    loaded.evenly_push.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t]
    loaded.edgekws_ready.restype = ctypes.c_bool
    loaded.edgekws_scores.restype = ctypes.POINTER(ctypes.c_int8)
    return Engine(loaded, plan)


def extra_flags() -> tuple[str, ...]:
    """Those of the environment, such as sanitizers."""
    return tuple(os.environ.get("EDGEKWS_CFLAGS", "").split())


def native_kernels() -> tuple[str, ...]:
    """The kernel sets for this machine alone: those that its processor has the instructions for."""
    cpu = Path("/proc/cpuinfo")
    return ("avx2",) if cpu.exists() and "avx2" in cpu.read_text() else ()


def compile_with(command: tuple[str, ...], *arguments: object) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}  # not for the compiler
    subprocess.run([*command, *map(str, arguments)], env=environment, check=True, timeout=600)


def kernel_object(command: tuple[str, ...], value_bits: int, source: Path) -> Path:
    """A kernel file, compiled once: of a model it knows nothing but the width of the values."""
    key = (command, value_bits, source.name, source.read_bytes())
    if key not in OBJECTS:
        made = Path(OBJECT_FOLDER.name) / f"{len(OBJECTS)}.o"
        compile_with(command, "-c", source, "-o", made)
        OBJECTS[key] = made
    return OBJECTS[key]
