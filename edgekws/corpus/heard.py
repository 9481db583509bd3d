"""Notes the speakers and recordings that a run learned from, and finds them again in sound that measures it.

A checksum over the first second with sound, after preparation, identifies a recording. It finds the same recording
under another name, but not a cut of it or a copy at another level.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edgekws import audio
from edgekws.audio import CLIP_SAMPLES, fit
from edgekws.corpus import other_sound
from edgekws.corpus.clips import Clip, Corpus, Split, rejects
from edgekws.files import atomic_write
from edgekws.guard import untrusted

FILE = "heard.json"
SPLITS = ("training", "validation")  # a run learns from these
_DIGITS = 10  # of a checksum: two recordings share one by chance once in 1e12


@dataclass(frozen=True)
class Heard:
    """The names of speakers and the checksums of recordings in one split."""

    speakers: frozenset[str]
    recordings: frozenset[str]


def key(samples: np.ndarray) -> str:
    """The checksum of a recording, int16 (n,), over its first second with sound; "" if it has no sound."""
    samples = samples if len(samples) >= CLIP_SAMPLES else fit(samples)
    for start in range(0, len(samples), CLIP_SAMPLES):
        second = samples[start : start + CLIP_SAMPLES]
        if second.any():
            return hashlib.sha256(np.ascontiguousarray(second, "<i2").tobytes()).hexdigest()[:_DIGITS]
    return ""


def to_text(clips: Corpus) -> str:
    """The text that ``read`` reads: named speakers and checksums of the splits that a run learns from."""
    found = {}
    for name in SPLITS:
        split = clips.split(name)
        speakers = {clip.speaker for clip in split.clips if not _made(clip) and "/" not in clip.speaker}
        found[name] = Heard(frozenset(speakers - {""}), frozenset(_keys(split)))
    return _text(found)


def read(path: Path) -> dict[str, Heard] | None:
    """What a run learned from, by split; None if it has no such file."""
    if not path.exists():
        return None
    remedy = "'edgekws check' of the run writes it again once it is removed"
    content = untrusted.json_object(path, remedy)
    with untrusted.reading(path, "list of what the run learned from", remedy):
        return {
            name: Heard(frozenset(content[name]["speakers"]), frozenset(content[name]["recordings"].split()))
            for name in SPLITS
        }


def add(path: Path, more: Mapping[str, Heard]) -> None:
    """Add to a run's file what else it learned from."""
    known = read(path) or {}
    merged = {}
    for name in SPLITS:
        both = [one[name] for one in (known, more) if name in one]
        merged[name] = Heard(
            frozenset().union(*(one.speakers for one in both)), frozenset().union(*(one.recordings for one in both))
        )
    atomic_write(path, _text(merged))


def _text(heard: Mapping[str, Heard]) -> str:
    content = {
        name: {"speakers": sorted(one.speakers), "recordings": " ".join(sorted(one.recordings))}
        for name, one in heard.items()
    }
    return json.dumps(content, ensure_ascii=False, indent=1) + "\n"


def learned(known: Mapping[str, Heard], speaker: str, sound: np.ndarray | Path) -> str:
    """The split that had this speaker or this recording (int16 (n,) or a file) when the run learned; "" if none had."""
    for split, one in known.items():
        if speaker and speaker in one.speakers:
            return split
    if not any(one.recordings for one in known.values()):
        return ""
    sum_ = key(opening(sound) if isinstance(sound, Path) else sound)
    return next((split for split, one in known.items() if sum_ in one.recordings), "")


def opening(path: Path) -> np.ndarray:
    """A recording up to the end of its first second with sound, int16 (n,)."""
    taken = np.zeros(0, np.int16)
    for block in audio.blocks(path, audio.Faults(), pipes=False):
        taken = np.concatenate([taken, block])
        if taken[: len(taken) // CLIP_SAMPLES * CLIP_SAMPLES].any():
            break
    return taken


def _made(clip: Clip) -> bool:
    """Whether a clip was made from others or by a synthesizer, and is no recording."""
    return rejects(clip.name) and not other_sound.holds(clip)


def _keys(split: Split) -> Iterator[str]:
    """The checksums of a split's recordings, without made clips."""
    taken = ""
    for clip, samples in zip(split.clips, split.samples, strict=True):
        whole = clip.name.rsplit("/", 1)[0] if other_sound.holds(clip) else clip.name
        if whole != taken and not _made(clip) and (sum_ := key(np.asarray(samples))):
            taken = whole
            yield sum_
