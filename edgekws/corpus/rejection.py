"""Fills the classes for sound that is none of the words: `_unknown_` (other words and sounds) and `_silence_`."""

import math
import random
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from functools import partial

import numpy as np

from edgekws.audio import CLIP_SAMPLES, Preparation, to_int16
from edgekws.corpus import acoustics, other_sound
from edgekws.corpus.clips import SILENCE, SPLITS, UNKNOWN, Clip, Noise, Rejection, Selection
from edgekws.corpus.spoken import espeak, neighbours, phrases
from edgekws.corpus.store import Plan
from edgekws.errors import UserError

_LEVELS_DB = (-66.0, -10.0)  # RMS in dB of full scale: from the last bit to a loud room
_NOISES = ("hum", "clicks", "noise", "calls", "calls")  # each entry is equally likely; calls vary the most
_FADE = 160  # 10 ms
_FORMAT = 5  # increase it whenever made clips change


@dataclass(frozen=True)
class _Part:
    """One split of the extended plan: its recordings, and what else it gets."""

    split: str
    recorded: list[Clip]
    drawn: list[tuple[int, int]]  # indices of ``recorded``: one twice, to be reversed, or two to join
    spoken: list[espeak.Utterance]
    others: list[other_sound.Recording]
    silent: int  # clips of silence

    def clips(self) -> list[Clip]:
        """In the order of ``_recordings``."""
        made = [self.recorded[first].speaker for first, _ in self.drawn]
        return [
            *self.recorded,
            *(Clip(f"{UNKNOWN}/made_{i:05}", UNKNOWN, speaker, self.split) for i, speaker in enumerate(made)),
            *(Clip(f"{UNKNOWN}/spoken_{i:05}", UNKNOWN, one.speaker, self.split) for i, one in enumerate(self.spoken)),
            *(clip for file in self.others for clip in file.clips),
            *(Clip(f"{SILENCE}/{self.split}_{i:05}", SILENCE, SILENCE, self.split) for i in range(self.silent)),
        ]


def extend(plan: Plan, words: Sequence[str], settings: Rejection, selection: Selection) -> Plan:
    """Put the words of ``settings.unknown`` into one class of the plan, and add the made clips.

    ``unknown_made``, ``unknown_spoken`` and ``silence`` count training clips. The other splits get as many in
    proportion to their size.
    """
    recorded = [replace(clip, word=UNKNOWN) if clip.word in settings.unknown else clip for clip in plan.clips]
    known = {clip.speaker: clip.split for clip in recorded}
    files = other_sound.find(settings.unknown_from, selection, known, words)
    voices = espeak.split_voices(selection) if settings.unknown_spoken or settings.neighbours else {}
    training = max(sum(clip.split == "training" for clip in recorded), 1)
    parts = []
    for name in SPLITS:
        clips = [clip for clip in recorded if clip.split == name]
        share, seed = len(clips) / training, selection.seed
        spoken = _utterances(words, name, round(settings.unknown_spoken * share), voices, selection)
        if settings.neighbours:
            spoken += _near(words, name, round(settings.neighbours * share), voices, selection)
        silent = round(settings.silence * share)
        if settings.percent:
            silent = math.ceil(sum(clip.word != UNKNOWN for clip in clips) * settings.percent / 100)
        drawn = _draw(clips, round(settings.unknown_made * share), f"{seed} {name}")
        parts.append(_Part(name, clips, drawn, spoken, [file for file in files if file.split == name], silent))
    return replace(
        plan,
        words=(*words, *settings.labels),
        clips=tuple(clip for part in parts for clip in part.clips()),
        recordings=partial(_recordings, plan, parts, settings, selection),
        source=other_sound.source(plan.source, settings.unknown_from),
        licence=other_sound.licence(plan.licence, settings.unknown_from),
        # the content of unknown_from, not its place: the folders may move
        settings=[
            *(plan.settings, astuple(settings)[:5], selection.seed, _FORMAT, *(file.identity for file in files)),
            *([settings.percent] if settings.percent else []),
            *([settings.neighbours, neighbours.FORMAT] if settings.neighbours else []),
            *([selection.language] if selection.language != "en" else []),
        ],
    )


def _recordings(
    plan: Plan, parts: Sequence[_Part], settings: Rejection, selection: Selection
) -> Iterator[tuple[np.ndarray, Preparation]]:
    """The samples of every clip, int16 (length,), and what was done to them."""
    source, noises = iter(plan.recordings()), tuple(plan.noise()) if any(part.silent for part in parts) else ()
    quiet = volume if settings.percent else silence
    for number, part in enumerate(parts):
        needed = {index for pair in part.drawn for index in pair}
        kept = {}
        for index in range(len(part.recorded)):
            samples, done = next(source)
            if index in needed:
                kept[index] = samples
            yield samples, done
        for a, b in part.drawn:
            yield (backwards(kept[a]) if a == b else halves(kept[a], kept[b])), Preparation(clips=1)
        rng = np.random.default_rng([selection.seed, 2, number])
        for sound in espeak.speak(part.spoken):
            yield heard(rng, sound, selection.length), Preparation(clips=1, resampled=1)
        for file in part.others:
            yield from other_sound.seconds(file)
        for _ in range(part.silent):
            noise = noise_of(part.split, noises, settings.held_out_noise)
            yield quiet(rng, noise, selection.length), Preparation(clips=1)
    yield from source  # gives nothing more, but reports unreadable recordings here


def noise_of(split: str, noises: Sequence[Noise], held_out: Sequence[str]) -> list[np.ndarray]:
    """The background noise of a split, int16 each. Training has all that is not held out. Validation has the first
    halves of the held-out noises, testing the second halves; if none is held out, they halve all noises."""
    if split == "training":
        return [noise.samples for noise in noises if noise.name not in held_out]
    rest = [noise.samples for noise in noises if not held_out or noise.name in held_out]
    return [n[: len(n) // 2] if split == "validation" else n[len(n) // 2 :] for n in rest]


def backwards(samples: np.ndarray) -> np.ndarray:
    """A word reversed, int16 (n,): a voice that says no word of the set."""
    return np.ascontiguousarray(samples[::-1])


def halves(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """The end of one word, then the beginning of another: int16 (n,), as both are."""
    end, start, half = middle(first), middle(second), len(first) // 2
    tail, head = first[end : end + half], second[max(start - half, 0) : start]
    joined = np.zeros(len(first), np.float32)
    joined[: len(tail)] = faded(tail)
    joined[len(joined) - len(head) :] += faded(head)
    return np.rint(joined).astype(np.int16)


def middle(samples: np.ndarray) -> int:
    """The sample at which half of the sound's energy has passed."""
    energy = np.cumsum(np.square(samples, dtype=np.float64))
    return int(np.searchsorted(energy, energy[-1] / 2))


def faded(samples: np.ndarray) -> np.ndarray:
    """float32 with 10 ms faded in and out, so that a cut does not click."""
    ramp = np.minimum(np.arange(1, len(samples) + 1), np.arange(len(samples), 0, -1)) / np.float32(_FADE)
    return samples * np.minimum(ramp, 1).astype(np.float32)


def silence(rng: np.random.Generator, noises: Sequence[np.ndarray], length: int = CLIP_SAMPLES) -> np.ndarray:
    """Sound without words, int16 (length,): recorded or computed noise at any level, or zeros."""
    whole = [noise for noise in noises if len(noise) >= length]
    if rng.random() < 0.05:
        return np.zeros(length, np.int16)
    if whole and rng.random() < 0.5:
        noise = whole[rng.integers(len(whole))]
        start = rng.integers(len(noise) - length + 1)
        sound = noise[start : start + length].astype(np.float32)
    else:
        sound = acoustics.drawn(rng, length, _NOISES)
    sound /= max(float(np.sqrt(np.mean(sound**2))), 1e-6)
    level = 32_768 * 10 ** (rng.uniform(*_LEVELS_DB) / 20)
    return to_int16(sound, level)


def volume(rng: np.random.Generator, noises: Sequence[np.ndarray], length: int = CLIP_SAMPLES) -> np.ndarray:
    """Recorded noise at any volume, int16 (length,): silence by Speech Commands' own rules."""
    whole = [noise for noise in noises if len(noise) >= length]
    if not whole:
        raise UserError(
            "_silence_ is made of background noise, but _background_noise_ has no recording as long as a clip; add one"
        )
    noise = whole[rng.integers(len(whole))]
    start = rng.integers(len(noise) - length + 1)
    return np.rint(rng.random() * noise[start : start + length]).astype(np.int16)


def heard(rng: np.random.Generator, sound: np.ndarray, length: int = CLIP_SAMPLES) -> np.ndarray:
    """Speech, (n,), in a room: int16 (length,). A random stretch if the speech is longer."""
    start = int(rng.integers(max(len(sound) - length, 0) + 1))
    recording = acoustics.record(rng, sound[start : start + length], length)
    return to_int16(recording)


def _utterances(
    words: Sequence[str], split: str, count: int, voices: Mapping[str, Sequence[str]], selection: Selection
) -> list[espeak.Utterance]:
    """Words and sentences in turn. In other languages than English they are invented words from its sounds."""
    rng, training = random.Random(f"{selection.seed} {split} spoken"), split == "training"
    if selection.language != "en" and count:
        near = neighbours.phrases(words, selection.language)
        chosen = [rng.choice(voices[split]) for _ in range(count)]
        sounds = [near[voice.partition("+")[0]][0] for voice in chosen]
        said = [neighbours.spelled([one.other(rng) for _ in range(1 + i % 2 * 6)]) for i, one in enumerate(sounds)]
        return [espeak.draw(rng, text, voice) for text, voice in zip(said, chosen, strict=True)]
    texts = [(phrases.word, phrases.sentence)[i % 2](rng, words, training=training) for i in range(count)]
    return [espeak.draw(rng, text + ".", rng.choice(voices[split])) for text in texts]


def _near(
    words: Sequence[str], split: str, count: int, voices: Mapping[str, Sequence[str]], selection: Selection
) -> list[espeak.Utterance]:
    """Texts that sound nearly like one of the words in the accent of the voice that says them."""
    rng, found = random.Random(f"{selection.seed} {split} near"), list[espeak.Utterance]()
    near = neighbours.phrases(words, selection.language)
    for _ in range(count):
        voice = rng.choice(voices[split])
        found.append(espeak.draw(rng, rng.choice(near[voice.partition("+")[0]]).draw(rng), voice))
    return found


def _draw(clips: Sequence[Clip], count: int, seed: str) -> list[tuple[int, int]]:
    """Indices of the clips to make others from. In turn: the same clip twice, to reverse it, and two clips of different
    words, by one speaker if possible."""
    rng = random.Random(f"{seed} made")
    words = [index for index, clip in enumerate(clips) if clip.word != UNKNOWN]
    said = defaultdict(list)
    for index in words:
        said[clips[index].speaker].append(index)
    drawn = []
    for number in range(count):
        first = rng.choice(words)
        own = [i for i in said[clips[first].speaker] if clips[i].word != clips[first].word]
        others = own or [i for i in words if clips[i].word != clips[first].word] or [first]
        drawn.append((first, first if number % 2 == 0 else rng.choice(others)))
    return drawn
