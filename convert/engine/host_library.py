"""Scores of a stream of samples on this machine, from the C engine or from LiteRT.

The C engine runs in sliding mode and is compiled once. If there is no C compiler, LiteRT takes its place. Both give
one result for each window, a hop apart, and it does not matter how the samples are cut into blocks. Samples first go
through the front end, which works in blocks of 10 ms: a result comes when the block that ends its window is complete.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import platform
import shutil
import subprocess
from importlib.resources import files
from pathlib import Path

import numpy as np

from convert.engine import codegen, plan
from convert.engine import kernels as kernel_sets
from convert.tflite.artifact import Artifact
from edgekws.errors import UserError
from edgekws.files import atomic_write, cache_folder, private, scratch, sha256, writing
from edgekws.guard import untrusted
from edgekws.listen.hearing import Scorer
from edgekws.model import coding, litert
from edgekws.model.front_end import BLOCK, FrontEnd

OPTIONS = ("-O3", "-std=c99", "-shared", "-fPIC")


def scorer(artifact: Artifact) -> Scorer:
    """The engine, compiled by the first C compiler that can; else LiteRT. ``words`` says which, and why LiteRT.

    The scores are those on a stream (``Artifact.on_stream``).
    """
    why = "no C compiler was found"
    for compiler in (os.environ.get("CC", ""), "cc", "gcc", "clang"):
        if compiler and shutil.which(compiler):
            try:
                return Engine(artifact, compiler)
            except (UserError, OSError) as error:  # OSError: a library for another processor, or from a broken disk
                why = str(error)
    return Windows(artifact, why)


class Engine:
    """The C engine in sliding mode, as a shared library in the cache."""

    def __init__(self, artifact: Artifact, compiler: str) -> None:
        kernels, flags = _native_kernels()
        self.hop, self.window = hop(artifact), artifact.graph.input.length
        self.words = f"the C engine ({kernels} kernels)"
        self._classes = artifact.graph.output.size
        self._library = ctypes.CDLL(str(_compiled(artifact, compiler, kernels, flags)))
        self._library.edgekws_host_size.restype = ctypes.c_size_t
        self._library.edgekws_host_hear.restype = ctypes.c_size_t
        pointer = ctypes.c_void_p
        self._library.edgekws_host_hear.argtypes = [pointer, pointer, ctypes.c_size_t, pointer]
        self._library.edgekws_host_reset.argtypes = [pointer]
        self._state = np.zeros(self._library.edgekws_host_size() // 8 + 2, np.int64)
        self.reset()

    def reset(self) -> None:
        self._library.edgekws_host_reset(self._state.ctypes.data)

    def push(self, samples: np.ndarray) -> np.ndarray:
        samples = np.ascontiguousarray(samples, np.int16)
        scores = np.empty(((len(samples) + BLOCK) // self.hop + 2, self._classes), np.int8)
        found = self._library.edgekws_host_hear(
            self._state.ctypes.data, samples.ctypes.data, len(samples), scores.ctypes.data
        )
        return scores[:found]


class Windows:
    """LiteRT computes a whole window for every hop. This is far more work; XNNPACK's scores differ by a few units."""

    def __init__(self, artifact: Artifact, why: str) -> None:
        self.words = f"LiteRT, window by window: {why}"
        self.hop, self.window = hop(artifact), artifact.graph.input.length
        self._coding = artifact.coding
        self._front_end = FrontEnd(artifact.level_control)
        self._runner = litert.Runner(artifact.on_stream.content, name=artifact.name)
        self._classes = artifact.graph.output.size
        self.reset()

    def reset(self) -> None:
        self._front_end.reset()
        self._waiting = np.zeros(0, np.int8)

    def push(self, samples: np.ndarray) -> np.ndarray:
        codes = coding.encode(self._front_end.push(samples), self._coding)
        waiting, results = np.concatenate([self._waiting, codes]), []
        while len(waiting) >= self.window:
            results.append(self._runner.run(waiting[: self.window]))
            waiting = waiting[self.hop :]
        self._waiting = waiting
        return np.array(results, np.int8).reshape(len(results), self._classes)


def hop(artifact: Artifact) -> int:
    """Samples from one result to the next in sliding mode."""
    return plan.plan(artifact.graph, kernel_sets.KERNELS, sliding=True).hop


def _native_kernels() -> tuple[str, tuple[str, ...]]:
    """The fastest kernel set whose instructions this processor has, and the compiler's options for it."""
    cpu = Path("/proc/cpuinfo")
    has = set(cpu.read_text().split()) if cpu.exists() else set()
    if platform.machine() in ("aarch64", "arm64"):
        return "neon", ("-march=armv8.2-a+dotprod",) if "asimddp" in has else ()
    if platform.machine() == "x86_64" and "avx2" in has:
        if {"avx512_vnni", "avx512vl"} <= has:
            return "vnni", ("-mavx2", "-mavx512vnni", "-mavx512vl")
        return ("vnni", ("-mavx2", "-mavxvnni")) if "avx_vnni" in has else ("avx2", ("-mavx2",))
    return "portable", ()


def _compiled(artifact: Artifact, compiler: str, kernels: str, flags: tuple[str, ...] = ()) -> Path:
    """The shared library: from the cache if this compiler made it from the same sources before."""
    command = [compiler, *OPTIONS, *flags]
    version = subprocess.run([compiler, "--version"], capture_output=True).stdout
    with scratch() as made:
        codegen.generate_of(artifact, made, kernels=kernels, mode="sliding")
        shutil.copyfile(str(files("firmware_assets") / "engine" / "pc" / "host.c"), made / "host.c")
        (made / "main.c").unlink()
        sources = [path.read_bytes() for path in sorted(made.iterdir())]
        key = hashlib.sha256(repr((command, version, sources)).encode()).hexdigest()[:32]
        engines = private(cache_folder() / "engines")
        if library := _cached(engines, key):
            return library
        _compile([*command, *sorted(path.name for path in made.glob("*.c"))], made, engines, key)
    if library := _cached(engines, key):
        return library
    raise UserError(f"{engines}: another process removed the compiled engine; try again")


def _cached(engines: Path, key: str) -> Path | None:
    """The library of this key, if its content has the SHA-256 in its name; a damaged or replaced one is removed."""
    for library in sorted(engines.glob(f"{key}-*.so")):
        if untrusted.is_regular(library) and library.stem == f"{key}-{sha256(library)}":
            return library
        with writing(library):
            library.unlink()
    return None


def _compile(command: list[str], folder: Path, engines: Path, key: str) -> None:
    """Compile in the folder, then move the whole library to the cache, under a name that holds its SHA-256."""
    done = subprocess.run([*command, "-o", "engine.so"], cwd=folder, capture_output=True, text=True, errors="replace")
    if done.returncode or not (folder / "engine.so").exists():
        told = done.stderr.strip().splitlines() or [f"exit status {done.returncode}, no message"]
        raise UserError(f"{command[0]} could not compile the engine: {told[-1]}")
    atomic_write(engines / f"{key}-{sha256(folder / 'engine.so')}.so", (folder / "engine.so").read_bytes(), shared=True)
