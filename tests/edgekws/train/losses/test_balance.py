"""Logit adjustment: the loss sees the shares of the classes, the scores do not."""

import numpy as np
import pytest

keras = pytest.importorskip("keras")


def test_the_odds_of_two_classes_are_those_of_their_shares_times_their_own():
    from edgekws.train.losses.balance import Balance

    scores = np.array([[0.5, 0.3, 0.2], [0.01, 0.09, 0.9]], np.float32)
    counts = np.array([100, 300, 1600])
    balance = Balance(counts, 1.0)
    expected = scores * counts
    expected = expected / expected.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(balance(scores), expected, rtol=1e-5)
    half = scores * counts**0.5
    np.testing.assert_allclose(Balance(counts, 0.5)(scores), half / half.sum(axis=1, keepdims=True), rtol=1e-5)
    assert np.isfinite(Balance(np.array([0, 1, 1]), 1.0)(scores)).all()


def test_a_network_of_biases_alone_learns_equal_scores_from_unequal_shares():
    from edgekws.train.losses.balance import Balance

    labels = np.repeat([0, 1], [900, 100])
    inputs = keras.Input((1,))
    scores = keras.layers.Dense(2, activation="softmax", kernel_initializer="zeros")(inputs)
    model = keras.Model(inputs, Balance(np.bincount(labels), 1.0)(scores))
    model.compile(optimizer=keras.optimizers.SGD(1.0), loss="sparse_categorical_crossentropy")
    model.fit(np.zeros((1000, 1)), labels, batch_size=1000, epochs=30, verbose=0)
    np.testing.assert_allclose(keras.Model(inputs, scores)(np.zeros((1, 1))), [[0.5, 0.5]], atol=0.02)
