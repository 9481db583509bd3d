"""Makes a corpus of words spoken by eSpeak NG. Its voices are split like speakers."""

import importlib.metadata
import json
import math
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

from edgekws.audio import SAMPLE_RATE, Preparation, to_int16
from edgekws.corpus import acoustics
from edgekws.corpus.clips import SPLITS, Clip, Noise, Selection
from edgekws.corpus.spoken import voices
from edgekws.corpus.store import Plan
from edgekws.errors import UserError, nearest

CLIPS_PER_WORD = 300
_SHARE = {"training": 1, "validation": 40 / 300, "testing": 60 / 300}  # clips in a split for each training clip
_WORKER = Path(__file__).with_name("espeak_worker.py")
_WORKER_RATE = 22_050
_FORMAT = 2  # increase it whenever the same utterances sound different

# without plain en-gb, which takes no variant
_ACCENTS = "en en-029 en-gb-scotland en-gb-x-gbclan en-gb-x-gbcwmd en-gb-x-rp en-us en-us-nyc"
_OFTEN = "en-us"
_SENTENCES = (
    "the train to the coast was late again this morning",
    "she bought some bread and a jar of honey at the market",
    "we could meet near the station after work on thursday",
    "the old man told them a long story about the sea",
    "please send me the papers before the end of the week",
    "heavy rain is expected over most of the country tonight",
    "they painted the kitchen green and the ceiling white",
    "nobody knew where the music in the street came from",
)
_NOISE_SAMPLES = 30 * SAMPLE_RATE
_TALKERS = 6  # voices that speak at once in babble
_DRAWN = 0.6  # share of utterances by voices drawn for them alone
_TALK = 12  # sentences each of them says: about 30 s


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


def plan(words: Sequence[str], selection: Selection) -> Plan:
    """A corpus of `words`: each has 300 or clips_per_word training clips, 2/15 as many for validation, 1/5 for testing.

    A voice is one of eSpeak's accents with one of its variants, each of which belongs to one split, or with a variant
    drawn for this clip. Everything random comes from the selection's seed.
    """
    seed, clips_per_word = selection.seed, selection.clips_per_word or CLIPS_PER_WORD
    listed = split_voices(selection)
    clips: list[Clip] = []
    utterances: list[Utterance] = []
    for split in SPLITS:
        for word in words:
            rng = random.Random(f"{seed} {split} {word}")
            spoken = []
            for index in range(math.ceil(clips_per_word * _SHARE[split])):
                if index % len(listed[split]) == 0:
                    order = rng.sample(listed[split], len(listed[split]))
                said = draw(rng, word + rng.choice(".?!,"), order[index % len(order)])
                name = f"{word}/{said.speaker}_nohash_{index}.wav"
                spoken.append((Clip(name, word, said.speaker, split), said))
            spoken.sort(key=lambda pair: pair[0].name)
            clips += [clip for clip, _ in spoken]
            utterances += [utterance for _, utterance in spoken]
    version = _version()
    return Plan(
        words=tuple(words),
        clips=tuple(clips),
        recordings=lambda: _record_all(utterances, seed, selection.length),
        noise=lambda: _make_noise(words, listed["training"], seed),
        preparation=Preparation(),
        source=(
            f"words spoken by eSpeak NG (espeakng-loader {version}), "
            + ", ".join(f"{len(set(listed[split]))} voices for {split}" for split in SPLITS)
            + ", and others drawn for one clip each"
        ),
        licence=f"Speech synthesized with eSpeak NG (GPL-3.0-or-later, espeakng-loader {version}).",
        settings=[seed, version, _FORMAT, [astuple(utterance) for utterance in utterances]],
        length=selection.length,
    )


def _version() -> str:
    try:
        return importlib.metadata.version("espeakng-loader")
    except importlib.metadata.PackageNotFoundError:
        raise UserError("eSpeak NG is not installed; try: pip install espeakng-loader") from None


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


def _record_all(utterances: Sequence[Utterance], seed: int, length: int) -> Iterator[tuple[np.ndarray, Preparation]]:
    rng = np.random.default_rng(seed)
    for word in speak(utterances):
        word = acoustics.articulated(rng, word)
        recording = acoustics.record(rng, word, length)
        long = len(word) > length
        done = Preparation(clips=1, resampled=1, padded=int(not long), cropped=int(long))
        yield to_int16(recording), done


def _make_noise(words: Sequence[str], voices: Sequence[str], seed: int) -> Iterator[Noise]:
    """Eight noises of 30 s. In babble, training voices say sentences without any of `words`."""
    rng = np.random.default_rng([seed, 1])
    for name, exponent in (("white", 0), ("pink", 1), ("brown", 2)):
        yield _noise(name, acoustics.coloured_noise(rng, _NOISE_SAMPLES, exponent))
    for mains in (50, 60):
        yield _noise(f"hum_{mains}_hz", acoustics.hum(rng, _NOISE_SAMPLES, mains))
    yield _noise("clicks", acoustics.clicks(rng, _NOISE_SAMPLES))
    sentences = [text for text in _SENTENCES if not set(text.split()) & {word.lower() for word in words}]
    if not sentences:
        return
    talk = random.Random(f"{seed} babble")
    for number in (1, 2):
        talkers = talk.sample(voices, min(_TALKERS, len(voices)))
        spoken = speak([draw(talk, talk.choice(sentences), voice) for voice in talkers for _ in range(_TALK)])
        babble = np.zeros(_NOISE_SAMPLES, np.float32)
        for _ in talkers:
            speech = np.concatenate([next(spoken) for _ in range(_TALK)])[:_NOISE_SAMPLES]
            babble[: len(speech)] += speech / np.abs(speech).max()
        yield _noise(f"babble_{number}", babble)


def _noise(name: str, sound: np.ndarray) -> Noise:
    return Noise(f"_background_noise_/{name}.wav", to_int16(sound * (0.5 / np.abs(sound).max())))


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
