"""Every kernel set beside the portable one on many inputs: the same scores, to the bit.

    PYTHONPATH=.:tests python tests/benchmarks/same_bits.py [--inputs 1000] [--sets neon mve ...] [--models small ...]

So many results in sliding mode, of a stream whose loudness and kind change every second, and a tenth as many in window
mode. Sets for other processors run emulated, wasm in Node; a set that this machine cannot run is told. The tests hold
the portable kernels to TensorFlow Lite Micro. Exit status 1: some scores differ.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import synthetic_tflite
from engine import host, test_wasm

from convert.engine import codegen, emulation, hosted
from convert.engine.plan import Plan
from convert.tflite import artifact
from convert.tflite.artifact import Artifact
from edgekws.model import catalogue

HERE = {  # compiled for this processor, or as plain C: flags
    "packed": ("-DEDGEKWS_PACKED_ANYWHERE",),
    "dsp": ("-DEDGEKWS_DSP_IN_C",),
    "dsp_fast": ("-DEDGEKWS_DSP_IN_C",),
    "dsp_lean": ("-DEDGEKWS_DSP_IN_C",),
    "avx2": (),
    "vnni": (),
    "vnni in halves": ("-DEDGEKWS_VNNI_IN_HALVES",),
}
EMULATED = {  # set and core
    "mve on cortex-m55": ("mve", "cortex-m55"),
    "dsp_fast on cortex-m4": ("dsp_fast", "cortex-m4"),
    "dsp_lean on cortex-m4": ("dsp_lean", "cortex-m4"),
    "packed on cortex-m0": ("packed", "cortex-m0"),
    "packed on rv32imc": ("packed", "rv32imc"),
    "neon": ("neon", "aarch64"),
    "neon with SDOT": ("neon", "aarch64-dotprod"),
}
SETS = (*HERE, *EMULATED, "wasm")
MODELS = ("nano", "small", "small-listen", "wake", "large", "custom-32/8", "kernel-5/6", "vgg-64/6", "only-conv/4")


def main() -> int:
    """Print a line for every set and model."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--inputs", type=int, default=1000)
    parser.add_argument("--sets", nargs="*", default=SETS, metavar="SET", help=", ".join(SETS))
    parser.add_argument("--models", nargs="*", default=MODELS, metavar="MODEL", help="that ship, or of the catalogue")
    options = parser.parse_args()
    differing = 0
    for name in options.models:
        model = _model(name)
        for mode, results in (("sliding", options.inputs), ("window", max(options.inputs // 10, 1))):
            with tempfile.TemporaryDirectory() as folder:
                plan, golden, samples = _golden(model, mode, results, Path(folder))
            for kernels in options.sets:
                if kernels == "wasm" and mode == "sliding":
                    continue  # the test's script pushes windows
                with tempfile.TemporaryDirectory() as folder:
                    try:
                        found = _runner(kernels)(model, mode, samples, plan, Path(folder))
                    except Exception as error:  # whatever a tool says, the other sets go on
                        print(f"{name}, {mode}, {kernels}: not run: {str(error).splitlines()[-1][:150]}", flush=True)
                        continue
                wrong = int((found != golden).any(axis=1).sum())
                differing += wrong
                print(f"{name}, {mode}, {kernels}: {wrong} of {len(golden)} results differ", flush=True)
    return 1 if differing else 0


def _model(name: str) -> Artifact:
    if "/" not in name:
        return artifact.load(name)
    return Artifact.of(synthetic_tflite.build(catalogue.find(name).architecture), name)


def _golden(model: Artifact, mode: str, results: int, folder: Path) -> tuple[Plan, np.ndarray, np.ndarray]:
    engine = _built(model, "portable", mode, folder, ())
    plan = engine.plan
    samples = stream(plan.window + (results - 1) * plan.hop)
    return plan, _scores(engine, samples), samples


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


def _built(model: Artifact, kernels: str, mode: str, folder: Path, flags: tuple[str, ...]) -> host.Engine:
    options = {"coding": model.coding, "level_control": model.level_control, "kernels": kernels, "mode": mode}
    return host.build(model.graph, folder, (*host.FAST, *flags), **options)


def _scores(engine: host.Engine, samples: np.ndarray) -> np.ndarray:
    spotter, found, at = engine.new(), [], 0
    while at < len(samples):
        at += spotter.push(samples[at : at + 4096])
        if spotter.ready():
            found.append(spotter.scores())
    return np.stack(found)


Runner = Callable[[Artifact, str, np.ndarray, Plan, Path], np.ndarray]


def _runner(kernels: str) -> Runner:
    if kernels in HERE:
        return lambda model, mode, samples, _, folder: _scores(
            _built(model, kernels.split()[0], mode, folder, HERE[kernels]), samples
        )
    if kernels == "wasm":
        return _in_node
    chosen, core = EMULATED[kernels]
    tool = hosted if core in hosted.TARGETS else emulation

    def emulated(model: Artifact, mode: str, samples: np.ndarray, plan: Plan, folder: Path) -> np.ndarray:
        codegen.generate_of(model, folder, kernels=chosen, mode=mode)
        return tool.measure(folder, core, samples, push=4000).scores

    return emulated


def _in_node(model: Artifact, mode: str, samples: np.ndarray, plan: Plan, folder: Path) -> np.ndarray:
    codegen.generate_of(model, folder, kernels="wasm", mode=mode)
    return test_wasm.run(folder, samples.reshape(-1, plan.window), plan.classes)[0]


if __name__ == "__main__":
    sys.exit(main())
