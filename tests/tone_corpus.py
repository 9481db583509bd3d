"""A corpus a network learns in seconds: each word is a tone of its own, at random level, phase and place."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile

WORDS = ("low", "middle", "high")
FREQUENCIES = (300.0, 900.0, 2700.0)
SPEAKERS = 30


def write(folder: Path, clips: int = 60, seed: int = 0) -> Path:
    """A folder in the layout of Speech Commands: WORD/SPEAKER_nohash_N.wav, with background noise."""
    rng = np.random.default_rng(seed)
    time = np.arange(16_000) / 16_000
    for word, frequency in zip(WORDS, FREQUENCIES, strict=True):
        (folder / word).mkdir(parents=True)
        for i in range(clips):
            start = rng.uniform(0.0, 0.4)
            tone = np.sin(2 * np.pi * frequency * time + rng.uniform(0, 6.28)) * ((time > start) & (time < start + 0.5))
            samples = rng.uniform(0.1, 0.5) * tone + rng.normal(0, 0.01, 16_000)
            speaker = f"{i % SPEAKERS:08x}"
            soundfile.write(folder / word / f"{speaker}_nohash_{i // SPEAKERS}.wav", samples, 16_000)
    noise = folder / "_background_noise_"
    noise.mkdir()
    soundfile.write(noise / "hiss.wav", rng.normal(0, 0.05, 48_000), 16_000)
    return folder


def recipe(folder: Path, **changes: object) -> dict[str, object]:
    """Changes to the default recipe for a quick run over this corpus; keyword names use __ for the dot."""
    quick = {
        "name": "tones",
        "data.source": str(folder),
        "data.words": list(WORDS),
        "data.validation_percent": 25.0,
        "data.testing_percent": 25.0,
        "training.epochs": 4,
        "training.batch_size": 16,
        "training.mixed_precision": "none",  # the same on every machine
        "quantization.epochs": 1,
        "quantization.calibration_clips": 64,
    }
    return quick | {key.replace("__", "."): value for key, value in changes.items()}
