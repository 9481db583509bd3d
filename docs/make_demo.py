"""Makes docs/demo.wav again: eight words by Flite's voice slt, two seconds apart, in faint noise.

    python docs/make_demo.py

It needs Debian's package flite. The picture beside the recording is made by
``edgekws listen docs/demo.wav --picture docs/listen.svg``.
"""

import subprocess
import tempfile
from pathlib import Path

import numpy as np
import soundfile

RATE, GAP = 16_000, 2.0  # samples a second, seconds from word to word
WORDS = ("yes", "right", "one", "four", "three", "five", "down", "happy")  # small-listen finds these by slt


def spoken(word: str, folder: Path) -> np.ndarray:
    """The word as float32 of shape (n,), -1 to 1, at RATE."""
    path = folder / f"{word}.wav"
    subprocess.run(["flite", "-voice", "slt", "-t", word, "-o", str(path)], check=True)
    samples, rate = soundfile.read(path, dtype="float32")
    assert rate == RATE, f"Flite's slt speaks at {RATE} samples a second, got {rate}"
    return samples


def recording() -> np.ndarray:
    """All words, each in the middle of its GAP, over noise of about -66 dBFS."""
    step = int(GAP * RATE)
    sound = np.random.default_rng(0).normal(0, 0.0005, step * len(WORDS))
    with tempfile.TemporaryDirectory() as folder:
        for index, word in enumerate(WORDS):
            samples = spoken(word, Path(folder))
            start = index * step + (step - len(samples)) // 2
            sound[start : start + len(samples)] += samples
    return np.clip(sound, -1, 1)


if __name__ == "__main__":
    soundfile.write(Path(__file__).with_name("demo.wav"), recording(), RATE, subtype="PCM_16")
