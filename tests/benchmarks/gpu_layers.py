"""Single layers of training on a GPU, by Keras on JAX: value and gradients by cuDNN, and as edgekws has them.

    KERAS_BACKEND=jax PYTHONPATH=. python tests/benchmarks/gpu_layers.py

A line a layer: microseconds a clip in bfloat16, by cuDNN, as one product of a row a position, and in blocks. --tiny
rehearses it on a CPU.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import keras

from edgekws.train.fast_layers import gpu_layers

# length, channels, filters, taps, stride, padding: of custom-32/8, -64/8 and -128/9, channel-32/6 and -128/6, small
CONVOLUTIONS = (
    (16_000, 1, 32, 5, 1, "same"), (16_000, 32, 32, 5, 1, "same"), (16_000, 64, 64, 5, 1, "same"),
    (16_000, 128, 128, 5, 1, "same"), (5_325, 32, 32, 25, 1, "valid"), (5_325, 64, 64, 25, 1, "valid"),
    (5_325, 128, 128, 25, 1, "valid"), (16_000, 1, 32, 40, 8, "same"),
)  # fmt: skip


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--tiny", action="store_true")
    options = parser.parse_args()
    batch, shorter = (2, 20) if options.tiny else (options.batch, 1)
    print(f"{jax.devices()[0].device_kind}, batches of {batch}")
    for length, channels, filters, taps, stride, padding in CONVOLUTIONS:
        length //= shorter
        shapes = ((batch, 1, length, channels), (1, taps, channels, filters))
        ways = {"cuDNN": partial(_by_cudnn, stride, padding)}
        for block in (1, max(gpu_layers.WIDTH // filters, 1)):
            ways[f"block {block}"] = partial(_in_blocks, stride, padding, block)
        found = [f"{name} {_time(way, shapes) / batch * 1e6:.2f}" for name, way in ways.items()]
        print(
            f"{length} positions, {channels} to {filters}, {taps} taps, stride {stride}: {', '.join(found)}", flush=True
        )
    shapes = ((batch, 1, 16_000 // shorter, 32), ())
    kinds = {"Keras": (keras.layers.BatchNormalization, keras.layers.MaxPooling2D),
             "ours": (gpu_layers.one_pass_norm(keras), gpu_layers.slice_pooling(keras))}  # fmt: skip
    found = [f"{name} {_time(_tail(*kind), shapes) / batch * 1e6:.2f}" for name, kind in kinds.items()]
    print(f"batch norm, pooling by 3, ReLU of {shapes[0][2]} positions of 32: {', '.join(found)}")


def _by_cudnn(stride: int, padding: str, x: Any, kernel: Any) -> Any:
    return keras.ops.conv(x, kernel, (1, stride), padding)


def _in_blocks(stride: int, padding: str, block: int, x: Any, kernel: Any) -> Any:
    return gpu_layers.convolved(keras.ops, x, kernel, stride, padding, block)


def _tail(norm: Any, pooling: Any) -> Callable[..., Any]:
    norm, pool = norm(dtype="mixed_bfloat16"), pooling((1, 3), (1, 3), "same", dtype="mixed_bfloat16")
    norm.build((None, 1, None, 32))
    held = [variable.value for variable in norm.non_trainable_variables]

    def tail(x: Any, gain: Any) -> Any:
        weights = [gain * jnp.ones(32, jnp.float32), jnp.zeros(32, jnp.float32)]
        return jax.nn.relu(pool(norm.stateless_call(weights, held, x, training=True)[0]))

    return tail


def _time(layer: Callable[..., Any], shapes: tuple[tuple[int, ...], ...]) -> float:
    """Seconds of value and gradients: the shortest of three."""
    inputs = [jax.random.normal(jax.random.key(i), shape, jnp.bfloat16) for i, shape in enumerate(shapes)]
    step = jax.jit(jax.grad(lambda *given: jnp.sum(jnp.square(layer(*given)).astype(jnp.float32)), (0, 1)))
    jax.block_until_ready(step(*inputs))
    times = []
    for _ in range(3):
        began = time.perf_counter()
        for _ in range(4):
            found = step(*inputs)
        jax.block_until_ready(found)
        times.append((time.perf_counter() - began) / 4)
    return min(times)


if __name__ == "__main__":
    main()
