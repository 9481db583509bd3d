"""Steps of float training on this machine, as a run trains beside Keras's own layers in float32, in turn:

    PYTHONPATH=. python tests/benchmarks/training_speed.py [--model small] [--pairs 5] [--steps 30]

The clips are noise; augmentation is that of the recipes of Speech Commands.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

from edgekws.train import augment, fast_layers, feed  # before TensorFlow, which then takes the kernels of a run

# isort: split
import keras
import numpy as np

from edgekws import recipe
from edgekws.model import catalogue, network

CLASSES, BATCH = 16, 64


def main() -> None:
    """Print every pair's clips a second, their ratio, and the medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="small", help="of the catalogue")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--steps", type=int, default=30, help="of a measurement: fewer for large networks")
    parser.add_argument("--mixed-precision", default="none", choices=("none", "float16", "bfloat16"), help="ours alone")
    options = parser.parse_args()
    settings = recipe.load(Path(__file__).parents[2] / "edgekws/recipes/gsc16-small.toml")
    rng = np.random.default_rng(0)
    clips = rng.integers(-9000, 9000, (BATCH * options.steps, 16_000)).astype(np.int16)
    batches = feed.batches(keras, clips, rng.integers(0, CLASSES, len(clips)), CLASSES, BATCH, 1)
    models = [
        _model(options.model, settings, options.mixed_precision, clips[:500]),
        _model(options.model, settings, None, clips[:500]),
    ]
    for model in models:
        model.fit(batches, epochs=1, verbose=0)  # what is traced and allocated once
    pairs = []
    for pair in range(options.pairs):
        fused, plain = (_speed(model, batches) for model in models)
        pairs.append((fused, plain, fused / plain))
        print(f"{pair + 1:3}: ours {fused:6.0f} clips/s, Keras's own {plain:6.0f} clips/s, ratio {fused / plain:.2f}")
    medians = np.median(pairs, axis=0)
    print("median: ours {:.0f} clips/s, Keras's own {:.0f} clips/s, ratio {:.2f}".format(*medians))


def _model(name: str, settings: recipe.Recipe, ours: str | None, noises: np.ndarray) -> Any:
    """Ours, in this precision, or Keras's own (None)."""
    keras.mixed_precision.set_global_policy(f"mixed_{ours}" if ours not in (None, "none") else "float32")
    build = fast_layers.build if ours else network.build
    architecture = catalogue.find(name).architecture
    core = build(architecture, classes=CLASSES, dropout=settings.model.dropout, batch_norm=True)
    front = augment.Front(settings.augment, settings.model, noises, 1)
    inputs = keras.Input((16_000,), dtype="int16")
    model = keras.Model(inputs, core(front(inputs)))
    model.compile(keras.optimizers.AdamW(), "categorical_crossentropy", metrics=["accuracy"], jit_compile=False)
    return model


class _Clock(keras.callbacks.Callback):
    """When each step ended: at an epoch's end Keras may wait for threads of tf.data, which is none of batch norm's."""

    def __init__(self) -> None:
        super().__init__()
        self.times: list[float] = []

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.times.append(time.perf_counter())


def _speed(model: Any, batches: Any) -> float:
    clock = _Clock()
    model.fit(batches, epochs=1, verbose=0, callbacks=[clock])
    return BATCH * (len(clock.times) - 1) / (clock.times[-1] - clock.times[0])


if __name__ == "__main__":
    main()
