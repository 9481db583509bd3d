"""Where the time of a training step on a CPU goes, by TensorFlow's own profiler:

    PYTHONPATH=. python tests/benchmarks/step_profile.py [--model small] [--mixed-precision bfloat16]

One thread does one operation at a time, so that their times add up. The clips are noise; augmentation is that of the
recipes of Speech Commands.
"""

from __future__ import annotations

import argparse
import os
import re
import tempfile
from collections import Counter
from pathlib import Path

os.environ |= {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1", "KERAS_BACKEND": "tensorflow"}

BATCH, STEPS, CLASSES = 64, 8, 16
KINDS = {  # operations of TensorFlow, without its marks of a faster kernel, by what they are for
    "convolutions forward": ("Conv2D", "FusedConv2D"),
    "convolutions back": ("Conv2DBackpropFilter", "Conv2DBackpropInput"),
    "batch norm": ("FusedBatchNorm", "FusedBatchNormGrad", "FusedBatchNormEx"),
    "pooling": ("MaxPool", "MaxPoolGrad"),
    "ReLU": ("Relu", "ReluGrad"),
    "augmentation and front end": ("ExecuteAsyncOnStream",),  # what XLA compiled
    "casts": ("Cast",),
    "dense layers": ("MatMul", "FusedMatMul"),
}
_OPERATION = re.compile(r"^(?:CpuExecutable::|[^:]+:)(\w+)$")
_MARKS = re.compile(r"^_(MklNative|Mkl)?|V\d$")


def main() -> None:
    """Print each kind's milliseconds a step and its share."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="small", help="of the catalogue")
    parser.add_argument("--mixed-precision", default="none", choices=("none", "float16", "bfloat16"))
    options = parser.parse_args()
    from training_speed import _model  # before TensorFlow, which then takes the kernels of a run

    # isort: split
    import keras
    import numpy as np
    import tensorflow as tf

    from edgekws import recipe
    from edgekws.train import feed

    settings = recipe.load(Path(__file__).parents[2] / "edgekws/recipes/gsc16-small.toml")
    rng = np.random.default_rng(0)
    clips = rng.integers(-9000, 9000, (BATCH * STEPS, 16_000)).astype(np.int16)
    batches = feed.batches(keras, clips, rng.integers(0, CLASSES, len(clips)), CLASSES, BATCH, 1)
    model = _model(options.model, settings, options.mixed_precision, clips[:500])
    model.fit(batches, epochs=1, verbose=0)  # what is traced and allocated once
    with tempfile.TemporaryDirectory() as folder:
        tf.profiler.experimental.start(folder)
        model.fit(batches, epochs=1, verbose=0)
        tf.profiler.experimental.stop()
        (trace,) = Path(folder).rglob("*.xplane.pb")
        times = _times(trace)
    whole = sum(times.values())
    for kind, picoseconds in times.most_common():
        print(f"{kind:44}{picoseconds / 1e9 / STEPS:9.1f} ms a step{picoseconds / whole:8.1%}")


def _times(trace: Path) -> Counter[str]:
    """Picoseconds of each kind of operation, those within another not counted twice."""
    from tensorflow.tsl.profiler.protobuf import xplane_pb2

    space = xplane_pb2.XSpace()
    space.ParseFromString(trace.read_bytes())
    kind_of = {operation: kind for kind, operations in KINDS.items() for operation in operations}
    found: Counter[str] = Counter()
    (plane,) = (plane for plane in space.planes if plane.name == "/host:CPU")
    line = max(plane.lines, key=lambda line: len(line.events))  # the one thread that computes
    end, span = 0, [event.offset_ps for event in line.events]
    for event in sorted(line.events, key=lambda event: (event.offset_ps, -event.duration_ps)):
        operation = _OPERATION.search(plane.event_metadata[event.metadata_id].name)
        if operation and event.offset_ps >= end:
            end = event.offset_ps + event.duration_ps
            found[kind_of.get(_MARKS.sub("", operation[1]), "other operations")] += event.duration_ps
    found["between operations, and waiting for clips"] = max(span) - min(span) - sum(found.values())
    return found


if __name__ == "__main__":
    main()
