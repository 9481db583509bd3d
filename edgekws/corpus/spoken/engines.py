"""Speaks the words of a set with other voices than eSpeak's: Debian's flite, and Piper voices from a user's files.

Each voice says the words, and as many other texts, so that a voice does not give away the class.
"""

from __future__ import annotations

import random
import shutil
import subprocess
import wave
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soxr

from edgekws.audio import SAMPLE_RATE, Preparation, to_int16
from edgekws.corpus import acoustics
from edgekws.corpus.clips import SPLITS, UNKNOWN, Clip, Selection
from edgekws.corpus.folder.splits import speaker_split
from edgekws.corpus.spoken import phrases
from edgekws.corpus.store import Plan
from edgekws.errors import UserError
from edgekws.files import scratch

FLITE = "flite"
FLITE_CLIPS, PIPER_CLIPS = 80, 400  # training clips of each word
_FLITE_VOICES = ("awb", "kal16", "rms", "slt")
_FORMAT = 2  # increase it whenever these clips change
Say = Callable[[str, str, random.Random], np.ndarray]  # (text, voice, generator) → float32 (n,) at 16 kHz


@dataclass(frozen=True)
class _Said:
    clip: Clip
    text: str


def flite(words: Sequence[str], selection: Selection) -> Plan:
    """A plan with flite's four voices, for training. Raises UserError if flite is not installed."""
    if shutil.which(FLITE) is None:
        raise UserError("flite is not installed; try: apt-get install flite (or leave it out of data.sources)")
    return _plan(words, selection, FLITE, {"training": _FLITE_VOICES}, FLITE_CLIPS, lambda: _flite, "flite (BSD-like)")


def piper(folder: Path, words: Sequence[str], selection: Selection) -> Plan:
    """A plan with the voices of a folder of Piper's files, NAME.onnx and NAME.onnx.json. Every speaker is a voice."""
    voices: dict[str, list[str]] = {}
    for path in _models(folder):
        for voice in _speakers(path):
            split = speaker_split(voice, selection.validation_percent, selection.testing_percent)
            voices.setdefault(split, []).append(voice)
    voices.setdefault("training", [voice for found in voices.values() for voice in found])
    licence = f"voices of Piper in {folder.name}, whose licences are theirs"
    return _plan(words, selection, folder.name, voices, PIPER_CLIPS, lambda: _Piper(folder), licence)


def is_piper(folder: Path) -> bool:
    """Whether a folder has Piper voices."""
    return folder.is_dir() and any(folder.rglob("*.onnx"))


def _plan(
    words: Sequence[str],
    selection: Selection,
    name: str,
    voices: Mapping[str, Sequence[str]],
    count: int,
    speaker: Callable[[], Say],
    licence: str,
) -> Plan:
    said = [one for split in SPLITS if split in voices for one in _drawn(words, split, voices[split], count, selection)]

    def recordings() -> Iterator[tuple[np.ndarray, Preparation]]:
        say, rng = speaker(), np.random.default_rng([selection.seed, 3])
        for one in said:
            drawn = random.Random(f"{selection.seed} {one.clip.name}")
            sound = acoustics.trim(say(one.text, one.clip.speaker, drawn))[: selection.length]
            yield to_int16(acoustics.record(rng, sound, selection.length)), Preparation(1, resampled=1)

    return Plan(
        words=tuple(words),
        clips=tuple(one.clip for one in said),
        recordings=recordings,
        noise=lambda: (),
        preparation=Preparation(),
        source=f"{sum(map(len, voices.values()))} voices of {name}",
        licence=f"Speech synthesized with {licence}.",
        settings=[name, _FORMAT, selection.seed, [[astuple(one.clip), one.text] for one in said]],
        length=selection.length,
    )


def _drawn(
    words: Sequence[str], split: str, voices: Sequence[str], count: int, selection: Selection
) -> Iterator[_Said]:
    """``count`` clips of each word (a tenth in the other splits), then as many of ``others``, by voices in turn."""
    rng, training = random.Random(f"{selection.seed} {split} {voices[0]}"), split == "training"
    number = count if training else max(count // 10, len(voices))
    for word in words:
        for i in range(number):
            voice = voices[i % len(voices)]
            yield _Said(Clip(f"{word}/{voice}_nohash_{i}", word, voice, split), word + rng.choice(".?!,"))
    parts = [part for word in words if " " in word for part in word.split()]
    for i in range(number * len(words) if selection.others else 0):
        voice = voices[i % len(voices)]
        text = phrases.sentence(rng, words, training=training) if i % 2 else phrases.word(rng, words, training=training)
        text = rng.choice(parts) if parts and i % 4 == 0 else text
        yield _Said(Clip(f"{UNKNOWN}/{split}_{i:05}", UNKNOWN, voice, split), text + ".")


def _flite(text: str, voice: str, rng: random.Random) -> np.ndarray:
    with scratch() as folder:
        made = folder / "said.wav"
        settings = [f"duration_stretch={rng.uniform(0.8, 1.3):.2f}", f"int_f0_target_mean={rng.uniform(85, 210):.0f}"]
        command = [FLITE, "-voice", voice, *(part for one in settings for part in ("--setf", one)), "-t", text]
        done = subprocess.run([*command, "-o", str(made)], capture_output=True, text=True)
        if done.returncode or not made.exists():
            raise UserError(
                f"flite says nothing for {text!r}: {done.stderr.strip() or 'no message'}; leave flite out of "
                "data.sources"
            )
        with wave.open(str(made)) as file:
            sound = np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.float32) / 32_768
            return _at_16_khz(sound, file.getframerate())


class _Piper:
    """Piper's voices by name. Each is loaded when it is first used."""

    def __init__(self, folder: Path) -> None:
        try:
            import piper
        except ImportError:
            raise UserError("Piper is not installed; try: pip install 'edgekws[piper]'") from None
        self._piper, self._folder = piper, folder
        self._loaded: dict[str, Any] = {}

    def __call__(self, text: str, voice: str, rng: random.Random) -> np.ndarray:
        name, _, speaker = voice.partition(":")
        if name not in self._loaded:
            path = next(path for path in _models(self._folder) if path.stem == name)
            self._loaded[name] = self._piper.PiperVoice.load(str(path))
        model = self._loaded[name]
        settings = self._piper.SynthesisConfig(
            speaker_id=int(speaker) if speaker else None, length_scale=rng.uniform(0.8, 1.3),
            noise_scale=rng.uniform(0.4, 1.0), noise_w_scale=rng.uniform(0.5, 1.1),
        )  # fmt: skip
        pieces = [chunk.audio_float_array for chunk in model.synthesize(text, settings)]
        if not pieces:
            raise UserError(f"the Piper voice {name} says nothing for {text!r}; use another voice")
        return _at_16_khz(np.concatenate(pieces), model.config.sample_rate)


def _models(folder: Path) -> list[Path]:
    found = sorted(folder.rglob("*.onnx"))
    for path in found:
        if not path.with_name(f"{path.name}.json").is_file():
            raise UserError(f"{path} has no {path.name}.json beside it; a Piper voice is both files")
    return found


def _speakers(path: Path) -> list[str]:
    """The voices of a model: its name, or NAME:NUMBER for each speaker if it has several."""
    from edgekws.guard import untrusted

    settings = untrusted.json_object(path.with_name(f"{path.name}.json"), "download the voice again")
    count = settings.get("num_speakers", 1)
    return [f"{path.stem}:{i}" for i in range(count)] if isinstance(count, int) and count > 1 else [path.stem]


def _at_16_khz(sound: np.ndarray, rate: int) -> np.ndarray:
    return np.asarray(soxr.resample(sound, rate, SAMPLE_RATE, quality="HQ"), np.float32)
