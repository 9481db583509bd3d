"""Recordings as one small file, to take along to a machine: a zip with a Vorbis stream for each word and split.

Vorbis loses something: what is trained on these clips is not to be compared with what is trained on the recordings.
"""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import astuple
from itertools import groupby
from pathlib import Path

import numpy as np
import soundfile

from edgekws.audio import CLIP_SAMPLES, SAMPLE_RATE, Preparation
from edgekws.corpus.clips import Clip, Corpus, Noise
from edgekws.errors import UserError
from edgekws.files import atomic_write, sha256

LEVEL = 0.9  # of Vorbis: 0 is the best, 1 the smallest
MOST_BYTES = 40_000_000


def pack(corpus: Corpus, path: Path) -> int:
    """Write the clips and noises of a corpus to ``path``; how many bytes they are now. A UserError where too many."""
    content = {
        "words": corpus.words,
        "clips": [astuple(clip) for clip in corpus.clips],
        "noise": [noise.name for noise in corpus.noise],
        "source": f"{corpus.source}, through Vorbis",
        "licence": corpus.licence,
    }
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("corpus.json", json.dumps(content))
        for number, (start, stop) in enumerate(_streams(corpus.clips)):
            archive.writestr(f"clips_{number}.ogg", _coded(corpus.samples[start:stop].reshape(-1)))
        for number, noise in enumerate(corpus.noise):
            archive.writestr(f"noise_{number}.ogg", _coded(noise.samples))
    if (size := len(buffer.getvalue())) > MOST_BYTES:
        raise UserError(f"the clips come to {size / 1e6:.0f} MB, at most {MOST_BYTES / 1e6:.0f} MB fit; take fewer")
    atomic_write(path, buffer.getvalue())
    return size


def unpack(path: Path) -> Corpus:
    """The corpus of a packed file, in memory."""
    with zipfile.ZipFile(path) as archive:
        content = json.loads(archive.read("corpus.json"))
        clips = tuple(Clip(*row) for row in content["clips"])
        samples = np.empty((len(clips), CLIP_SAMPLES), np.int16)
        for number, (start, stop) in enumerate(_streams(clips)):
            samples[start:stop] = _decoded(archive.read(f"clips_{number}.ogg")).reshape(-1, CLIP_SAMPLES)
        noise = tuple(
            Noise(name, _decoded(archive.read(f"noise_{number}.ogg"))) for number, name in enumerate(content["noise"])
        )
    return Corpus(
        words=tuple(content["words"]),
        clips=clips,
        samples=samples,
        noise=noise,
        preparation=Preparation(clips=len(clips)),
        source=content["source"],
        licence=content["licence"],
        fingerprint=sha256(path),
    )


def _streams(clips: tuple[Clip, ...]) -> list[tuple[int, int]]:
    """Where the clips of each split and word begin and end: they lie one after the other."""
    bounds, start = [], 0
    for _, group in groupby(clips, key=lambda clip: (clip.split, clip.word)):
        stop = start + len(list(group))
        bounds.append((start, stop))
        start = stop
    return bounds


def _coded(samples: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    form = {"format": "OGG", "subtype": "VORBIS", "compression_level": LEVEL}
    with soundfile.SoundFile(buffer, "w", SAMPLE_RATE, 1, **form) as file:
        for start in range(0, len(samples), CLIP_SAMPLES):  # libsndfile's stack overflows where minutes come at once
            file.write(samples[start : start + CLIP_SAMPLES])
    return buffer.getvalue()


def _decoded(content: bytes) -> np.ndarray:
    return soundfile.read(io.BytesIO(content), dtype="int16")[0]
