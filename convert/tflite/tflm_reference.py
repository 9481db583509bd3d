"""Computes what TensorFlow Lite Micro computes, in readable NumPy. Tests and self-tests expect its output."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from convert.tflite.graph import Convolution, Dense, Graph, Layer, MaxPool, Softmax


def run(graph: Graph, inputs: np.ndarray) -> list[np.ndarray]:
    """int8 codes (time,) → the int8 output of every layer, (length, channels) each."""
    value = inputs.reshape(graph.input.length, graph.input.channels)
    outputs = []
    for layer in graph.layers:
        value = FUNCTIONS[type(layer)](layer, value)
        outputs.append(value)
    return outputs


def convolution(layer: Convolution, value: np.ndarray) -> np.ndarray:
    """int8 (length, in channels) → int8 (out length, channels), with the layer's ReLU."""
    centred = value.astype(np.int64) - layer.input.zero_point
    needed = (layer.output.length - 1) * layer.stride + layer.kernel
    after = max(needed - layer.pad_before - len(centred), 0)
    padded = np.pad(centred, ((layer.pad_before, after), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, layer.kernel, axis=0)[:: layer.stride]
    windows = windows[: layer.output.length].transpose(0, 2, 1).reshape(layer.output.length, -1)
    return requantize(layer, exact_product(windows, layer.weights))


def max_pool(layer: MaxPool, value: np.ndarray) -> np.ndarray:
    """int8 (length, channels) → int8 (out length, channels). A group may reach over an end."""
    starts = np.arange(layer.output.length) * layer.stride - layer.pad_before
    return np.stack([value[max(start, 0) : start + layer.window].max(axis=0) for start in starts])


def dense(layer: Dense, value: np.ndarray) -> np.ndarray:
    """int8 (length, channels), read row by row → int8 (1, units)."""
    centred = value.astype(np.int64).reshape(1, -1) - layer.input.zero_point
    return requantize(layer, exact_product(centred, layer.weights))


def exact_product(rows: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """rows @ weights.T in float64. This is exact, since all sums stay below 2^53."""
    return (rows.astype(np.float64) @ weights.reshape(len(weights), -1).T.astype(np.float64)).astype(np.int64)


def requantize(layer: Convolution | Dense, sums: np.ndarray) -> np.ndarray:
    """int64 sums (length, channels) → int8: per channel the bias, two roundings, the zero point, clamped."""
    if isinstance(layer, Dense) and layer.weight_scales.size == 1:
        reals = [float(np.float32(layer.input.scale) * layer.weight_scales[0]) / layer.output.scale]
    else:
        reals = [layer.input.scale * float(scale) / layer.output.scale for scale in layer.weight_scales]
    multipliers, shifts = np.array([quantize_multiplier(real) for real in reals], np.int64).T
    zero_point = layer.output.zero_point
    return rescale(sums + layer.bias, multipliers, shifts, zero_point, zero_point if layer.relu else -128)


def rescale(sums: np.ndarray, multipliers: np.ndarray, shifts: np.ndarray, zero_point: int, minimum: int) -> np.ndarray:
    """int64 sums with their bias (..., channels) → int8: two roundings, the zero point, clamped from ``minimum`` on."""
    scaled = multiply_by_quantized_multiplier(sums, multipliers, shifts)
    return np.clip(scaled + zero_point, minimum, 127).astype(np.int8)


def quantize_multiplier(real: float) -> tuple[int, int]:
    """(multiplier, shift) of ``real``, above 0, which is about multiplier / 2^31 * 2^shift. The multiplier is int32."""
    fraction, exponent = math.frexp(real)
    multiplier = math.floor(fraction * 2**31 + 0.5)
    if multiplier == 2**31:
        multiplier, exponent = multiplier // 2, exponent + 1
    return (0, 0) if exponent < -31 else (multiplier, exponent)


def multiply_by_quantized_multiplier(x: np.ndarray, multiplier: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """x int64 (..., channels); multiplier and shift int64, of one or of every channel."""
    high = saturating_rounding_doubling_high_mul(x << np.maximum(shift, 0), multiplier)
    return rounding_divide_by_power_of_two(high, np.maximum(-shift, 0))


def saturating_rounding_doubling_high_mul(a: np.ndarray | np.int64, b: np.ndarray | np.int64) -> np.ndarray:
    """int32 values of ``a`` and ``b`` → a * b / 2^31, as gemmlowp defines it, including the truncating division."""
    product = a.astype(np.int64) * b
    nudged = product + np.where(product >= 0, 1 << 30, 1 - (1 << 30))
    return np.sign(nudged) * (np.abs(nudged) >> 31)


def rounding_divide_by_power_of_two(x: np.ndarray, exponent: int | np.ndarray) -> np.ndarray:
    """Round to nearest, halves away from zero."""
    magnitude = (np.abs(x) + (np.left_shift(1, exponent) >> 1)) >> exponent
    return np.sign(x) * magnitude


def softmax(layer: Softmax, value: np.ndarray) -> np.ndarray:
    """int8 (1, classes) → int8 (1, classes): reference_ops::Softmax on gemmlowp's fixed-point functions."""
    multiplier, shift = quantize_multiplier(min(layer.beta * layer.input.scale * 2**26, 2.0**31 - 1))
    difference = value[0].astype(np.int64) - value.max()
    counted = difference >= -math.floor(31 * 2**26 / 2**shift)
    scaled = saturating_rounding_doubling_high_mul(difference << shift, np.int64(multiplier))
    exponentials = np.where(counted, exp_on_negative_values(scaled), 0)
    total = int(rounding_divide_by_power_of_two(exponentials, 12).sum())
    headroom = 32 - total.bit_length()
    reciprocal = one_over_one_plus_x(np.int64((total << headroom) - 2**31))
    product = saturating_rounding_doubling_high_mul(exponentials, reciprocal)
    scores = rounding_divide_by_power_of_two(product, 12 - headroom + 31 - 8) - 128
    return np.clip(scores, -128, 127).astype(np.int8).reshape(1, -1)


def exp_on_negative_values(x: np.ndarray) -> np.ndarray:
    """exp(x) for x <= 0. x has 26 fractional bits, the result 31."""
    multiply = saturating_rounding_doubling_high_mul
    quarter = 1 << 24
    modulo = (x & (quarter - 1)) - quarter
    a = (modulo << 5) + (1 << 28)
    a2 = multiply(a, a)
    a3, a4 = multiply(a2, a), multiply(a2, a2)
    cubic = multiply(rounding_divide_by_power_of_two(a4, 2) + a3, np.int64(715827883))
    polynomial = a + rounding_divide_by_power_of_two(cubic + a2, 1)
    result = 1895147668 + multiply(polynomial, np.int64(1895147668))
    remainder = modulo - x
    for power, factor in zip(
        range(-2, 5), (1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242), strict=True
    ):
        result = np.where(remainder & (1 << (26 + power)), multiply(result, np.int64(factor)), result)
    return np.where(x == 0, 2**31 - 1, result)


def one_over_one_plus_x(x: np.int64) -> np.ndarray:
    """1 / (1 + x) for 0 <= x < 1 with 31 fractional bits, by Newton-Raphson with 29."""
    multiply = saturating_rounding_doubling_high_mul
    half_denominator = (x + (2**31 - 1) + 1) // 2
    y = 1515870810 + multiply(half_denominator, np.int64(-1010580540))
    for _ in range(3):
        y = y + 4 * multiply(y, (1 << 29) - multiply(half_denominator, y))
    return np.minimum(2 * y, 2**31 - 1)


FUNCTIONS: dict[type[Layer], Callable[[Any, np.ndarray], np.ndarray]] = {
    Convolution: convolution,
    MaxPool: max_pool,
    Dense: dense,
    Softmax: softmax,
}
