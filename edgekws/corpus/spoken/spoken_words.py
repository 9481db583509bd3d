"""A corpus of words spoken by eSpeak NG, and noises beside it."""

from __future__ import annotations

import importlib.metadata
import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import astuple, replace

import numpy as np

from edgekws.audio import SAMPLE_RATE, Preparation, to_int16
from edgekws.corpus import acoustics
from edgekws.corpus.clips import SPLITS, Clip, Noise, Selection
from edgekws.corpus.spoken import espeak, neighbours
from edgekws.corpus.store import Plan
from edgekws.errors import UserError

CLIPS_PER_WORD = 300
_SHARE = {"training": 1, "validation": 40 / 300, "testing": 60 / 300}  # clips in a split for each training clip
_FORMAT = 2  # increase it whenever the same utterances sound different
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
_TALK = 12  # sentences each of them says: about 30 s


def plan(words: Sequence[str], selection: Selection) -> Plan:
    """A corpus of `words`: each has 300 or clips_per_word training clips, 2/15 as many for validation, 1/5 for testing.

    A voice is one of eSpeak's accents with one of its variants, each of which belongs to one split, or with a variant
    drawn for this clip. A share of the training clips, ``selection.accented``, has sounds of other accents. Everything
    random comes from the selection's seed.
    """
    seed, clips_per_word = selection.seed, selection.clips_per_word or CLIPS_PER_WORD
    listed = espeak.split_voices(selection)
    spellings = neighbours.phrases(words, selection.language) if selection.accented else {}
    clips: list[Clip] = []
    utterances: list[espeak.Utterance] = []
    for split in SPLITS:
        for position, word in enumerate(words):
            rng = random.Random(f"{seed} {split} {word}")
            spoken = []
            for index in range(math.ceil(clips_per_word * _SHARE[split])):
                if index % len(listed[split]) == 0:
                    order = rng.sample(listed[split], len(listed[split]))
                said = espeak.draw(rng, word + rng.choice(".?!,"), voice := order[index % len(order)])
                if spellings and split == "training" and rng.random() < selection.accented:
                    said = _accented(rng, said, spellings[voice.partition("+")[0]], position)
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


def _accented(
    rng: random.Random, said: espeak.Utterance, phrases: Sequence[neighbours.Phrase], position: int
) -> espeak.Utterance:
    """The utterance with sounds of other accents, unless that would be another word of the set."""
    text = phrases[position].accented(rng)
    others = {neighbours.spelled(one.words) for one in phrases if one is not phrases[position]}
    return said if text in others else replace(said, text=text)


def _version() -> str:
    try:
        return importlib.metadata.version("espeakng-loader")
    except importlib.metadata.PackageNotFoundError:
        raise UserError("eSpeak NG is not installed; try: pip install espeakng-loader") from None


def _record_all(
    utterances: Sequence[espeak.Utterance], seed: int, length: int
) -> Iterator[tuple[np.ndarray, Preparation]]:
    rng = np.random.default_rng(seed)
    for word in espeak.speak(utterances):
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
        spoken = espeak.speak(
            [espeak.draw(talk, talk.choice(sentences), voice) for voice in talkers for _ in range(_TALK)]
        )
        babble = np.zeros(_NOISE_SAMPLES, np.float32)
        for _ in talkers:
            speech = np.concatenate([next(spoken) for _ in range(_TALK)])[:_NOISE_SAMPLES]
            babble[: len(speech)] += speech / np.abs(speech).max()
        yield _noise(f"babble_{number}", babble)


def _noise(name: str, sound: np.ndarray) -> Noise:
    return Noise(f"_background_noise_/{name}.wav", to_int16(sound * (0.5 / np.abs(sound).max())))
