"""Turns batches of int16 recordings into network inputs: augmentation in training, the front end, the int8 coding.

It is a Keras layer that uses only ``keras.ops``, so that it runs inside the training step, on a GPU if there is one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import keras
import numpy as np
from keras import ops

from edgekws.audio import CLIP_SAMPLES, SAMPLE_RATE
from edgekws.model import coding, front_end
from edgekws.recipe import Augment

OCTAVES = 7  # of the equalizer: 4 to 8 kHz, 2 to 4 kHz and so on; the last is all below 125 Hz
HEADROOM_DB = 12.0  # sound before a clip may have been louder than the clip by this
NOISE_HOP = 4_000  # samples between windows of background noise: a quarter of a second


def noise_windows(noises: Iterable[np.ndarray], length: int = CLIP_SAMPLES) -> np.ndarray:
    """Windows of all recordings, int16 (windows, length). Recordings shorter than a window give none."""
    cut = [np.lib.stride_tricks.sliding_window_view(n, length)[::NOISE_HOP] for n in noises if n.size >= length]
    return np.concatenate(cut) if cut else np.zeros((0, length), np.int16)


class Front(keras.layers.Layer):
    """int16 (batch, window) → float32 (batch, 1, window, 1): ``code / 128``, after augmentation if ``training``.

    Before the coding it does the work of ``model.front_end`` in float: its offset is within one unit of that in
    integers.

    Augmentation changes a clip by
    - a shift of up to ``shift_ms``, with zeros in the gap,
    - a speed of up to ``speed_percent`` more or less; pitch and formants move with it, as from speaker to speaker,
    - with ``room_probability``, the echo of a room, at the clip's level,
    - a level of each octave of up to ``equalizer_db`` more or less, without a change of the whole level,
    - silence in a stretch of up to ``mask_ms``,
    - a gain of up to ``gain_db`` up or down,
    - and, with ``noise_probability``, background noise at a signal-to-noise ratio that is uniform in decibels.

    For half of the clips, level control heard nothing before. For the others it heard something between as loud as the
    clip's first block and 12 dB louder than the whole clip. All random numbers are uniform and come from one seed
    generator, whose state is one of the model's variables.
    """

    def __init__(
        self,
        settings: Augment,
        heard: front_end.Input,
        noises: np.ndarray,
        seed: int,
        rooms: np.ndarray | None = None,
        with_dry: bool = False,
        around: int = 0,
        **kwargs: Any,
    ) -> None:
        """With ``with_dry`` it returns two inputs: as heard in rooms, and the same clips without a room. Noise is set
        against the clip's level without ``around`` samples on either side, which may be silent."""
        super().__init__(dtype="float32", trainable=False, **kwargs)
        self.with_dry, self.around = with_dry, around
        self.rooms: Any = None if rooms is None else ops.convert_to_tensor(rooms)
        self.settings = settings
        self.input_coding, self.level_control = heard.coding, heard.level_control
        rms = [max(np.sqrt(np.mean(np.square(n, dtype=np.float32))), 1.0) for n in noises]
        # tensors: a compiler would treat arrays as constants, which takes long
        self.noises, self.noise_rms = ops.convert_to_tensor(noises), ops.convert_to_tensor(rms, "float32")
        self.seed_generator = keras.random.SeedGenerator(seed)
        self._limit = round(settings.shift_ms * SAMPLE_RATE / 1000)
        self._augmented_and_coded = _compiled(self._changed_and_coded)

    def call(self, samples: Any, training: bool = False) -> Any:
        if training:
            coded = self._augmented_and_coded(samples, self._drawn(ops.shape(samples)[0]))
        else:
            coded = [self._coded(self._front_end(ops.cast(samples, "float32")))]
        shaped = [ops.reshape(one, (-1, 1, samples.shape[1], 1)) for one in coded]
        return [shaped[0], shaped[-1]] if self.with_dry else shaped[0]

    def compute_output_shape(self, input_shape: tuple[Any, ...]) -> Any:
        shape = (input_shape[0], 1, input_shape[1], 1)
        return [shape, shape] if self.with_dry else shape

    def _changed_and_coded(self, samples: Any, drawn: dict[str, Any]) -> list[Any]:
        waves = [ops.clip(ops.floor(w + 0.5), -32_768.0, 32_767.0) for w in self._changed(samples, drawn)]
        return [self._coded(self._front_end(wave, drawn)) for wave in waves]

    def _coded(self, wave: Any) -> Any:
        """Whole numbers in the range of int16 → ``code / 128``."""
        if self.input_coding == "linear":
            return ops.minimum(ops.floor(wave * (1 / 256) + 0.5), 127.0) * (1 / 128)
        table = ops.convert_to_tensor(coding.table(self.input_coding).astype(np.float32) / 128)
        return ops.take(table, ops.cast(wave + 32_768.0, "int32"))

    def _front_end(self, wave: Any, drawn: Mapping[str, Any] | None = None) -> Any:
        """Whole numbers (batch, window) → the same after the front end. ``drawn``: random numbers for earlier sound."""
        length = wave.shape[1]
        blocks = ops.reshape(wave, (-1, length // front_end.BLOCK, front_end.BLOCK))
        means = ops.mean(blocks, axis=2)
        kept = 31 / 32  # share of d left after a block
        d = _scanned(ops.concatenate([means[:, :1], means[:, 1:] * (1 - kept)], axis=1), 0.0,
                     lambda now, before, reach: now + kept**reach * before)  # fmt: skip
        blocks = ops.clip(blocks - ops.floor(d + 0.5)[..., None], -32_767.0, 32_767.0)
        if self.level_control:
            envelope = _envelope(ops.max(ops.abs(blocks), axis=2), drawn)
            blocks = ops.floor(blocks * (front_end.LEVEL / envelope)[..., None] + 0.5)
        return ops.reshape(blocks, (-1, length))

    def _drawn(self, batch: Any) -> dict[str, Any]:
        """All random numbers for a batch by name, float32 (batch, 1), or (batch, 7) for the octaves. They are drawn
        outside of what XLA compiles, which has another generator."""
        settings = self.settings
        ranges: dict[str, tuple[float, float]] = {}
        if settings.speed_percent:
            ranges["speed"] = (-settings.speed_percent / 100.0, settings.speed_percent / 100.0)
            ranges["shift"] = (-float(self._limit), float(self._limit))
        elif self._limit:
            ranges["shift"] = (0.0, 2.0 * self._limit + 1.0)
        if settings.equalizer_db:
            ranges["octave_db"] = (-settings.equalizer_db, settings.equalizer_db)
        if self.rooms is not None:
            ranges["in_room"], ranges["room"] = (0.0, 1.0), (0.0, float(len(self.rooms)))
        if settings.mask_ms:
            ranges["mask"], ranges["mask_start"] = (0.0, settings.mask_ms * SAMPLE_RATE / 1000), (0.0, 1.0)
        if settings.gain_db:
            ranges["gain_db"] = (-settings.gain_db, settings.gain_db)
        if self._noisy:
            ranges["noise"] = (0.0, float(len(self.noises)))
            ranges["snr_db"] = (settings.snr_db_low, settings.snr_db_high)
            ranges["noisy"] = (0.0, 1.0)
        if self.level_control:
            ranges["heard_before"], ranges["level_before"] = (0.0, 1.0), (0.0, 1.0)
        return {
            name: keras.random.uniform(
                (batch, OCTAVES if name == "octave_db" else 1), low, high, dtype="float32", seed=self.seed_generator
            )
            for name, (low, high) in ranges.items()
        }

    @property
    def _noisy(self) -> bool:
        return bool(self.settings.noise_probability and len(self.noises))

    def _changed(self, samples: Any, drawn: dict[str, Any]) -> list[Any]:
        """The whole augmentation; if asked for, the same without rooms too, where there are rooms.

        Every pass over the samples costs, so all gains become one factor a clip.
        """
        if self.settings.equalizer_db:  # first: later, the gather would be done again for each octave
            samples = _equalized(ops.cast(samples, "float32"), _amplitude(drawn["octave_db"]))
        if self.settings.speed_percent:
            wave = self._stretched(samples, drawn)
        else:
            wave = ops.cast(self._shifted(samples, drawn) if self._limit else samples, "float32")
        waves = [wave]
        if self.rooms is not None:
            heard = self._reverberated(wave, drawn["room"])
            heard = ops.where(drawn["in_room"] < self.settings.room_probability, heard, wave)
            waves = [heard, wave] if self.with_dry else [heard]
        return [self._at_level(one, drawn) for one in waves]

    def _at_level(self, wave: Any, drawn: dict[str, Any]) -> Any:
        """A wave (batch, n) with a stretch of silence, a gain and noise."""
        if self.settings.mask_ms:
            wave = _masked(wave, drawn["mask"], drawn["mask_start"])
        gain = _amplitude(drawn["gain_db"]) if self.settings.gain_db else 1.0
        if not self._noisy:
            return wave * gain
        noise, factor = self._noise(drawn)
        clip = wave[:, self.around : wave.shape[1] - self.around]
        return wave * gain + noise * (factor * gain * _rms(clip))

    def _shifted(self, samples: Any, drawn: dict[str, Any]) -> Any:
        """Each clip shifted by its own whole number of samples: one gather from the zero-padded batch."""
        limit, length = self._limit, samples.shape[1]
        padded = ops.reshape(ops.pad(samples, ((0, 0), (limit, limit))), (-1,))
        start = ops.minimum(ops.cast(drawn["shift"], "int32"), 2 * limit) + _rows(samples, length + 2 * limit)
        return ops.take(padded, start + ops.reshape(ops.arange(length, dtype="int32"), (1, -1)))

    def _stretched(self, samples: Any, drawn: dict[str, Any]) -> Any:
        """Each clip shifted, and faster or slower around its middle, by linear interpolation: float32 (batch, n)."""
        length = samples.shape[1]
        margin = self._limit + math.ceil(length / 2 * self.settings.speed_percent / 100) + 2
        padded = ops.reshape(ops.pad(ops.cast(samples, "float32"), ((0, 0), (margin, margin))), (-1,))
        middle = margin + length / 2 + drawn["shift"]
        time = ops.reshape(ops.arange(length, dtype="float32"), (1, -1)) - length / 2
        position = middle + (1.0 + drawn["speed"]) * time
        whole = ops.floor(position)
        first = ops.cast(whole, "int32") + _rows(samples, length + 2 * margin)
        before, after = ops.take(padded, first), ops.take(padded, first + 1)
        return before + (position - whole) * (after - before)

    def _reverberated(self, wave: Any, room: Any) -> Any:
        """Each clip (batch, n) in a room of its own, at the same level. What was said before the clip has no echo."""
        length, taps = wave.shape[1], self.rooms.shape[1]
        size = 1 << (length + taps - 1).bit_length()
        chosen = ops.minimum(ops.cast(ops.reshape(room, (-1,)), "int32"), len(self.rooms) - 1)
        responses = ops.take(self.rooms, chosen, axis=0)
        (real, imaginary), (a, b) = (ops.rfft(one, size) for one in (wave, responses))
        heard = ops.irfft((real * a - imaginary * b, real * b + imaginary * a), size)[:, :length]
        return heard * (_rms(wave) / ops.maximum(_rms(heard), 1e-3))

    def _noise(self, drawn: dict[str, Any]) -> tuple[Any, Any]:
        """A noise for each clip, float32 (batch, window), and its factor (batch, 1) for a clip of RMS 1."""
        chosen = ops.cast(ops.reshape(drawn["noise"], (-1,)), "int32")
        chosen = ops.minimum(chosen, len(self.noises) - 1)
        noise = ops.cast(ops.take(self.noises, chosen, axis=0), "float32")
        level = ops.reshape(ops.take(self.noise_rms, chosen), (-1, 1))
        wanted = ops.cast(drawn["noisy"] < self.settings.noise_probability, "float32")
        return noise, wanted * _amplitude(-drawn["snr_db"]) / level


def _envelope(peaks: Any, drawn: Mapping[str, Any] | None) -> Any:
    """Level control's envelope of each block, from the blocks' peaks: float32 (batch, blocks)."""
    peaks = ops.log(ops.maximum(peaks, float(front_end.LOWEST_PEAK)))
    fall = -math.log(1 - 2.0**-front_end.DECAY)  # in one block
    if drawn is not None:
        quietest, loudest = peaks[:, :1], ops.max(peaks, axis=1, keepdims=True) + math.log(10) * HEADROOM_DB / 20
        before = quietest + drawn["level_before"] * (loudest - quietest) - fall
        first = ops.where(drawn["heard_before"] < 0.5, quietest, ops.maximum(quietest, before))
        peaks = ops.concatenate([first, peaks[:, 1:]], axis=1)
    return ops.exp(_scanned(peaks, -math.inf, lambda now, before, reach: ops.maximum(now, before - reach * fall)))


def _scanned(values: Any, neutral: float, combined: Callable[[Any, Any, int], Any]) -> Any:
    """A recurrence along rows (batch, n) in log2 n steps: combines each value with all values before it.

    ``combined(now, before, reach)`` joins the results of two places that are ``reach`` apart. ``neutral`` stands for
    values before the first.
    """
    count, reach = values.shape[1], 1
    while reach < count:
        before = ops.pad(values[:, :-reach], ((0, 0), (reach, 0)), constant_values=neutral)
        values, reach = combined(values, before, reach), 2 * reach
    return values


def _equalized(wave: Any, gains: Any) -> Any:
    """Waves (batch, n) with their octaves multiplied by gains (batch, 7), highest octave first, at the same level.

    The octaves are those of the Haar wavelet without decimation (Holschneider et al. 1989, "à trous"): the differences
    of means over ever twice as many samples. Means reach forward and back in turn, so that the sound does not move.
    """
    reaches = [2**octave for octave in range(OCTAVES - 1)]
    back, forward = sum(reaches[1::2]), sum(reaches[::2])
    before, width, level = back, wave.shape[1], _rms(wave)
    wave = ops.pad(wave, ((0, 0), (back, forward)))
    heard: Any = 0.0
    for octave, reach in enumerate(reaches):
        smooth = 0.5 * (wave[:, :-reach] + wave[:, reach:])  # shorter by reach: avoids padding again
        after = before - reach if octave % 2 else before
        detail = wave[:, before : before + width] - smooth[:, after : after + width]
        heard = heard + gains[:, octave : octave + 1] * detail
        wave, before = smooth, after
    heard = heard + gains[:, -1:] * wave
    return heard * (level / ops.maximum(_rms(heard), 1e-3))


def _rms(wave: Any) -> Any:
    return ops.sqrt(ops.mean(ops.square(wave), axis=1, keepdims=True))


def _masked(wave: Any, length: Any, start: Any) -> Any:
    """Waves (batch, n) with ``length`` silent samples (batch, 1), which begin at ``start`` (batch, 1), 0 to 1."""
    whole = wave.shape[1]
    time = ops.reshape(ops.arange(whole, dtype="float32"), (1, -1)) - start * (whole - length)
    return ops.where(ops.logical_and(time >= 0.0, time < length), 0.0, wave)


def _rows(samples: Any, width: int) -> Any:
    """The start of each clip's row of ``width`` in a flattened batch, int32 (batch, 1)."""
    return ops.reshape(ops.arange(ops.shape(samples)[0], dtype="int32"), (-1, 1)) * width


def _compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function compiled by XLA on the TensorFlow backend: one pass over the samples instead of about thirty."""
    if keras.backend.backend() != "tensorflow":
        return function
    import tensorflow as tf

    return tf.function(function, jit_compile=True)


def _amplitude(decibels: Any) -> Any:
    return ops.power(10.0, decibels / 20.0)
