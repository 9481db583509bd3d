"""Every kernel set on a stream: here, emulated, or in Node. The state's memory held other things before."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from engine import host, test_wasm

from convert.engine import codegen, emulation, hosted
from convert.tflite.artifact import Artifact

CPU = Path("/proc/cpuinfo")
HERE = {  # compiled for this processor, or as plain C: flags
    "portable": (),
    "packed": ("-DEDGEKWS_PACKED_ANYWHERE",),
    "dsp": ("-DEDGEKWS_DSP_IN_C",),
    "dsp_fast": ("-DEDGEKWS_DSP_IN_C",),
    "dsp_lean": ("-DEDGEKWS_DSP_IN_C",),
    "avx2": (),
    "vnni": (),
    "vnni in halves": ("-DEDGEKWS_VNNI_IN_HALVES",),
}
NEEDS = {  # of the processor
    "avx2": ("avx2",),
    "vnni": ("avx512_vnni", "avx_vnni"),
    "vnni in halves": ("avx512_vnni", "avx_vnni"),
}
EMULATED = {  # set and core
    "mve on cortex-m55": ("mve", "cortex-m55"),
    "dsp on cortex-m4": ("dsp", "cortex-m4"),
    "dsp_fast on cortex-m4": ("dsp_fast", "cortex-m4"),
    "dsp_lean on cortex-m4": ("dsp_lean", "cortex-m4"),
    "packed on cortex-m0": ("packed", "cortex-m0"),
    "packed on rv32imc": ("packed", "rv32imc"),
    "neon": ("neon", "aarch64"),
    "neon with SDOT": ("neon", "aarch64-dotprod"),
}
SETS = (*HERE, *EMULATED, "wasm")
PUSH = 1000  # samples: memory is short on a Cortex-M0


def missing(name: str) -> str:
    """Why this machine cannot run the set; empty if it can."""
    if name in HERE:
        has = CPU.read_text().split() if CPU.exists() else []
        wanted = NEEDS.get(name, ())
        return f"this machine's processor has no {name}" if wanted and not set(wanted) & set(has) else ""
    if name == "wasm":
        return f"not found; apt install {' '.join(test_wasm.MISSING)}" if test_wasm.MISSING else ""
    core = EMULATED[name][1]
    return hosted.missing_tools(core) if core in hosted.TARGETS else emulation.missing_tools()


def scores(name: str, model: Artifact, mode: str, samples: np.ndarray, folder: Path) -> np.ndarray:
    """int8 (results, classes) of a stream, int16. The engine is written into the folder, which exists."""
    if name in HERE:
        return _here(model, name.split()[0], HERE[name], mode, samples, folder)
    if name == "wasm":
        codegen.generate_of(model, folder, kernels="wasm", mode=mode)
        return test_wasm.run(folder, samples, PUSH, model.graph.output.size)[0]
    kernels, core = EMULATED[name]
    codegen.generate_of(model, folder, kernels=kernels, mode=mode)
    return (hosted if core in hosted.TARGETS else emulation).measure(folder, core, samples, push=PUSH).scores


def _here(
    model: Artifact, kernels: str, flags: tuple[str, ...], mode: str, samples: np.ndarray, folder: Path
) -> np.ndarray:
    options = {"coding": model.coding, "level_control": model.level_control, "kernels": kernels, "mode": mode}
    spotter, found, at = host.build(model.in_mode(mode).graph, folder, (*host.FAST, *flags), **options).new(), [], 0
    while at < len(samples):
        at += spotter.push(samples[at : at + PUSH])
        if spotter.ready():
            found.append(spotter.scores())
    return np.stack(found)


def stream(length: int) -> np.ndarray:
    """int16: noise, tones, walks, clicks and silence in turn, each second at a loudness of its own."""
    random, seconds = np.random.default_rng(0), []
    for i in range(-(-length // 16_000)):
        kinds = (
            lambda: random.standard_normal(16_000),
            lambda: np.sin(np.arange(16_000) * random.uniform(0.01, 3)),
            lambda: np.cumsum(random.standard_normal(16_000)) / 50,
            lambda: (random.random(16_000) < 0.001) * random.choice([-1.0, 1.0], 16_000),
            lambda: np.zeros(16_000),
        )
        seconds.append(kinds[i % 5]() * 10 ** random.uniform(0, 5))
    return np.clip(np.concatenate(seconds)[:length], -32_768, 32_767).astype(np.int16)
