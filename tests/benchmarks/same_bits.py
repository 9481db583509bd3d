"""Every kernel set beside the portable one on many inputs: the same scores, to the bit.

    PYTHONPATH=.:tests python tests/benchmarks/same_bits.py [--inputs 1000] [--sets neon wasm ...] [--models small ...]

So many results in sliding mode, of a stream whose loudness and kind change every second, and a tenth as many in window
mode. Sets for other processors run emulated, wasm in Node; a set that this machine cannot run is told. The tests hold
the portable kernels to TensorFlow Lite Micro. Exit status 1: some scores differ.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import synthetic_tflite
from engine import every_set

from convert.engine import kernels as kernel_sets
from convert.engine import plan
from convert.tflite import artifact
from convert.tflite.artifact import Artifact
from edgekws.model import catalogue

SETS = tuple(name for name in every_set.SETS if name != "portable")
MODELS = ("nano", "small", "small-listen", "wake", "large", "custom-32-8", "kernel-5/6", "vgg-64/6", "only-conv/4")


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
            planned = plan.plan(model.graph, kernel_sets.find("portable"), sliding=mode == "sliding")
            samples = every_set.stream(planned.window + (results - 1) * planned.hop)
            with tempfile.TemporaryDirectory() as folder:
                golden = every_set.scores("portable", model, mode, samples, Path(folder))
            for kernels in options.sets:
                with tempfile.TemporaryDirectory() as folder:
                    try:
                        found = every_set.scores(kernels, model, mode, samples, Path(folder))
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


if __name__ == "__main__":
    sys.exit(main())
