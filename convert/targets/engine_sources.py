"""The part that all targets with the C engine share: its sources for a model, and what a manifest says of them."""

from __future__ import annotations

import tempfile
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from convert.engine import codegen, detector_source, emulation, selftest
from convert.targets import Request
from convert.targets.names import prefix, rename_files
from convert.tflite.artifact import Artifact
from edgekws.errors import UserError
from edgekws.listen import detector

CORES = {  # where a kernel set's memory is measured
    "portable": "cortex-m0",
    "dsp": "cortex-m4",
    "dsp_fast": "cortex-m4",
    "mve": "cortex-m55",
}


def write(request: Request, folder: Path, *, kernels: str = "portable", example: bool = False) -> dict[str, Any]:
    """Write the engine with the model as C and its self-test into ``folder``, and return the manifest's facts.

    ``kernels`` is the target's choice where the request has none. ``example``: with the engine's ``main.c``, which
    reads a WAV file; frameworks bring a main of their own.
    """
    files, facts = _generated(request.artifact, request.kernels or kernels, request.mode)
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files:
        if example or name != "main.c":
            (folder / name).write_bytes(content)
    rename_files(folder, prefix(request.artifact.name))
    return dict(facts)


@lru_cache(maxsize=4)  # bundles for several targets share their sources
def _generated(artifact: Artifact, kernels: str, mode: str) -> tuple[list[tuple[str, bytes]], dict[str, Any]]:
    """The files of the engine's folder, and the manifest's facts."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        plan = codegen.generate(
            artifact.graph,
            artifact.labels,
            folder,
            kernels=kernels,
            coding=artifact.coding,
            level_control=artifact.level_control,
            mode=mode,
        )
        measured = _memory(folder, kernels, plan.window)
        selftest.write(artifact, plan, folder)
        if mode == "sliding":
            detector.check_hop(artifact.detector, plan.hop, artifact.name)
        settings = detector.fitting(artifact.detector, artifact.labels, plan.hop)
        detector_source.write(settings, folder)
        files = [(path.name, path.read_bytes()) for path in sorted(folder.iterdir())]
    return files, {
        "kernels": kernels,
        "mode": mode,
        "window_samples": plan.window,
        "hop_samples": plan.hop,
        "state_bytes": plan.state_bytes,
        "detector": detector.to_json(settings, artifact.labels),
        **measured,
    }


def _memory(folder: Path, kernels: str, window: int) -> dict[str, Any]:
    """Stack and flash, measured under emulation at -O2 on one window of noise; None and the reason where not."""
    unmeasured = {"stack_bytes": None, "flash_bytes": None}
    if kernels not in CORES:
        return unmeasured | {"memory_measured": "not measured: no emulated core runs these kernels"}
    if problem := emulation.missing_tools():
        return unmeasured | {"memory_measured": f"not measured: {problem}"}
    clip = np.random.default_rng(0).integers(-32_768, 32_768, window).astype(np.int16)
    try:
        cost = emulation.measure(folder, CORES[kernels], clip)
    except UserError as error:
        return unmeasured | {"memory_measured": f"not measured: {error}"}
    return {
        "stack_bytes": cost.stack_bytes,
        "flash_bytes": cost.flash_bytes,
        "memory_measured": f"under emulation, {CORES[kernels]}, gcc -O2, engine and model alone",
    }
