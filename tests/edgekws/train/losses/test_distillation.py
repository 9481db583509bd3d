"""Distillation: the teacher's part of the loss against the formula, and only in training."""

import numpy as np
import pytest

keras = pytest.importorskip("keras")


def softened(probabilities, temperature):
    powers = probabilities ** (1 / temperature)
    return powers / powers.sum(axis=1, keepdims=True)


def test_the_loss_is_the_divergence_of_the_softened_scores():
    from edgekws.train.losses import distillation

    student = np.array([[0.7, 0.2, 0.1], [0.1, 0.1, 0.8]], np.float32)
    teacher = np.array([[0.3, 0.1, 0.6], [0.8, 0.15, 0.05]], np.float32)  # in the order 2, 1, 0 of the student's
    lesson = distillation.Lesson([[2, 1, 0]])
    np.testing.assert_array_equal(lesson(student, [teacher], training=True), student)
    t = distillation.TEMPERATURE
    p, q = softened(teacher[:, [2, 1, 0]], t), softened(student, t)
    expected = distillation.WEIGHT * t**2 * np.mean(np.sum(p * np.log(p / q), axis=1))
    np.testing.assert_allclose(lesson.losses, [expected], rtol=1e-5)
    alike = distillation.Lesson([[0, 1, 2]])
    alike(student, [student], training=True)
    np.testing.assert_allclose(alike.losses, [0.0], atol=1e-6)
    quiet = distillation.Lesson([[2, 1, 0]])
    quiet(student, [teacher], training=False)
    assert not quiet.losses


def test_of_two_teachers_the_mean_of_the_log_scores_is_learned():
    from edgekws.train.losses import distillation

    student = np.array([[0.7, 0.2, 0.1]], np.float32)
    first, second = np.array([[0.3, 0.1, 0.6]], np.float32), np.array([[0.5, 0.25, 0.25]], np.float32)
    lesson = distillation.Lesson([[0, 1, 2], [0, 1, 2]])
    lesson(student, [first, second], training=True)
    t = distillation.TEMPERATURE
    p, q = softened(np.sqrt(first * second), t), softened(student, t)
    np.testing.assert_allclose(lesson.losses, [distillation.WEIGHT * t**2 * np.sum(p * np.log(p / q))], rtol=1e-5)
