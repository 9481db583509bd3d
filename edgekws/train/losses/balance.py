"""Logit adjustment: gives scores for equally likely classes, however many training clips each class has."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from edgekws.train.losses.distillation import log_of


def log_shares(counts: np.ndarray) -> np.ndarray:
    """Natural logs of the classes' shares of the clips (classes,)."""
    counts = np.maximum(counts, 1)
    return np.log(counts / counts.sum())


class Balance(keras.layers.Layer):
    """Multiplies probabilities (batch, classes) by each class's share to the power of ``amount``; rows sum to 1 again.

    Menon et al. (arXiv:2007.07314): the loss sees softmax(logits + amount log share), so the network before this layer
    gives the scores for equal shares. Validation uses this layer too, since its clips have similar shares. ``counts``
    are the numbers of training clips of each class; 0 counts as 1.
    """

    def __init__(self, counts: np.ndarray, amount: float, **kwargs: Any) -> None:
        super().__init__(dtype="float32", trainable=False, **kwargs)
        self.added = (amount * log_shares(counts)).astype(np.float32)

    def call(self, probabilities: Any) -> Any:
        return ops.softmax(log_of(probabilities) + ops.convert_to_tensor(self.added))

    def compute_output_shape(self, input_shape: tuple[Any, ...]) -> tuple[Any, ...]:
        return input_shape
