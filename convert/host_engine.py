"""Scores of a stream of samples here: the C engine in sliding mode, compiled once; LiteRT where there is no compiler.

Both give the scores of every window that ends a hop after the one before, however the samples are cut into blocks.
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
from typing import Protocol

import numpy as np

from convert import c_kernels, c_plan, c_source
from convert.artifact import Artifact
from edgekws import coding
from edgekws.errors import UserError
from edgekws.files import atomic_folder, cache_folder

OPTIONS = ("-O3", "-std=c99", "-shared", "-fPIC")


class Scorer(Protocol):
    """Takes samples as they come and gives the scores of every window that they complete."""

    words: str  # what computes, for people
    hop: int  # samples from one result to the next

    def push(self, samples: np.ndarray) -> np.ndarray:
        """int16 (n,) → int8 (results, classes)."""
        ...

    def reset(self) -> None:
        """Start another stream."""
        ...


def scorer(artifact: Artifact) -> Scorer:
    """The compiled engine where there is a C compiler, else LiteRT; ``words`` says which."""
    compiler = next(
        (name for name in (os.environ.get("CC", ""), "cc", "gcc", "clang") if name and shutil.which(name)), ""
    )
    return Engine(artifact, compiler) if compiler else Windows(artifact)


class Engine:
    """The C engine in sliding mode, as a shared library in the cache."""

    def __init__(self, artifact: Artifact, compiler: str) -> None:
        kernels = _native_kernels()
        self.hop = _hop(artifact)
        self.words = f"the C engine ({kernels} kernels)"
        self._classes = artifact.graph.output.size
        self._library = ctypes.CDLL(str(_compiled(artifact, compiler, kernels)))
        self._library.edgekws_host_size.restype = ctypes.c_size_t
        self._library.edgekws_host_hear.restype = ctypes.c_size_t
        pointer = ctypes.c_void_p
        self._library.edgekws_host_hear.argtypes = [pointer, pointer, ctypes.c_size_t, pointer]
        self._library.edgekws_reset.argtypes = [pointer]
        self._state = np.zeros(self._library.edgekws_host_size() // 8 + 2, np.int64)
        self.reset()

    def reset(self) -> None:
        self._library.edgekws_reset(self._state.ctypes.data)

    def push(self, samples: np.ndarray) -> np.ndarray:
        samples = np.ascontiguousarray(samples, np.int16)
        scores = np.empty((len(samples) // self.hop + 2, self._classes), np.int8)
        found = self._library.edgekws_host_hear(
            self._state.ctypes.data, samples.ctypes.data, len(samples), scores.ctypes.data
        )
        return scores[:found]


class Windows:
    """LiteRT, a whole window for every hop: the same results, for far more work (XNNPACK differs by a few units)."""

    def __init__(self, artifact: Artifact) -> None:
        from ai_edge_litert.interpreter import Interpreter

        self.words = "LiteRT, window by window: no C compiler was found"
        self.hop = _hop(artifact)
        self._coding, self._window = artifact.coding, artifact.graph.input.length
        self._interpreter = Interpreter(model_content=artifact.content, num_threads=1)
        self._interpreter.allocate_tensors()
        self._input = self._interpreter.get_input_details()[0]
        self._output = self._interpreter.get_output_details()[0]
        self._classes = artifact.graph.output.size
        self.reset()

    def reset(self) -> None:
        self._waiting = np.zeros(0, np.int16)

    def push(self, samples: np.ndarray) -> np.ndarray:
        waiting, results = np.concatenate([self._waiting, samples]), []
        while len(waiting) >= self._window:
            codes = coding.encode(waiting[: self._window], self._coding)
            self._interpreter.set_tensor(self._input["index"], codes.reshape(self._input["shape"]))
            self._interpreter.invoke()
            results.append(self._interpreter.get_tensor(self._output["index"])[0].copy())
            waiting = waiting[self.hop :]
        self._waiting = waiting
        return np.array(results, np.int8).reshape(len(results), self._classes)


def _hop(artifact: Artifact) -> int:
    return c_plan.plan(artifact.graph, c_kernels.KERNELS, sliding=True).hop


def _native_kernels() -> str:
    """AVX2 where this processor has it."""
    cpu = Path("/proc/cpuinfo")
    return "avx2" if platform.machine() == "x86_64" and cpu.exists() and " avx2 " in cpu.read_text() else "portable"


def _compiled(artifact: Artifact, compiler: str, kernels: str) -> Path:
    """The shared library, from the cache where it was compiled before for the same model, engine and compiler."""
    flags = [*OPTIONS, *(["-mavx2"] if kernels == "avx2" else [])]
    engine = files("firmware_assets") / "engine"
    sources = b"".join(
        engine.joinpath(name).read_bytes() for name in sorted(f.name for f in engine.iterdir() if f.is_file())
    )
    version = subprocess.run([compiler, "--version"], capture_output=True).stdout
    key = hashlib.sha256()
    for part in (artifact.content, artifact.coding.encode(), sources, version, " ".join(flags).encode()):
        key.update(hashlib.sha256(part).digest())
    folder = cache_folder() / "engines" / key.hexdigest()[:32]
    if not (folder / "engine.so").exists():
        with atomic_folder(folder) as made:
            c_source.generate(
                artifact.graph, artifact.labels, made, kernels=kernels, coding=artifact.coding, mode="sliding"
            )
            (made / "host.c").write_bytes(engine.joinpath("host.c").read_bytes())
            names = sorted(path.name for path in made.glob("*.c") if path.name != "main.c")
            done = subprocess.run(
                [compiler, *flags, *names, "-o", "engine.so"], cwd=made, capture_output=True, text=True
            )
            if done.returncode:
                raise UserError(f"{compiler} could not compile the engine: {done.stderr.strip().splitlines()[-1]}")
    return folder / "engine.so"
