"""Speech Commands as a few small files, to take along to a machine: FLAC streams of 8-bit mu-law codes, in zips.

The codes are what a network with ``coding = "mu_law"`` reads, so that nothing is lost where training changes no clip.
Other training hears the rounding of the codes. Every file is a share of the corpus, with all its words and splits, so
that one of them is enough to measure speed. The first also has the noises.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Sequence
from dataclasses import astuple
from functools import cache
from itertools import groupby
from pathlib import Path

import numpy as np
import soundfile

from edgekws.audio import CLIP_SAMPLES, SAMPLE_RATE, Preparation
from edgekws.corpus.clips import Clip, Corpus, Noise
from edgekws.errors import UserError
from edgekws.files import atomic_write, sha256
from edgekws.model import coding, front_end

MOST_BYTES = 50_000_000  # of a file


def pack(corpus: Corpus, folder: Path, parts: int) -> list[int]:
    """Write ``folder/part-1.zip`` and so on; their bytes. A UserError where a file gets too large."""
    sizes: list[int] = []
    folder.mkdir(parents=True, exist_ok=True)
    for part in range(parts):
        chosen = np.arange(part, len(corpus.clips), parts)
        clips = tuple(corpus.clips[i] for i in chosen)
        content = {
            **{"part": part, "parts": parts, "words": corpus.words, "clips": [astuple(clip) for clip in clips]},
            "noise": [noise.name for noise in corpus.noise] if part == 0 else [],
            **{"source": f"{corpus.source}, as mu-law codes", "licence": corpus.licence},
        }
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr("corpus.json", json.dumps(content))
            for number, (start, stop) in enumerate(_streams(clips)):
                archive.writestr(f"clips_{number}.flac", _coded(np.asarray(corpus.samples[chosen[start:stop]])))
            for number, noise in enumerate(corpus.noise if part == 0 else ()):
                archive.writestr(f"noise_{number}.flac", _coded(noise.samples[None]))
        sizes.append(len(buffer.getvalue()))
        if sizes[-1] > MOST_BYTES:
            raise UserError(
                f"part {part + 1} of {parts} comes to {sizes[-1] / 1e6:.0f} MB, at most {MOST_BYTES / 1e6:.0f} MB fit; "
                "take more parts or fewer clips"
            )
        atomic_write(folder / f"part-{part + 1}.zip", buffer.getvalue())
    return sizes


def unpack(paths: Sequence[Path]) -> Corpus:
    """The corpus of some parts of one packing, the first among them, in memory and in the order that it had."""
    found: list[tuple[int, Clip, np.ndarray]] = []  # place in the corpus, clip, samples
    for path in sorted(paths):
        with zipfile.ZipFile(path) as archive:
            content = json.loads(archive.read("corpus.json"))
            clips = tuple(Clip(*row) for row in content["clips"])
            for number, (start, stop) in enumerate(_streams(clips)):
                sound = _decoded(archive.read(f"clips_{number}.flac")).reshape(-1, CLIP_SAMPLES)
                places = range(content["part"] + start * content["parts"], 1 << 40, content["parts"])
                found += zip(places, clips[start:stop], sound, strict=False)
            if content["part"] == 0:
                first = content
                noise = tuple(
                    Noise(name, _decoded(archive.read(f"noise_{number}.flac")))
                    for number, name in enumerate(content["noise"])
                )
    found.sort(key=lambda one: one[0])
    return Corpus(
        words=tuple(first["words"]),
        clips=tuple(clip for _, clip, _ in found),
        samples=np.stack([sound for _, _, sound in found]),
        noise=noise,
        preparation=Preparation(clips=len(found)),
        source=first["source"] + (f" ({len(paths)} of {first['parts']} parts)" if len(paths) < first["parts"] else ""),
        licence=first["licence"],
        fingerprint=" ".join(sha256(path) for path in sorted(paths)),
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
    """int16 (clips, n) → one FLAC stream of their codes."""
    codes = coding.encode(front_end.process(samples, level_control=False), "mu_law")
    buffer = io.BytesIO()
    form = {"format": "FLAC", "subtype": "PCM_S8", "compression_level": 1.0}
    soundfile.write(buffer, codes.reshape(-1).astype(np.int16) << 8, SAMPLE_RATE, **form)
    return buffer.getvalue()


def _decoded(content: bytes) -> np.ndarray:
    codes = soundfile.read(io.BytesIO(content), dtype="int16")[0] >> 8
    return _samples()[codes.astype(np.int16) + 128]


@cache
def _samples() -> np.ndarray:
    """The middle of the samples that each code stands for, int16 (256,), by code + 128."""
    table = coding.table("mu_law").astype(int)
    samples = np.arange(-32_768, 32_768)
    middles = [np.floor(np.mean(samples[table == code])) if (table == code).any() else 0 for code in range(-128, 128)]
    return np.array(middles, np.int16)
