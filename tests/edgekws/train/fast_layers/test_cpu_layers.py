"""Convolutions for training on a CPU: Keras's outputs and gradients, whichever way they take."""

import numpy as np
import pytest

from edgekws.model import network
from edgekws.model.catalogue import find
from edgekws.train import fast_layers
from edgekws.train.fast_layers import cpu_layers

keras = pytest.importorskip("keras")
if keras.backend.backend() != "tensorflow":
    pytest.skip("these layers are TensorFlow's", allow_module_level=True)
tf = pytest.importorskip("tensorflow")


def made(shape, seed=4):
    return tf.constant(np.random.default_rng(seed).normal(size=shape).astype(np.float32))


def seen(way, x, kernel):
    """Outputs, and the gradients of the sum of their squares in the input and in the kernel."""
    with tf.GradientTape() as tape:
        tape.watch((x, kernel))
        y = way(x, kernel)
        loss = tf.reduce_sum(y**2)
    return [y, *tape.gradient(loss, (x, kernel))]


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("taps", [1, 2, 3, 5, 8, 16, 25, 40])
@pytest.mark.parametrize("way", [cpu_layers.transformed, cpu_layers.by_taps])
def test_each_way_makes_what_keras_makes(way, taps, padding):
    kernel = made((1, taps, 3, 4), 5)
    for length in {max(taps, 7), 30 + taps, 101, 160}:
        x = made((2, 1, length, 3))
        ours = seen(lambda x, kernel: way(tf, x, kernel, padding), x, kernel)
        theirs = seen(lambda x, kernel: keras.ops.conv(x, kernel, 1, padding), x, kernel)
        for one, other in zip(ours, theirs, strict=True):
            assert one.shape == other.shape
            np.testing.assert_allclose(one, other, rtol=1e-4, atol=2e-5 * np.abs(other).max())


@pytest.mark.parametrize(
    ("taps", "channels", "stride", "dtype", "way"),
    [
        (25, 64, 1, "float32", "transformed"),
        (15, 64, 1, "float32", "by_taps"),
        (25, 63, 1, "float32", "by_taps"),
        (5, 16, 1, "float32", "by_taps"),
        (5, 15, 1, "float32", "conv"),
        (5, 64, 2, "float32", "conv"),
        (5, 64, 1, "mixed_bfloat16", "conv"),
    ],
)
def test_the_way_is_chosen_by_taps_channels_stride_and_precision(monkeypatch, taps, channels, stride, dtype, way):
    taken = []
    for name, module in (("transformed", cpu_layers), ("by_taps", cpu_layers), ("conv", keras.src.ops)):
        own = getattr(module, name)
        monkeypatch.setattr(module, name, lambda *a, name=name, own=own, **k: (taken.append(name), own(*a, **k))[1])
    layer = cpu_layers.convolution(keras)(4, (1, taps), (1, stride), "same", dtype=dtype)
    layer(np.zeros((1, 1, 50, channels), np.float32))
    assert set(taken) == {way}


@pytest.mark.parametrize("name", ["custom-32/8", "channel-128/3", "small"])
def test_a_network_of_them_has_the_weights_of_keras_and_its_outputs(name):
    architecture = find(name).architecture
    plain = network.build(architecture, classes=3, batch_norm=True)
    ours = network.build(architecture, classes=3, batch_norm=True, convolution=cpu_layers.convolution(keras))
    ours.set_weights(plain.get_weights())
    x = made((2, 1, architecture.window, 1))
    np.testing.assert_allclose(ours(x), plain(x), atol=1e-4)


@pytest.mark.parametrize("gpus", [[], ["one"]])
def test_a_gpu_keeps_keras_own_convolutions(monkeypatch, gpus):
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: gpus)
    assert ("convolution" in fast_layers.of_backend(keras)) == (not gpus)
