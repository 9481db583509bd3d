"""Speaks with eSpeak NG, by a worker, and asks it for sounds. Its voices are split like speakers."""

import json
import random
import struct
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import astuple, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import soxr

from edgekws.audio import SAMPLE_RATE
from edgekws.corpus import acoustics
from edgekws.corpus.clips import Selection
from edgekws.corpus.spoken import voices
from edgekws.errors import UserError, nearest

_WORKER = Path(__file__).with_name("espeak_worker.py")
_WORKER_RATE = 22_050

# without plain en-gb, which takes no variant
_ACCENTS = "en en-029 en-gb-scotland en-gb-x-gbclan en-gb-x-gbcwmd en-gb-x-rp en-us en-us-nyc"
_OFTEN = "en-us"
_DRAWN = 0.6  # share of utterances by voices drawn for them alone


@dataclass(frozen=True)
class Utterance:
    """A request to the worker, with its fields in the order of the protocol."""

    text: str
    voice: str
    rate: int  # words a minute
    pitch: int  # 0 to 100
    pitch_range: int  # 0 to 100
    traits: str = ""  # lines of an eSpeak variant, which takes the place of the voice's own; "": its own

    @property
    def speaker(self) -> str:
        """The name of who speaks. Other traits are another speaker."""
        accent = self.voice.partition("+")[0]
        return f"{accent}+drawn{zlib.crc32(self.traits.encode()):08x}" if self.traits else self.voice


def split_voices(selection: Selection) -> dict[str, list[str]]:
    """{split: voices}: each accent with each variant of the split; five times as often the accent that most speak."""
    spoken = accents(selection.language) + (_OFTEN,) * 4 * (selection.language == "en")
    return {
        split: [f"{accent}+{variant}" for variant in variants for accent in spoken]
        for split, variants in voices.split_variants(selection).items()
    }


@cache
def accents(language: str) -> tuple[str, ...]:
    """eSpeak's voices for a language; for English the accents above. A UserError if there is none."""
    if language == "en":
        return tuple(_ACCENTS.split())
    known: list[tuple[str, str]] = _asked("languages", "", Utterance("", language, 0, 0, 0))
    voices = {
        voice for code, voice in known if code == language or code.startswith(f"{language}-") or voice == language
    }
    found = tuple(sorted(voice for voice in voices if voice.islower() or "-" in voice))
    if not found:
        codes = [code for code, _ in known if code and code != "variant"]
        hint = nearest(language, codes, "such as en, de, fr, es, it, pt, pl, ru or cmn", most=3)
        raise UserError(f"eSpeak NG does not speak the language {language!r}; {hint}")
    return found


def draw(rng: random.Random, text: str, voice: str) -> Utterance:
    """The text at a random rate, pitch and range that people have: by this voice, or by one drawn in its accent."""
    traits = voices.drawn(rng) if rng.random() < _DRAWN else ""
    return Utterance(text, voice, rng.randint(105, 200), rng.randint(25, 75), rng.randint(30, 80), traits)


def speak(utterances: Iterable[Utterance]) -> Iterator[np.ndarray]:
    """Each utterance, spoken by the worker: float32 (samples,) in [-1, 1] at 16 kHz, without silence at its ends."""
    with (
        tempfile.TemporaryFile("w+") as requests,
        tempfile.TemporaryFile("w+") as complaints,
        tempfile.TemporaryDirectory() as folder,
    ):
        json.dump([astuple(utterance) for utterance in utterances], requests)
        requests.seek(0)
        command = [sys.executable, "-P", str(_WORKER), folder]
        with subprocess.Popen(command, stdin=requests, stdout=subprocess.PIPE, stderr=complaints) as worker:
            try:
                assert worker.stdout is not None
                for utterance in utterances:
                    header = worker.stdout.read(4)
                    size = 2 * struct.unpack("<I", header)[0] if len(header) == 4 else -1
                    spoken = worker.stdout.read(size) if size >= 0 else b""
                    if len(spoken) != size:
                        status = worker.wait()
                        complaints.seek(0)
                        raise UserError(_why_silent(utterance, status, complaints.read()))
                    samples = np.frombuffer(spoken, "<i2").astype(np.float32) / 32_768
                    yield acoustics.trim(soxr.resample(samples, _WORKER_RATE, SAMPLE_RATE, quality="HQ"))
            finally:
                worker.kill()


def sounds(texts: Sequence[str]) -> list[tuple[str, ...]]:
    """eSpeak's phonemes of each text in every accent, without stress."""
    all_ = _ACCENTS.split()
    asked = [(text, accent) for text in texts for accent in all_]
    found = _asked("phonemes", json.dumps(asked), Utterance(texts[0], all_[0], 0, 0, 0))
    return [tuple(found[i : i + len(all_)]) for i in range(0, len(found), len(all_))]


def mnemonics(asked: Sequence[tuple[str, str]]) -> list[tuple[tuple[str, ...], ...]]:
    """The words of each (text, accent). A word is its phonemes by eSpeak's own names, with stress before the vowel."""
    found = _asked("mnemonics", json.dumps(asked), Utterance(asked[0][0], asked[0][1], 0, 0, 0))
    words = (
        [[s for s in word.split(".") if s.strip("_:|',%=") and "(" not in s] for word in said.split()] for said in found
    )
    return [tuple(tuple(word) for word in one if word) for one in words]


def _asked(what: str, request: str, example: Utterance) -> Any:
    """The worker's answer, which is JSON."""
    done = subprocess.run([sys.executable, "-P", str(_WORKER), what], input=request, capture_output=True, text=True)
    if done.returncode:
        raise UserError(_why_silent(example, done.returncode, done.stderr))
    return json.loads(done.stdout)


def _why_silent(utterance: Utterance, status: int, complaint: str) -> str:
    if status == 3 and complaint.strip():
        return f"eSpeak NG cannot speak ({complaint.strip().splitlines()[-1]}); train on recordings: --data DIR"
    return (
        f"eSpeak NG crashed (status {status}) while saying {utterance.text!r} as {utterance.voice}; "
        "try again, or train on recordings: --data DIR"
    )
