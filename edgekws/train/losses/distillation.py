"""Distillation: a network learns the labels and the scores of others, its teachers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

TEMPERATURE = 2.0
WEIGHT = 0.5  # the teacher's share of the loss; the labels have the rest
_LEAST = 1e-7


class Lesson(keras.layers.Layer):
    """Returns the student's probabilities (batch, classes) unchanged; in training adds the teachers' part to the loss.

    The loss is WEIGHT T**2 KL(teacher || student) (Hinton et al., arXiv:1503.02531). Both are softened: p**(1/T),
    divided by its sum. Of several teachers, the mean of their log scores is learned. ``columns`` are each teacher's
    columns in the student's order; a teacher may know more words.
    """

    def __init__(self, columns: Sequence[Sequence[int]], **kwargs: Any) -> None:
        super().__init__(dtype="float32", **kwargs)
        self.columns = list(map(list, columns))

    def call(self, student: Any, teachers: Sequence[Any], training: bool = False) -> Any:
        if training:
            ours = ops.log_softmax(log_of(student) / TEMPERATURE)
            theirs = [
                log_of(ops.take(scores, ops.array(columns), axis=1))
                for scores, columns in zip(teachers, self.columns, strict=True)
            ]
            wanted = ops.log_softmax(sum(theirs) / (len(theirs) * TEMPERATURE))
            wanted = ops.stop_gradient(wanted)
            divergence = ops.sum(ops.exp(wanted) * (wanted - ours), axis=1)
            self.add_loss(WEIGHT * TEMPERATURE**2 * ops.mean(divergence))
        return student

    def compute_output_shape(self, student_shape: tuple[Any, ...], teachers_shape: Any = None) -> tuple[Any, ...]:
        return student_shape


def log_of(probabilities: Any) -> Any:
    """Natural logs of probabilities, finite where they are 0."""
    return ops.log(ops.maximum(ops.cast(probabilities, "float32"), _LEAST))
