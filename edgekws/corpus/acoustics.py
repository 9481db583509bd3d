"""Computes sounds: noises without words, and what a room and a microphone do to a spoken word.

All functions take and return float32 in [-1, 1] at 16 kHz. Everything random comes from the generator given.
"""

from collections.abc import Sequence

import numpy as np

from edgekws.audio import SAMPLE_RATE

_AUDIBLE = 0.01  # 40 dB below the peak: quieter beginnings and ends are silence
_MARGIN = SAMPLE_RATE // 50  # 20 ms kept around a word
_REVERBERATION = 3 * SAMPLE_RATE // 5
_PLACES_HZ = (60, 120, 250, 500, 1000, 2000, 3000, 4500, 6000, 8000)
_UNEVEN = 0.15


def trim(samples: np.ndarray) -> np.ndarray:
    """Remove the silence before and after the sound, (n,)."""
    loud = np.flatnonzero(np.abs(samples) > _AUDIBLE * np.abs(samples).max(initial=1e-9))
    if not len(loud):
        return samples
    return samples[max(0, loud[0] - _MARGIN) : loud[-1] + _MARGIN]


def coloured_noise(rng: np.random.Generator, length: int, exponent: float) -> np.ndarray:
    """Noise, (length,), whose power falls as 1 / f**exponent from 20 Hz up (0 white, 1 pink, 2 brown); RMS 1."""
    frequency = np.fft.rfftfreq(length, 1 / SAMPLE_RATE).astype(np.float32)
    spectrum = np.fft.rfft(rng.standard_normal(length, np.float32))
    spectrum *= np.where(frequency < 20, 0, np.maximum(frequency, 20) ** np.float32(-exponent / 2))
    noise = np.fft.irfft(spectrum, length)
    return noise / np.sqrt(np.mean(noise**2))


def hum(rng: np.random.Generator, length: int, mains: float) -> np.ndarray:
    """Mains hum, (length,): 12 ever weaker harmonics whose loudness sways, with a little pink noise."""
    time = np.arange(length) / SAMPLE_RATE
    sway = 1 + 0.3 * np.sin(2 * np.pi * 0.2 * time + rng.uniform(0, 2 * np.pi))
    tones = sum(
        np.sin(2 * np.pi * mains * k * time + rng.uniform(0, 2 * np.pi)) * rng.uniform(0.5, 1) / k for k in range(1, 13)
    )
    return (sway * tones + 0.2 * coloured_noise(rng, length, 1)).astype(np.float32)


def clicks(rng: np.random.Generator, length: int) -> np.ndarray:
    """Clatter, (length,): about four short ringing knocks a second, with quiet pink noise."""
    sound = 0.02 * coloured_noise(rng, length, 1)
    knock = np.arange(SAMPLE_RATE // 10)
    for start in rng.integers(0, length - len(knock), size=4 * length // SAMPLE_RATE):
        ring = np.sin(2 * np.pi * rng.uniform(300, 4000) * knock / SAMPLE_RATE)
        sound[start : start + len(knock)] += rng.uniform(0.1, 1) * ring * np.exp(-knock / rng.uniform(50, 400))
    return sound.astype(np.float32)


def calls(rng: np.random.Generator, length: int) -> np.ndarray:
    """Sounds like animals, sirens and toys, (length,): about three calls in two seconds, with quiet pink noise.

    A call is a harmonic sound of 0.1 to 0.9 s whose pitch and one resonance glide. The end of the sound may cut it off.
    """
    sound = 0.02 * coloured_noise(rng, length, 1)
    for start in rng.integers(0, length - SAMPLE_RATE // 10, size=max(3 * length // (2 * SAMPLE_RATE), 1)):
        size = min(int(rng.uniform(0.1, 0.9) * SAMPLE_RATE), length - int(start))
        pitch = np.exp(rng.uniform(np.log(150), np.log(1500))) * _glide(rng, size, 0.6, 1.7)
        resonance, width = _glide(rng, size, 500, 4000), rng.uniform(0.3, 1.5)
        phase = 2 * np.pi * np.cumsum(pitch) / SAMPLE_RATE
        call = np.zeros(size)
        for k in range(1, 13):
            octaves = np.log2(k * pitch / resonance)
            call += (k * pitch < 7000) * np.sin(k * phase) / (k * (1 + (octaves / width) ** 2))
        call *= np.sin(np.pi * (np.arange(size) + 0.5) / size) ** rng.uniform(0.3, 2)
        sound[start : start + size] += rng.uniform(0.2, 1) * call / max(np.abs(call).max(), 1e-6)
    return sound.astype(np.float32)


def drawn(rng: np.random.Generator, length: int, kinds: Sequence[str]) -> np.ndarray:
    """A sound, (length,), of a random one of ``kinds``: "hum" (50 or 60 Hz), "clicks", "calls" or coloured "noise"."""
    kind = kinds[int(rng.integers(len(kinds)))]
    if kind == "hum":
        return hum(rng, length, rng.choice([50, 60]))
    if kind == "noise":
        return coloured_noise(rng, length, rng.uniform(0, 2))
    return {"clicks": clicks, "calls": calls}[kind](rng, length)


def _glide(rng: np.random.Generator, length: int, low: float, high: float) -> np.ndarray:
    """A curve, (length,), through three random values from low to high, uniform on a logarithmic scale."""
    return np.interp(np.arange(length), np.linspace(0, length, 3), np.exp(rng.uniform(np.log(low), np.log(high), 3)))


def at_speed(rng: np.random.Generator, sound: np.ndarray, percent: float) -> np.ndarray:
    """Play a sound, (n,), up to ``percent`` faster or slower by linear interpolation. The pitch changes with it."""
    speed = 1 + rng.uniform(-percent, percent) / 100
    places = np.arange(0, len(sound) - 1, speed)
    return np.interp(places, np.arange(len(sound)), sound).astype(np.float32)


def articulated(rng: np.random.Generator, word: np.ndarray) -> np.ndarray:
    """A word, (n,), whose sounds are up to 16 % longer or shorter than each other, with pitch as it comes with that."""
    speed = np.exp(np.interp(np.arange(len(word)), np.linspace(0, len(word), 4), rng.uniform(-_UNEVEN, _UNEVEN, 4)))
    times = np.cumsum(1 / speed)
    return np.interp(np.arange(int(times[-1])), times - times[0], word).astype(np.float32)


def record(rng: np.random.Generator, word: np.ndarray, length: int) -> np.ndarray:
    """Turn a dry word, (n,), into a recording, (length,), with a random room, microphone, level, place and noise.

    Peaks are at -30 to 0 dB of full scale, most near -6; a fifth of the recordings is overdriven. Words are anywhere in
    the second, 8 to 55 dB above the noise. This is much like recordings that people make with their own devices.
    """
    size = 1 << max(len(word) + _REVERBERATION, length).bit_length()
    transfer = np.fft.rfft(room(rng), size) * _microphone(rng, size)
    heard = np.fft.irfft(np.fft.rfft(word, size) * transfer, size)[: max(len(word), length)]
    heard /= np.abs(heard).max(initial=1e-9)
    if rng.random() < 0.2:
        drive = rng.uniform(1, 4)
        heard = np.tanh(drive * heard) / np.tanh(drive)
    heard = heard * np.float32(10 ** (rng.triangular(-30, -6, 0) / 20))
    loudness = np.sqrt(np.mean(heard[: len(word)] ** 2))
    recording = coloured_noise(rng, length, rng.uniform(0, 2)) * (
        loudness * np.float32(10 ** (-rng.uniform(8, 55) / 20))
    )
    if len(word) > length:
        return recording + heard[(len(word) - length) // 2 :][:length]
    start = int(rng.integers(0, length - len(word) + 1))
    recording[start:] += heard[: length - start]
    return recording


def room(rng: np.random.Generator) -> np.ndarray:
    """A room's impulse response: direct sound, up to 8 reflections within 30 ms, then noise that fades.

    The noise begins after 1 to 20 ms, is 2 to 28 dB below the direct sound and falls by 60 dB in 0.08 to 0.8 s; below
    2 kHz it falls more slowly, as walls take high tones first.
    """
    time = np.arange(_REVERBERATION, dtype=np.float32) / SAMPLE_RATE
    seconds = np.exp(rng.uniform(np.log(0.08), np.log(0.8)))
    dull = np.convolve(rng.standard_normal(_REVERBERATION, np.float32), np.full(4, 0.5, np.float32), "same")
    tail = rng.standard_normal(_REVERBERATION, np.float32) * np.exp(np.float32(-6.9 / seconds) * time)
    tail += dull * np.exp(np.float32(-6.9 / (1.5 * seconds)) * time)
    tail[: int(rng.uniform(0.001, 0.02) * SAMPLE_RATE)] = 0
    tail *= np.float32(10 ** (-rng.uniform(2, 28) / 20)) / np.sqrt(np.sum(tail**2))
    tail[0] = 1
    for place in rng.uniform(0.0006, 0.03, rng.integers(0, 9)):
        tail[int(place * SAMPLE_RATE)] += rng.uniform(-0.5, 0.5)
    return tail


def far_room(rng: np.random.Generator) -> np.ndarray:
    """A room's impulse response some metres from who speaks: sound (n,) float32 that begins with the direct sound.

    The direct sound has 9 dB more to 12 dB less energy than all that follows. That is 2 to 20 reflections, ever denser
    and weaker, within 40 ms, and noise that falls by 60 dB in 0.25 to 1.5 s, high tones sooner.
    """
    time = np.arange(_REVERBERATION, dtype=np.float32) / SAMPLE_RATE
    seconds = np.exp(rng.uniform(np.log(0.25), np.log(1.5)))
    bright = rng.standard_normal(_REVERBERATION, np.float32) * np.exp(np.float32(-6.9 / (0.6 * seconds)) * time)
    dull = np.convolve(rng.standard_normal(_REVERBERATION, np.float32), np.full(6, 0.4, np.float32), "same")
    tail = bright + dull * np.exp(np.float32(-6.9 / seconds) * time)
    tail *= np.minimum(time / np.float32(rng.uniform(0.005, 0.03)), 1)
    tail /= np.sqrt(np.sum(tail**2))
    places = np.sort(rng.triangular(0.001, 0.04, 0.04, rng.integers(2, 21)))
    strengths = rng.uniform(-1, 1, len(places)) * np.exp(-places / rng.uniform(0.01, 0.05))
    early = np.zeros_like(tail)
    np.add.at(early, (places * SAMPLE_RATE).astype(int), strengths.astype(np.float32))
    early *= np.float32(rng.uniform(0.3, 1.2)) / np.sqrt(np.sum(early**2))
    echoes = tail + early
    echoes *= np.float32(10 ** (-rng.uniform(-12, 9) / 20)) / np.sqrt(np.sum(echoes**2))
    echoes[0] += 1
    return echoes


def _microphone(rng: np.random.Generator, size: int) -> np.ndarray:
    """A microphone's gain at each frequency of an FFT of `size`.

    It wanders by about 3 dB from octave to octave, within 18 dB, over a slope of up to 3 dB an octave. It is low below
    40 to 250 Hz, and in a quarter of all above 3 to 7 kHz.
    """
    frequency = np.maximum(np.fft.rfftfreq(size, 1 / SAMPLE_RATE), 20).astype(np.float32)
    wandering = np.cumsum(rng.normal(0, 3, len(_PLACES_HZ)))
    decibels = np.interp(np.log2(frequency), np.log2(_PLACES_HZ), np.clip(wandering - wandering.mean(), -18, 18))
    gain = 10 ** ((decibels + np.log2(frequency / 1000) * rng.uniform(-3, 3)) / 20)
    gain /= np.sqrt(1 + (rng.uniform(40, 250) / frequency) ** 4)
    if rng.random() < 0.25:
        gain /= np.sqrt(1 + (frequency / rng.uniform(3000, 7000)) ** 8)
    return gain.astype(np.float32)
