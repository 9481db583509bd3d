"""Single convolutions of training by TensorFlow on a CPU: Keras's own beside each way of edgekws.train.fast_layers.

    PYTHONPATH=. python tests/benchmarks/cpu_layers.py

A line a layer: milliseconds of output and both gradients of 8 clips, the shortest of five.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

from edgekws.train.fast_layers import cpu_layers  # before TensorFlow, which then takes the kernels of a run

# isort: split
import tensorflow as tf

# positions, channels, filters, taps
LAYERS = (
    (5_326, 128, 128, 25), (582, 256, 256, 25), (54, 512, 512, 25), (5_326, 64, 64, 25), (5_326, 32, 32, 25),
    (16_000, 128, 128, 5), (16_000, 64, 64, 5), (16_000, 32, 32, 5), (2_000, 32, 40, 5), (16_000, 8, 16, 5),
)  # fmt: skip
WAYS = {
    "Keras": lambda x, kernel: tf.nn.conv2d(x, kernel, 1, "SAME"),
    "by taps": lambda x, kernel: cpu_layers.by_taps(tf, x, kernel, "same"),
    "by transform": lambda x, kernel: cpu_layers.transformed(tf, x, kernel, "same"),
}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=8)
    clips = parser.parse_args().clips
    for length, channels, filters, taps in LAYERS:
        x = tf.random.stateless_normal((clips, 1, length, channels), (1, 2))
        kernel = tf.random.stateless_normal((1, taps, channels, filters), (3, 4))
        found = [f"{name} {_time(way, x, kernel) * 1e3:.0f}" for name, way in WAYS.items()]
        print(f"{length} positions, {channels} to {filters}, {taps} taps: {', '.join(found)} ms", flush=True)


def _time(way: Callable[..., Any], x: Any, kernel: Any) -> float:
    @tf.function(autograph=False)
    def step(x: Any, kernel: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch((x, kernel))
            y = way(x, kernel)
        return y, tape.gradient(y, (x, kernel), y)

    step(x, kernel)
    times = []
    for _ in range(5):
        began = time.perf_counter()
        step(x, kernel)
        times.append(time.perf_counter() - began)
    return min(times)


if __name__ == "__main__":
    main()
