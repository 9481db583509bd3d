"""Distillation: a small network learns the labels and the scores of a larger network, the teacher."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

TEMPERATURE = 2.0
WEIGHT = 0.5  # the teacher's share of the loss; the labels have the rest
_LEAST = 1e-7


class Lesson(keras.layers.Layer):
    """Returns the student's probabilities (batch, classes) unchanged; in training adds the teacher's part to the loss.

    The loss is WEIGHT T**2 KL(teacher || student) (Hinton et al., arXiv:1503.02531). Both are softened: p**(1/T),
    divided by its sum. ``columns`` are the teacher's columns in the student's order; the teacher may know more words.
    """

    def __init__(self, columns: Sequence[int], **kwargs: Any) -> None:
        super().__init__(dtype="float32", **kwargs)
        self.columns = list(columns)

    def call(self, student: Any, teacher: Any, training: bool = False) -> Any:
        if training:
            ours = ops.log_softmax(log_of(student) / TEMPERATURE)
            wanted = ops.log_softmax(log_of(ops.take(teacher, ops.array(self.columns), axis=1)) / TEMPERATURE)
            wanted = ops.stop_gradient(wanted)
            divergence = ops.sum(ops.exp(wanted) * (wanted - ours), axis=1)
            self.add_loss(WEIGHT * TEMPERATURE**2 * ops.mean(divergence))
        return student

    def compute_output_shape(self, student_shape: tuple[Any, ...], teacher_shape: Any = None) -> tuple[Any, ...]:
        return student_shape


def log_of(probabilities: Any) -> Any:
    """Natural logs of probabilities, finite where they are 0."""
    return ops.log(ops.maximum(ops.cast(probabilities, "float32"), _LEAST))
