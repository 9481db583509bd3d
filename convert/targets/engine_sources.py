"""Shared by all targets with the C engine: writes its sources for a model, and the manifest's facts about them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from convert.engine import codegen, detector_source, emulation, kernel_choice, profile, selftest
from convert.targets import Request
from convert.targets.names import prefix, rename_files
from convert.tflite.artifact import Artifact
from edgekws.audio import SAMPLE_RATE
from edgekws.errors import UserError
from edgekws.files import scratch, writing
from edgekws.listen import detector

CORES = {  # the emulated core on which a kernel set's memory is measured
    "portable": "cortex-m0",
    "packed": "cortex-m0",
    "dsp": "cortex-m4",
    "dsp_lean": "cortex-m4",
    "dsp_fast": "cortex-m4",
    "mve": "cortex-m55",
}
INTERRUPTS = "any call, for a spotter that nothing else uses at that time; how long: largest_push_instructions"
EVENLY = ("evenly_bytes", "evenly_delay_samples")
UNMEASURED = {
    "stack_bytes": None,
    "flash_bytes": None,
    "largest_push_instructions": None,
    "largest_push_evenly_instructions": None,
}
WHERE = {  # where a compiler chooses the set
    "mve": "on cores with Helium: Cortex-M52, M55, M85",
    "dsp_fast": "on cores with the DSP extension: Cortex-M4, M7, M33",
    "dsp_lean": "on cores with the DSP extension: Cortex-M4, M7, M33; less flash",
    "dsp": "on cores with the DSP extension: Cortex-M4, M7, M33",
    "avx2": "on x86-64 with -mavx2 or -march=native",
    "vnni": "on x86-64 with VNNI, by -march=native",
    "neon": "on 64-bit Arm; with SDOT where the compiler may use it",
    "wasm": "in WebAssembly with -msimd128",
    "packed": "on cores without SIMD: Cortex-M0+, M3, RISC-V, Xtensa",
    "portable": "anywhere",
}


@dataclass(frozen=True)
class Generated:
    """The engine with one kernel set: its files, and the manifest's facts. ``common`` are the same for every set."""

    files: tuple[tuple[str, bytes], ...]
    described: dict[str, Any]
    measured: dict[str, Any]
    common: dict[str, Any]


def write(
    request: Request,
    folder: Path,
    *,
    kernels: tuple[str, ...] = ("portable",),
    example: bool = False,
    measure: bool = True,
) -> dict[str, Any]:
    """Write the engine with the model as C and its self-test into ``folder``, and return the manifest's facts.

    ``kernels``: the target's sets, best first, if the request names none. The compiler's macros choose one.
    ``example``: also write the engine's ``main.c``, which reads a WAV file. Frameworks bring their own main.
    ``measure``: measure the memory under emulation. Otherwise the facts say that nobody measured it.
    """
    sets = (request.kernels,) if request.kernels else kernels
    made = {name: _generated(request.artifact, name, request.mode, measure) for name in sets}
    with scratch() as apart:
        for name, generated in made.items():
            (apart / name).mkdir()
            for file, content in generated.files:
                if example or file != "main.c":
                    (apart / name / file).write_bytes(content)
        with writing(folder):
            kernel_choice.merge({name: apart / name for name in made}, folder)
    rename_files(folder, prefix(request.artifact.name))
    common = next(iter(made.values())).common
    calls = {"static_variables": "none", "from_interrupts": INTERRUPTS}
    sets_of_model = {
        "kernel_sets": [generated.described for generated in made.values()],
        "measured": {name: generated.measured for name, generated in made.items()},
    }
    return {"kernels": request.kernels, "calls": calls} | common | sets_of_model


def kernels_text(facts: dict[str, Any], prefix: str) -> str:
    """A README's text about a bundle's kernel sets, from the manifest's facts: a table, and how one is chosen."""
    rows = [
        "| kernels | chosen | state | stack | flash, model included | largest push of 10 ms | at an even pace |",
        "|---|---|---|---|---|---|---|",
    ]
    for described in facts["kernel_sets"]:
        cost = described | facts["measured"][described["kernels"]]
        sizes = [cost[key] for key in ("state_bytes", "stack_bytes", "flash_bytes")]
        shown = " | ".join("not measured" if size is None else f"{size:,} B" for size in sizes)
        pushes = [cost["largest_push_instructions"], cost["largest_push_evenly_instructions"]]
        pushed = " | ".join("not measured" if push is None else f"{push:,} instructions" for push in pushes)
        rows.append(f"| `{cost['kernels']}` | {cost['chosen']} | {shown} | {pushed} |")
    bytes_more, delays = ([described[key] for described in facts["kernel_sets"]] for key in EVENLY)
    milliseconds = max(delays) * 1000 // SAMPLE_RATE + 1
    rows += [
        "",
        f"The even pace is that of `{prefix}_evenly.h`: it takes {max(bytes_more):,} bytes more at most, and results",
        f"come up to {milliseconds} ms later.",
    ]
    if len(facts["kernel_sets"]) > 1:
        last = facts["kernel_sets"][-1]["kernels"].upper()
        rows += [
            "",
            "The compiler's own macros choose the first of these that its options allow. An option such as",
            f"`-D{prefix.upper()}_KERNELS_{last}` chooses another, if flash is short. The self-test's first line says",
            "which one runs. A program does not link if it was compiled for other kernels than its library.",
        ]
    return "\n".join(rows)


@lru_cache(maxsize=8)  # bundles for several targets share their sources
def _generated(artifact: Artifact, kernels: str, mode: str, measure: bool) -> Generated:
    with scratch() as folder:
        plan = codegen.generate_of(artifact, folder, kernels=kernels, mode=mode)
        sources = tuple((path.name, path.read_bytes()) for path in sorted(folder.iterdir()))
        samples = plan.window + (profile.HOPS * plan.hop if mode == "sliding" else 0)
        measured = _memory(sources, kernels, samples, emulation.missing_tools() if measure else "nobody asked")
        selftest.write(artifact, plan, folder)
        if mode == "sliding":
            detector.check_hop(artifact.detector, plan.hop, artifact.name)
        settings = artifact.settings(plan.hop)
        detector_source.write(settings, folder)
        files = tuple((path.name, path.read_bytes()) for path in sorted(folder.iterdir()))
    common = {
        "mode": mode,
        "window_samples": plan.window,
        "hop_samples": plan.hop,
        "detector": detector.to_json(settings, artifact.labels),
    }
    described = {
        "kernels": kernels,
        "chosen": WHERE[kernels],
        "state_bytes": plan.state_bytes,
        "evenly_bytes": plan.pace.state_bytes,
        "evenly_delay_samples": plan.pace.delay,
    }
    return Generated(files, described, measured, common)


@lru_cache(maxsize=16)  # a bundle that is verified is made again
def _memory(sources: tuple[tuple[str, bytes], ...], kernels: str, samples: int, missing: str) -> dict[str, Any]:
    """Stack, flash and the largest push, measured on noise under emulation at -O2; or None and why nothing measured."""
    if kernels not in CORES:
        return UNMEASURED | {"memory_measured": "not measured: no emulated core runs these kernels"}
    if missing:
        return UNMEASURED | {"memory_measured": f"not measured: {missing}"}
    clip = np.random.default_rng(0).integers(-32_768, 32_768, samples).astype(np.int16)
    with scratch() as folder:
        for name, content in sources:
            (folder / name).write_bytes(content)
        try:
            cost = emulation.measure(folder, CORES[kernels], clip, push=emulation.PUSH)
            evenly = emulation.measure(folder, CORES[kernels], clip, push=emulation.PUSH, evenly=True)
        except UserError as error:
            return UNMEASURED | {"memory_measured": f"not measured: {error}"}
    return {
        "stack_bytes": cost.stack_bytes,
        "flash_bytes": cost.flash_bytes,
        "largest_push_instructions": cost.largest_push,
        "largest_push_evenly_instructions": evenly.largest_push,
        "memory_measured": f"under emulation, {CORES[kernels]}, gcc -O2, engine and model, pushes of {emulation.PUSH}",
    }
