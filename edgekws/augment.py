"""From int16 recordings to what the network sees: augmentation in training, then the int8 coding, batched.

A Keras layer of ``keras.ops`` alone, so that it runs inside the training step, on the accelerator where there is one.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import keras
import numpy as np
from keras import ops

from edgekws import coding
from edgekws.audio import CLIP_SAMPLES, SAMPLE_RATE
from edgekws.recipe import Augment

NOISE_HOP = 4_000  # background noise is cut into one-second windows, a new one every quarter of a second


def noise_windows(noises: Iterable[np.ndarray]) -> np.ndarray:
    """One-second windows of every recording, int16 (windows, 16000); shorter recordings give none."""
    cut = [
        np.lib.stride_tricks.sliding_window_view(n, CLIP_SAMPLES)[::NOISE_HOP] for n in noises if n.size >= CLIP_SAMPLES
    ]
    return np.concatenate(cut) if cut else np.zeros((0, CLIP_SAMPLES), np.int16)


class Front(keras.layers.Layer):
    """int16 (batch, 16000) → float32 (batch, 1, 16000, 1): ``code / 128``, augmented first where ``training``.

    Augmentation: a shift of up to ``shift_ms`` (zeros move in), a speed of up to ``speed_percent`` more or less (pitch
    and formants move with it, as from speaker to speaker), a gain of up to ``gain_db`` either way, and with
    ``noise_probability`` a background noise at a signal-to-noise ratio drawn uniformly in decibels. All draws are
    uniform and come from one seed generator, whose state is part of the model's variables.
    """

    def __init__(self, settings: Augment, input_coding: str, noises: np.ndarray, seed: int, **kwargs: Any) -> None:
        super().__init__(dtype="float32", trainable=False, **kwargs)
        self.settings = settings
        self.input_coding = input_coding
        self.noises = noises
        self.noise_rms = np.array(
            [max(np.sqrt(np.mean(np.square(n, dtype=np.float32))), 1.0) for n in noises], np.float32
        )
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, samples: Any, training: bool = False) -> Any:
        wave = self._augmented(samples) if training else ops.cast(samples, "float32")
        return ops.reshape(self._coded(wave), (-1, 1, CLIP_SAMPLES, 1))

    def compute_output_shape(self, input_shape: tuple[Any, ...]) -> tuple[Any, ...]:
        return (input_shape[0], 1, CLIP_SAMPLES, 1)

    def _coded(self, wave: Any) -> Any:
        """``code / 128`` of a wave on the scale of int16, limited to it; the augmented one is rounded on the way."""
        if self.input_coding == "linear":
            return ops.clip(ops.floor(wave * (1 / 256) + 0.5), -128.0, 127.0) * (1 / 128)
        table = ops.convert_to_tensor(coding.table(self.input_coding).astype(np.float32) / 128)
        return ops.take(table, ops.cast(ops.clip(wave + 32_768.5, 0.0, 65_535.0), "int32"))

    def _uniform(self, low: float, high: float, batch: Any) -> Any:
        return keras.random.uniform((batch, 1), low, high, dtype="float32", seed=self.seed_generator)

    def _augmented(self, samples: Any) -> Any:
        """Shift, gain and noise; every pass over the samples counts, so gains are folded into one factor a clip."""
        settings, batch = self.settings, ops.shape(samples)[0]
        limit = round(settings.shift_ms * SAMPLE_RATE / 1000)
        if settings.speed_percent:
            wave = self._stretched(samples, limit, batch)
        else:
            wave = ops.cast(self._shifted(samples, limit, batch) if limit else samples, "float32")
        gain = _amplitude(self._uniform(-settings.gain_db, settings.gain_db, batch)) if settings.gain_db else 1.0
        if not (settings.noise_probability and len(self.noises)):
            return wave * gain
        noise, factor = self._noise(batch)
        return wave * gain + noise * (factor * gain * ops.sqrt(ops.mean(ops.square(wave), axis=1, keepdims=True)))

    def _shifted(self, samples: Any, limit: int, batch: Any) -> Any:
        """Each clip moved by its own whole number of samples, as one gather from the zero-padded batch."""
        width = CLIP_SAMPLES + 2 * limit
        padded = ops.reshape(ops.pad(samples, ((0, 0), (limit, limit))), (-1,))
        start = ops.cast(self._uniform(0.0, 2.0 * limit + 1.0, batch), "int32")
        start = ops.minimum(start, 2 * limit) + ops.reshape(ops.arange(batch, dtype="int32"), (-1, 1)) * width
        return ops.take(padded, start + ops.reshape(ops.arange(CLIP_SAMPLES, dtype="int32"), (1, -1)))

    def _stretched(self, samples: Any, limit: int, batch: Any) -> Any:
        """Each clip faster or slower about its middle, and shifted, by linear interpolation, float32 (batch, 16000)."""
        percent = self.settings.speed_percent
        rate = 1.0 + self._uniform(-percent / 100.0, percent / 100.0, batch)
        margin = limit + math.ceil(CLIP_SAMPLES / 2 * percent / 100) + 2
        width = CLIP_SAMPLES + 2 * margin
        padded = ops.reshape(ops.pad(ops.cast(samples, "float32"), ((0, 0), (margin, margin))), (-1,))
        middle = margin + CLIP_SAMPLES / 2 + self._uniform(-float(limit), float(limit), batch)
        position = middle + rate * (ops.reshape(ops.arange(CLIP_SAMPLES, dtype="float32"), (1, -1)) - CLIP_SAMPLES / 2)
        whole = ops.floor(position)
        first = ops.cast(whole, "int32") + ops.reshape(ops.arange(batch, dtype="int32"), (-1, 1)) * width
        before, after = ops.take(padded, first), ops.take(padded, first + 1)
        return before + (position - whole) * (after - before)

    def _noise(self, batch: Any) -> tuple[Any, Any]:
        """A noise for each clip, float32 (batch, 16000), and what scales it under a clip of RMS 1, (batch, 1)."""
        settings = self.settings
        chosen = ops.cast(ops.reshape(self._uniform(0.0, float(len(self.noises)), batch), (-1,)), "int32")
        chosen = ops.minimum(chosen, len(self.noises) - 1)
        noise = ops.cast(ops.take(ops.convert_to_tensor(self.noises), chosen, axis=0), "float32")
        level = ops.reshape(ops.take(ops.convert_to_tensor(self.noise_rms), chosen), (-1, 1))
        ratio = _amplitude(-self._uniform(settings.snr_db_low, settings.snr_db_high, batch))
        wanted = ops.cast(self._uniform(0.0, 1.0, batch) < settings.noise_probability, "float32")
        return noise, wanted * ratio / level


def _amplitude(decibels: Any) -> Any:
    return ops.power(10.0, decibels / 20.0)
