"""Makes long streams with known words at known times, to tune and measure a detector on.

One seed decides everything, and streams are made while they are heard. A stream uses only one split: its clips, its
eSpeak voices, its noise (held-out noise if there is any: the first halves for validation, the second for testing) and
computed noise. Hours of sound repeat noises and reversed words, so each comes at a random speed. Only eSpeak's speech
differs a little from one time to the next.

keywords         every clip of the split in background noise at 20, 10, 5 or 0 dB, a word every 2.5 s; the ratio
                 compares the powers over the clip's second, as in training
noise            only background noise, from -60 to -12 dB of full scale
eSpeak's voices  sentences of other words, 0.3 to 2 s apart, in noise 5 to 30 dB below them
unknown words    one every 2.5 s or less, in noise 0 to 30 dB below them: the set's words reversed, and as many words by
                 eSpeak
recorded words   the source's recorded words that are not of the set, if it has any, in the same way; each comes once in
                 any number of hours, as a few clips repeated are not hours of speech
FOLDER           the recordings of each folder of data.unknown_from, unchanged and in a row, under the folder's name
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from edgekws.audio import CLIP_SAMPLES, SAMPLE_RATE, to_int16
from edgekws.corpus import acoustics
from edgekws.corpus.rejection import faded
from edgekws.corpus.spoken import espeak, phrases
from edgekws.listen import sound_kinds

SNRS_DB = (20.0, 10.0, 5.0, 0.0)
SYNTHETIC = "eSpeak's voices"
SHARES = {"noise": 0.5, SYNTHETIC: 0.25, "unknown words": 0.25}  # of the hours asked for, by kind
PAUSE = SAMPLE_RATE  # before a recording of no word: joined ones would follow talk, as the first words of people do not
_LOT = 100  # utterances that eSpeak makes at once
_NOISE_PIECE = 10 * SAMPLE_RATE
_NOISES = ("hum", "clicks", "noise", "noise")  # computed; each entry is equally likely
_SPEED_PERCENT = 12.0  # at most, faster or slower
_SOUND = (0.025, 0.975)  # a clip's word is between these shares of its energy


@dataclass(frozen=True)
class Spoken:
    """Something said in a stream, with its place in samples. ``word`` is the keyword, or else the kind of speech."""

    word: str
    start: int
    middle: int  # where half of its energy has passed
    end: int


@dataclass(frozen=True, eq=False)
class Trial:
    """A stream: its blocks, int16 (n,), and what was said in the blocks taken so far."""

    kind: str
    snr_db: float | None
    blocks: Iterator[np.ndarray]
    said: list[Spoken] = field(default_factory=list)
    pauses: int = 0  # samples of faint noise between recordings, which do not count as its time


@dataclass(frozen=True, eq=False)
class Material:
    """The sound that the streams of a split are made from."""

    words: tuple[str, ...]  # the keywords
    keywords: np.ndarray  # int16 (n, window)
    labels: np.ndarray  # int64 (n,), indices of words
    others: np.ndarray  # int16 (m, window): recorded words outside the set
    noises: Sequence[np.ndarray]  # int16 each
    voices: Sequence[str]  # eSpeak's
    # folder → recordings without the words, each in pieces, int16 each
    sound: Mapping[str, Sequence[Sequence[np.ndarray]]] = field(default_factory=dict)
    made_noise: bool = True  # whether computed noise is in the background too


def few(material: Material, most: int, seed: int) -> Material:
    """The same with at most ``most`` clips of each keyword, chosen by the seed."""
    rng = np.random.default_rng([seed, 2])
    kept = [i for label in range(len(material.words))
            for i in rng.permutation(np.flatnonzero(material.labels == label))[:most]]  # fmt: skip
    return replace(material, keywords=material.keywords[kept], labels=material.labels[kept])


def keywords(
    material: Material,
    snr_db: float,
    seed: int,
    *,
    gap_s: tuple[float, float] = (0.75, 2.25),
    level_db: float | None = None,
) -> Trial:
    """A stream with every clip once, in an order chosen by the seed. Each block ends with the second of its clip.

    gap_s: the shortest and longest gap between clips, in seconds; noise fills it. level_db: every clip's power over its
    second, in dB of full scale; None: as recorded.
    """
    rng = np.random.default_rng([seed, 0, round(10 * snr_db) + 1000])
    order = rng.permutation(len(material.labels))
    sounds = ((material.words[material.labels[i]], _at_level(faded(material.keywords[i]), level_db)) for i in order)
    said: list[Spoken] = []
    blocks = _scene(rng, material, sounds, said, gap_s=gap_s, snr_db=(snr_db, snr_db))
    return Trial("keywords", snr_db, blocks, said)


def negatives(material: Material, hours: float, seed: int) -> list[Trial]:
    """Streams without keywords: ``hours`` all together, plus the recorded words and folders of other sound."""
    trials = []
    for number, (kind, share) in enumerate(SHARES.items()):
        rng, said = np.random.default_rng([seed, 1, number]), list[Spoken]()
        if kind == "noise":
            blocks = _noise_alone(rng, material)
        elif kind == SYNTHETIC:
            spoken = _sentences(rng, material, seed)
            blocks = _scene(rng, material, spoken, said, gap_s=(0.3, 2.0), snr_db=(5.0, 30.0))
        else:
            blocks = _words(rng, material, _unknown(rng, material, seed), said)
        trials.append(Trial(kind, None, _cut(blocks, round(hours * share * 3600 * SAMPLE_RATE)), said))
    if len(material.others):
        rng, said = np.random.default_rng([seed, 1, len(SHARES)]), list[Spoken]()
        recorded = (("recorded word", faded(material.others[i])) for i in rng.permutation(len(material.others)))
        trials.append(Trial("recorded words", None, _words(rng, material, recorded, said), said))
    return trials + [
        Trial(folder, None, _out_of_quiet(recorded), pauses=PAUSE * len(recorded))
        for folder, recorded in material.sound.items()
    ]


def _out_of_quiet(recordings: Sequence[Sequence[np.ndarray]]) -> Iterator[np.ndarray]:
    for number, pieces in enumerate(recordings):
        yield sound_kinds.faint(number, PAUSE)
        yield from pieces


def _words(
    rng: np.random.Generator, material: Material, sounds: Iterator[tuple[str, np.ndarray]], said: list[Spoken]
) -> Iterator[np.ndarray]:
    return _scene(rng, material, sounds, said, gap_s=(0.75, 2.25), snr_db=(0.0, 30.0))


def _scene(
    rng: np.random.Generator,
    material: Material,
    sounds: Iterator[tuple[str, np.ndarray]],
    said: list[Spoken],
    *,
    gap_s: tuple[float, float],
    snr_db: tuple[float, float],
) -> Iterator[np.ndarray]:
    """Sounds in a row over continuous noise. Each is (kind, float32 on the scale of int16)."""
    background, place, before = _background(rng, material.noises, material.made_noise), 0, 0.0
    for word, sound in sounds:
        gap = int(rng.uniform(*gap_s) * SAMPLE_RATE)
        noise = background(gap + len(sound))
        ratio = 10 ** (-rng.uniform(*snr_db) / 20)
        # recordings have pauses; this limits how loud their quiet seconds become
        level = _rms(sound) * ratio / max(_rms(noise[gap:]), 0.25)
        noise[:gap] *= np.geomspace(before or level or 1.0, level or 1.0, gap, dtype=np.float32)
        noise[gap:] *= level
        noise[gap:] += sound
        passed = np.cumsum(np.square(sound, dtype=np.float64))
        start, middle, end = np.searchsorted(passed, [passed[-1] * share for share in (_SOUND[0], 0.5, _SOUND[1])])
        first = place + gap
        said.append(Spoken(word, first + int(start), first + int(middle), first + int(end)))
        place, before = place + len(noise), level
        yield to_int16(noise, 1)


def _noise_alone(rng: np.random.Generator, material: Material) -> Iterator[np.ndarray]:
    background, before = _background(rng, material.noises, material.made_noise), 0.0
    while True:
        level = 32_768 * 10 ** (rng.uniform(-60, -12) / 20)
        noise = background(_NOISE_PIECE)
        noise[:SAMPLE_RATE] *= np.geomspace(before or level, level, SAMPLE_RATE, dtype=np.float32)
        noise[SAMPLE_RATE:] *= level
        before = level
        yield to_int16(noise, 1)


def _background(rng: np.random.Generator, recordings: Sequence[np.ndarray], made: bool) -> Callable[[int], np.ndarray]:
    """A function that gives the next n samples of noise, float32 with RMS 1: pieces of the recordings, and computed
    noise if ``made``, or if there are no recordings."""
    usable = [noise for noise in recordings if len(noise) >= CLIP_SAMPLES]
    waiting = np.zeros(0, np.float32)

    def take(count: int) -> np.ndarray:
        nonlocal waiting
        while len(waiting) < count:
            if usable and (not made or rng.random() < 2 / 3):
                piece = _recorded(rng, usable)
            else:
                piece = acoustics.drawn(rng, _NOISE_PIECE, _NOISES)
            waiting = np.concatenate([waiting, faded(piece / max(_rms(piece), 1e-6))])
        taken, waiting = waiting[:count].copy(), waiting[count:]
        return taken

    return take


def _recorded(rng: np.random.Generator, recordings: Sequence[np.ndarray]) -> np.ndarray:
    noise = recordings[int(rng.integers(len(recordings)))]
    start = rng.integers(len(noise) - CLIP_SAMPLES + 1)
    return acoustics.at_speed(rng, noise[start : start + _NOISE_PIECE], _SPEED_PERCENT)


def _sentences(rng: np.random.Generator, material: Material, seed: int) -> Iterator[tuple[str, np.ndarray]]:
    texts = random.Random(f"{seed} sentences")
    for sound in _say(texts, rng, lambda: phrases.sentence(texts, material.words), material):
        yield "sentence", sound


def _unknown(rng: np.random.Generator, material: Material, seed: int) -> Iterator[tuple[str, np.ndarray]]:
    texts = random.Random(f"{seed} words")
    spoken = _say(texts, rng, lambda: phrases.word(texts, material.words), material)
    while True:
        if rng.random() < 0.5:
            clip = material.keywords[rng.integers(len(material.keywords))]
            yield "word backwards", faded(acoustics.at_speed(rng, clip, _SPEED_PERCENT)[::-1])
        else:
            yield "spoken word", next(spoken)


def _say(
    texts: random.Random, rng: np.random.Generator, text: Callable[[], str], material: Material
) -> Iterator[np.ndarray]:
    """Endless speech by voices of the split in rooms, with texts from ``text``: float32 on the scale of int16."""
    while True:
        lot = [espeak.draw(texts, text() + ".", texts.choice(material.voices)) for _ in range(_LOT)]
        for sound in espeak.speak(lot):
            yield faded(acoustics.record(rng, sound, len(sound)) * 32_768)


def _cut(blocks: Iterator[np.ndarray], samples: int) -> Iterator[np.ndarray]:
    for block in blocks:
        if samples <= 0:
            return
        yield block[:samples]
        samples -= len(block)


def _at_level(sound: np.ndarray, level_db: float | None) -> np.ndarray:
    if level_db is None:
        return sound
    return sound * np.float32(32_768 * 10 ** (level_db / 20) / max(_rms(sound), 1e-6))


def _rms(sound: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(sound, dtype=np.float64))))
