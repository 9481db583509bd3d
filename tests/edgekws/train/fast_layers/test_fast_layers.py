"""Layers that train faster: Keras's numbers, and a saved network that any Keras loads."""

import numpy as np
import pytest
import tone_corpus

from edgekws import recipe, workspace
from edgekws.corpus.clips import Selection
from edgekws.corpus.sources import load
from edgekws.model import network
from edgekws.model.catalogue import find
from edgekws.train import fast_layers, float_model
from edgekws.train.fast_layers import fused_norm

keras = pytest.importorskip("keras")
if keras.backend.backend() != "tensorflow":
    pytest.skip("the fused kernel is TensorFlow's", allow_module_level=True)
tf = pytest.importorskip("tensorflow")


def layers(momentum=0.9):
    rng, made = np.random.default_rng(1), []
    weights = [rng.normal(size=5), rng.normal(size=5), rng.normal(size=5), rng.uniform(0.5, 2, 5)]
    for kind in (keras.layers.BatchNormalization, fused_norm.norm(keras)):
        made.append(kind(epsilon=1e-3, momentum=momentum))
        made[-1].build((None, 1, 30, 5))
        made[-1].set_weights(weights)
    return made


def test_outputs_gradients_and_moving_averages_are_those_of_keras():
    x = tf.constant(np.random.default_rng(0).normal(2, 3, (4, 1, 30, 5)).astype(np.float32))
    seen = []
    for layer in layers():
        before, heard = np.array(layer.moving_variance), layer(x, training=False)
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = layer(x, training=True)
            loss = tf.reduce_sum(y**3)
        gradients = tape.gradient(loss, [x, layer.gamma.value, layer.beta.value])
        variance = (np.array(layer.moving_variance) - 0.9 * before) / 0.1
        seen.append([y, *gradients, layer.moving_mean, heard, variance])
    for plain, fused in zip(seen[0][:-1], seen[1][:-1], strict=True):
        np.testing.assert_allclose(plain, fused, rtol=2e-3, atol=1e-3)
    np.testing.assert_allclose(seen[1][-1], seen[0][-1] * 120 / 119, rtol=1e-4)


def test_a_frozen_layer_takes_its_moving_averages():
    _, fused = layers()
    fused.trainable = False
    before = [np.array(w) for w in fused.get_weights()]
    fused(tf.ones((4, 1, 30, 5)), training=True)
    for weight, kept in zip(fused.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, kept)


def test_biases_before_batch_norm_are_not_trained_and_others_are():
    core = network.build(find("nano").architecture, classes=3, batch_norm=True)
    fast_layers.without_bias(core)
    trained = {v.path.split("/")[-2] for v in core.trainable_variables if v.path.endswith("bias")}
    assert trained == {"classes"}
    plain = network.build(find("nano").architecture, classes=3)
    fast_layers.without_bias(plain)
    assert all(layer.bias.trainable for layer in plain.layers if isinstance(layer, keras.layers.Conv2D))


@pytest.mark.parametrize("positions", [(4, 1, 30), (3, 1, 5)])  # an even and an odd number in all
def test_half_precision_with_channels_that_are_no_multiple_of_16(positions):
    rng = np.random.default_rng(3)
    x = tf.constant(rng.normal(2, 3, (*positions, 24)), tf.bfloat16)
    layer = fused_norm.norm(keras)(epsilon=1e-3, momentum=0.0, dtype="mixed_bfloat16")
    layer.build((None, 1, None, 24))
    layer.set_weights([rng.normal(size=24), rng.normal(size=24), np.zeros(24), np.ones(24)])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = layer(x, training=True)
    assert y.dtype == tf.bfloat16
    assert np.isfinite(np.asarray(tf.cast(tape.gradient(y, x), tf.float32))).all()
    values = np.asarray(tf.cast(x, tf.float32)).reshape(-1, 24)
    count = len(values) // 2 if len(values) % 2 == 0 else len(values)  # as the kernel corrects each half
    np.testing.assert_allclose(layer.moving_mean, values.mean(0), rtol=1e-2, atol=1e-2)
    np.testing.assert_allclose(layer.moving_variance, values.var(0) * count / (count - 1), rtol=2e-2)
    halves = [values] if len(values) % 2 else [values[0::2], values[1::2]]
    got = np.asarray(tf.cast(y, tf.float32)).reshape(-1, 24)
    for place, half in enumerate(halves):
        wanted = (half - half.mean(0)) / np.sqrt(half.var(0) + 1e-3) * layer.gamma + layer.beta
        np.testing.assert_allclose(got[place :: len(halves)], wanted, rtol=2e-2, atol=5e-2)


@pytest.mark.slow
def test_the_saved_network_is_keras_alone(tmp_path):
    folder = tone_corpus.write(tmp_path / "tones", clips=40)
    clips = load(
        str(folder), tone_corpus.WORDS, Selection(1, validation_percent=25, testing_percent=25), cache=tmp_path
    )
    changes = tone_corpus.recipe(tmp_path, training__epochs=3, model__batch_norm=True)
    run = workspace.open_run(tmp_path / "run", recipe.replace(recipe.Recipe(), changes))
    workspace.begin(run, clips)
    float_model.train(run, clips)
    saved = keras.saving.load_model(run.float_model, compile=False)
    norms = [layer for layer in saved.layers if layer.name.endswith("_bn")]
    assert norms
    assert {type(layer) for layer in norms} == {keras.layers.BatchNormalization}
    assert all(np.ptp(layer.moving_mean) > 0 for layer in norms)
    assert not any(np.any(layer.bias) for layer in saved.layers if isinstance(layer, keras.layers.Conv2D))
