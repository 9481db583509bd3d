"""The loss over the mean of several windows."""

import numpy as np
import pytest


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_scores_are_the_mean_of_those_of_each_window(count):
    import keras

    from edgekws.train.losses import windows

    length, around = 16_000, windows.around(count)
    assert around < length // 2, "a clip that goes on has room for it"
    heard = np.random.default_rng(1).normal(size=(5, 1, length + 2 * around, 1)).astype(np.float32)
    inputs = keras.Input((1, length, 1))
    pooled = keras.layers.AveragePooling2D((1, 1_000))(inputs)
    network = keras.Model(inputs, keras.layers.Dense(3, activation="softmax")(keras.layers.Flatten()(pooled)))
    places = [at * windows.STEP for at in range(count)]
    alone = [np.asarray(network(heard[:, :, at : at + length])) for at in places]
    scores = np.asarray(windows.averaged(network, heard, count))
    assert scores.shape == (5, 3)
    np.testing.assert_allclose(scores, np.mean(alone, axis=0), rtol=1e-5, atol=1e-6)
    middle = [around - windows.STEP // 2 * (count - 1 - 2 * number) for number in range(count)]
    assert middle == places, "the clip itself is in the middle of the windows"
