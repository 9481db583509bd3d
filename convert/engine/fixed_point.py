"""Turns scales and zero points into the C engine's integers, exactly as TensorFlow Lite Micro derives them."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import cycle

import numpy as np

from convert.tflite.graph import Convolution, Dense, Softmax
from edgekws.errors import UserError

INT32_MAX = 2**31 - 1


@dataclass(frozen=True, eq=False)
class Scaling:
    """Turns a layer's int32 sums into int8: (sum + bias) * multiplier / 2^31 * 2^shift + zero point, clamped."""

    bias: np.ndarray  # int32 (channels,); includes the input's zero point
    multiplier: np.ndarray  # int32 (channels,) or (1,)
    shift: np.ndarray  # int8, the same shape as multiplier
    zero_point: int
    minimum: int

    @property
    def per_channel(self) -> bool:
        return self.multiplier.size == self.bias.size

    def folded(self) -> Scaling:
        """The same with empty tables, for kernels that store these numbers among their weights."""
        return replace(self, bias=self.bias[:0], multiplier=self.multiplier[:0], shift=self.shift[:0])

    def padded(self, multiple: int) -> Scaling:
        """The same with one multiplier and shift a channel, and zeros up to a multiple of ``multiple`` channels."""
        size = self.bias.size

        def fill(values: np.ndarray) -> np.ndarray:
            return np.pad(np.broadcast_to(values, size), (0, -size % multiple))

        return replace(self, bias=fill(self.bias), multiplier=fill(self.multiplier), shift=fill(self.shift))


def quantized_multiplier(real: float) -> tuple[int, int]:
    """An int32 multiplier in [2^30, 2^31) and a shift such that real = multiplier / 2^31 * 2^shift."""
    fraction, shift = math.frexp(real)
    multiplier = math.floor(fraction * 2**31 + 0.5)
    if multiplier == 2**31:
        multiplier, shift = 2**30, shift + 1
    return (0, 0) if shift < -31 else (multiplier, shift)


def scaling(layer: Convolution | Dense, name: str) -> Scaling:
    """The integers of a layer's requantization.

    Raises:
        UserError: with these weights some sum, or its left shift, could leave int32.
    """
    weights = layer.weights.reshape(len(layer.weights), -1).astype(np.int64)
    zero_point = layer.input.zero_point
    bias = layer.bias - zero_point * weights.sum(axis=1)
    scale_in, scale_out = np.float32(layer.input.scale), float(layer.output.scale)
    if isinstance(layer, Dense) and layer.weight_scales.size == 1:
        with np.errstate(over="ignore"):  # TensorFlow Lite multiplies in float32 here
            products = [float(scale_in * layer.weight_scales[0])]
    else:
        products = [float(scale_in) * float(scale) for scale in layer.weight_scales]
    ratios = [product / scale_out for product in products]
    if not all(map(math.isfinite, ratios)):
        raise UserError(f"{name}: its scales are too large or too small for the engine; quantize the model again")
    multipliers, shifts = zip(*map(quantized_multiplier, ratios), strict=True)
    largest = (np.abs(weights).sum(axis=1) * 128 + np.abs(bias)).tolist()  # Python's integers: no shift overflows
    if any(most << max(shift, 0) > INT32_MAX for most, shift in zip(largest, cycle(shifts), strict=False)):
        raise UserError(f"{name}: its sums may exceed 32 bits, which the engine cannot run; quantize the model again")
    minimum = layer.output.zero_point if layer.relu else -128
    multiplier, shift = np.array(multipliers, np.int32), np.array(shifts, np.int8)
    return Scaling(bias.astype(np.int32), multiplier, shift, layer.output.zero_point, minimum)


def without_constant_channels(weights: np.ndarray, scaling: Scaling) -> tuple[np.ndarray, Scaling]:
    """Give every channel whose output never changes zero weights and a bias that gives that output.

    Weights are int8 (channels, taps, in). Weight decay leaves such channels, with scales that no fast kernel can
    requantize: one of them would send its whole layer to the reference kernel. Requantizing rounds monotonically, so
    equal outputs at both ends of the sum prove that the channel never changes.
    """
    if not scaling.per_channel:
        return weights, scaling
    weights, bias = weights.copy(), scaling.bias.copy()
    multiplier, shift = scaling.multiplier.copy(), scaling.shift.copy()
    for channel, row in enumerate(weights.astype(np.int64)):
        ends = (np.minimum(row * -128, row * 127).sum(), np.maximum(row * -128, row * 127).sum())
        low, high = (_requantized(int(bias[channel] + end), channel, scaling) for end in ends)
        if low == high:
            # the multiplier is now one half, and 2 d times one half is d
            weights[channel], bias[channel] = 0, 2 * (low - scaling.zero_point)
            multiplier[channel], shift[channel] = 2**30, 0
    return weights, replace(scaling, bias=bias, multiplier=multiplier, shift=shift)


def _requantized(total: int, channel: int, scaling: Scaling) -> int:
    shift = int(scaling.shift[channel])
    scaled = _high_multiply(total << max(shift, 0), int(scaling.multiplier[channel]))
    scaled = _rounding_shift(scaled, max(-shift, 0)) + scaling.zero_point
    return min(max(scaled, scaling.minimum), 127)


def exponentials(softmax: Softmax) -> np.ndarray:
    """exp(-d * beta * scale) for d = 0, 1, ... as int32 of 31 fractional bits, up to the last that is not zero."""
    multiplier, shift = quantized_multiplier(min(softmax.beta * softmax.input.scale * 2**26, 2.0**31 - 1))
    if shift < 0:
        raise UserError(
            f"softmax: an input scale of {softmax.input.scale} is too small for fixed point; quantize the model again"
        )
    radius = math.floor(31 * 2.0**26 / 2.0**shift)  # exp of a larger difference counts as zero
    table = [_exp(_high_multiply(-d << shift, multiplier)) if d <= radius else 0 for d in range(256)]
    return np.trim_zeros(np.array(table, np.int32), "b")


def _high_multiply(a: int, b: int) -> int:
    return (a * b + 2**30) >> 31


def _rounding_shift(x: int, exponent: int) -> int:
    remainder = x & ((1 << exponent) - 1)
    return (x >> exponent) + (remainder > ((1 << exponent) - 1 >> 1) + (x < 0))


def _exp(x: int) -> int:
    """gemmlowp's exp_on_negative_values: x <= 0 has 26 fractional bits, the result 31."""
    if x == 0:
        return INT32_MAX
    quarter = 1 << 24
    modulo = (x & (quarter - 1)) - quarter  # x = modulo - remainder, modulo in [-1/4, 0)
    remainder = modulo - x
    # A Taylor series around -1/8, 31 fractional bits.
    t = (modulo << 5) + (1 << 28)
    t2 = _high_multiply(t, t)
    t3, t4 = _high_multiply(t2, t), _high_multiply(t2, t2)
    series = _rounding_shift(_high_multiply(_rounding_shift(t4, 2) + t3, 715827883) + t2, 1)
    result = 1895147668 + _high_multiply(1895147668, t + series)
    # exp(-2^k) for k = -2 ... 4: one factor for each bit of the remainder.
    factors = (1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242)
    for bit, factor in enumerate(factors, start=24):
        if remainder >> bit & 1:
            result = _high_multiply(result, factor)
    return result
