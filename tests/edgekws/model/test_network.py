"""Keras models against the catalogue's arithmetic, and batch norm folding against the unfolded model."""

import numpy as np
import pytest

from edgekws.model import catalogue, network

keras = pytest.importorskip("keras")
REPORTED = [entry for entry in catalogue.entries().values() if entry.reported_parameters]


@pytest.mark.parametrize("entry", REPORTED, ids=lambda entry: entry.name)
def test_keras_counts_what_the_arithmetic_counts(entry):
    """57 printed counts by count_params; channel-64's six are the stated architecture's, not the printed ones."""
    keras.backend.clear_session()
    model = network.build(entry.architecture, classes=16, dropout=0.5, batch_norm=bool(entry.batch_norm_counted))
    trainable = sum(int(np.prod(v.shape)) for v in model.trainable_variables)
    moving = sum(
        int(np.prod(v.shape))
        for layer in model.layers
        if layer.name.endswith("_bn")
        for v in layer.non_trainable_variables
    )
    assert model.count_params() - moving == trainable == entry.counted_parameters()
    assert (trainable == entry.reported_parameters) == (entry.table != "channel-64")


def test_output_shape_follows_the_architecture():
    architecture = catalogue.find("only-conv/3").architecture
    model = network.build(architecture, classes=5)
    last = architecture.layers(5)[-2]
    assert model.get_layer("pool_2").output.shape[2:] == last.output_shape
    assert model.output_shape == (None, 5)


@pytest.mark.parametrize("name", ["vgg-64/8", "nano", "only-conv/4"])
def test_with_batch_norm_every_block_has_its_one_pool(name):
    """Of two convolutions alike in a block, the pool is after the second."""
    keras.backend.clear_session()
    architecture = catalogue.find(name).architecture
    model = network.build(architecture, classes=4, batch_norm=True)
    for layer in architecture.layers(4):
        if layer.kind == "pool":
            assert model.get_layer(layer.name).output.shape[2:] == layer.output_shape
    for i, block in enumerate(architecture.blocks):
        if block.pool:
            before = model.get_layer(f"pool_{i}").input.shape[2:]
            assert before == model.get_layer(f"conv_{i}_{len(block.convolutions) - 1}_bn").output.shape[2:]


def test_a_pool_before_its_relu_gives_what_it_gives_after_it():
    architecture = catalogue.find("nano").architecture
    model = network.build(architecture, classes=3, batch_norm=True)
    names = [layer.name for layer in model.layers]
    assert names.index("pool_1") < names.index("conv_1_0_relu")
    x = after = keras.Input(model.input_shape[1:])
    for i in range(len(architecture.blocks)):
        layers = [f"conv_{i}_0", f"conv_{i}_0_bn", f"conv_{i}_0_relu", *([f"pool_{i}"] if i else [])]
        for name in layers:
            after = model.get_layer(name)(after)
    classes = model.get_layer("classes")(model.get_layer("flatten")(after))
    heard = np.random.default_rng(0).normal(size=(2, *model.input_shape[1:])).astype(np.float32)
    np.testing.assert_array_equal(model(heard), keras.Model(x, classes)(heard))


def test_folded_weights_give_the_same_outputs():
    architecture = catalogue.find("nano").architecture
    rng = np.random.default_rng(0)
    normed = network.build(architecture, classes=4, batch_norm=True)
    for layer in normed.layers:
        if layer.name.endswith("_bn"):
            shape = layer.get_weights()[0].shape
            layer.set_weights([rng.normal(1, 0.3, shape), rng.normal(0, 0.3, shape), rng.normal(0, 1, shape),
                               rng.uniform(0.1, 2, shape)])  # fmt: skip
    plain = network.build(architecture, classes=4)
    for name, weights in network.folded_weights(normed, architecture).items():
        plain.get_layer(name).set_weights(weights)
    x = rng.uniform(-1, 1, (3, 1, 16_000, 1)).astype(np.float32)
    np.testing.assert_allclose(plain(x), normed(x), atol=2e-5)
