"""Layers for a GPU by JAX: Keras's outputs and gradients, on whichever backend the tests run."""

import numpy as np
import pytest

from edgekws.model import network
from edgekws.model.catalogue import find
from edgekws.train.fast_layers import gpu_layers

keras = pytest.importorskip("keras")
if keras.backend.backend() != "tensorflow":
    pytest.skip("the gradients are taken by TensorFlow", allow_module_level=True)
tf = pytest.importorskip("tensorflow")


def seen(layer, x, power=2, **options):
    """Outputs, and the gradients of a loss in the input and in every weight that is trained."""
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = layer(x, **options)
        loss = tf.reduce_sum(y**power)
    return [y, *tape.gradient(loss, [x, *(w.value for w in layer.trainable_weights)])]


def same(ours, theirs):
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(one, other, rtol=3e-4, atol=2e-2)


def made(shape, seed=4):
    return tf.constant(np.random.default_rng(seed).normal(size=shape).astype(np.float32))


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("name", ["nano", "small", "custom-32/8", "kernel-5/7", "only-conv/5"])
def test_a_convolution_as_a_banded_product_is_that_of_keras(name, padding):
    shapes = {(c.channels, c.kernel, c.stride) for block in find(name).architecture.blocks for c in block.convolutions}
    for channels, kernel, stride in sorted(shapes):
        for incoming in (1, 6):
            pair = []
            for kind in (keras.layers.Conv2D, gpu_layers.block_convolution(keras)):
                pair.append(kind(channels, (1, kernel), (1, stride), padding, activation="relu"))
                pair[-1].build((None, 1, 101, incoming))
                rng = np.random.default_rng(3)
                pair[-1].set_weights([rng.normal(size=w.shape) for w in pair[-1].get_weights()])
            for length in (101, 100, max(kernel, 99)):
                x = made((2, 1, length, incoming))
                same(*(seen(layer, x) for layer in reversed(pair)))


@pytest.mark.parametrize("block", [1, 2, 3, 7, 64])
@pytest.mark.parametrize(
    ("taps", "stride", "padding"), [(5, 1, "same"), (25, 1, "valid"), (3, 4, "same"), (9, 2, "valid")]
)
def test_blocks_of_any_size_make_the_same(block, taps, stride, padding):
    x, kernel = made((2, 1, 90, 3)), made((1, taps, 3, 4), 5)
    ours = gpu_layers.convolved(keras.ops, x, kernel, stride, padding, block)
    np.testing.assert_allclose(ours, keras.ops.conv(x, kernel, stride, padding), rtol=1e-4, atol=1e-4)


def test_with_many_channels_the_convolution_is_left_to_keras(monkeypatch):
    layer = gpu_layers.block_convolution(keras)(4, (1, 5), padding="same")
    monkeypatch.setattr(gpu_layers, "convolved", lambda *_: pytest.fail("a product of too many taps"))
    assert layer(np.zeros((1, 1, 20, gpu_layers.MOST_TAPS // 5 + 1), np.float32)).shape == (1, 1, 20, 4)


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("size", [2, 3, 4])
def test_pooling_is_that_of_keras(size, padding):
    ours, theirs = (
        kind((1, size), (1, size), padding) for kind in (gpu_layers.slice_pooling(keras), keras.layers.MaxPooling2D)
    )
    for length in (12, 13, 14, 15):
        x = made((2, 1, length, 5)) - 3.0  # all below zero: padding must not win
        same(seen(ours, x), seen(theirs, x))


def test_batch_norm_is_that_of_keras_in_training_and_after():
    pair, kept = [], []
    for kind in (gpu_layers.one_pass_norm(keras), keras.layers.BatchNormalization):
        layer = kind(epsilon=1e-3, momentum=0.9)
        layer.build((None, 1, 30, 5))
        rng = np.random.default_rng(1)
        layer.set_weights([rng.normal(size=5), rng.normal(size=5), rng.normal(size=5), rng.uniform(0.5, 2, 5)])
        pair.append(seen(layer, made((4, 1, 30, 5)) * 3 + 2, 3, training=True))
        kept.append([layer(made((4, 1, 30, 5)), training=False), *layer.get_weights()])
    for ours, theirs in ((pair[0], pair[1]), (kept[0], kept[1])):
        for one, other in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(one, other, rtol=2e-3, atol=1e-2)


def test_a_frozen_batch_norm_keeps_its_averages():
    layer = gpu_layers.one_pass_norm(keras)(trainable=False)
    layer.build((None, 1, 30, 5))
    layer(made((4, 1, 30, 5)), training=True)
    np.testing.assert_array_equal(layer.moving_mean, np.zeros(5))


def test_a_network_of_them_has_the_weights_of_keras_and_its_outputs():
    architecture = find("nano").architecture
    plain = network.build(architecture, classes=3, batch_norm=True)
    ours = network.build(architecture, classes=3, batch_norm=True, **gpu_layers.classes(keras))
    ours.set_weights(plain.get_weights())
    x = made((2, 1, architecture.window, 1))
    np.testing.assert_allclose(ours(x), plain(x), atol=1e-4)
