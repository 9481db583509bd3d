"""The parts of a corpus: clips with their word, speaker and split, noise, and the choice of clips."""

import functools
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from edgekws.audio import CLIP_SAMPLES, Preparation
from edgekws.errors import UserError

SPLITS = ("training", "validation", "testing")
UNKNOWN, SILENCE = "_unknown_", "_silence_"


def rejects(label: str) -> bool:
    """Whether a class is for what is no word of the set: a label that begins with _."""
    return label.startswith("_")


@dataclass(frozen=True)
class Clip:
    """One recording of one word."""

    name: str  # relative path, such as "zero/004ae714_nohash_0.wav"
    word: str
    speaker: str  # "" where nothing says who speaks
    split: str  # one of SPLITS


@dataclass(frozen=True)
class Noise:
    """A recording without words, of any length."""

    name: str
    samples: np.ndarray  # int16 (samples,), 16 kHz


@dataclass(frozen=True)
class Split:
    """The clips of one split."""

    clips: tuple[Clip, ...]
    samples: np.ndarray  # int16 (clips, window), a read-only view of the memory map
    labels: np.ndarray  # int64 (clips,), index into the corpus's words


@dataclass(frozen=True)
class Selection:
    """Which clips a corpus takes, and into which split they go."""

    seed: int = 0
    clips_per_word: int = 0  # for training; 0: all (eSpeak: its default)
    validation_percent: float = 10  # of the speakers
    testing_percent: float = 10
    speaker_pattern: str = ""  # where a recording's path tells its speaker; "": as Speech Commands' names, or folders
    split_by: str = "speaker"  # or "take": one speaker may be in several splits
    listed: Mapping[str, str] | None = None  # the clips and noises of an earlier time, with their splits
    length: int = CLIP_SAMPLES  # of a clip
    cuts: int = 0  # more training clips of a recording, its word at a place drawn
    parts: int = 0  # clips of _unknown_ of a recording, with half of its word at most
    drawn_words: tuple[str, ...] = ()  # of which each split has so many percent of the other words' clips, not all
    drawn_percent: float = 0
    language: str = "en"  # of eSpeak's voices

    def __post_init__(self) -> None:
        if self.clips_per_word < 0:
            raise UserError(f"clips_per_word is {self.clips_per_word}; expected 0 (all) or more")
        shares = (self.validation_percent, self.testing_percent)
        if min(shares) <= 0 or sum(shares) >= 100:
            raise UserError(
                f"validation_percent is {shares[0]:g} and testing_percent {shares[1]:g}; "
                "expected both above 0 and less than 100 together"
            )


@dataclass(frozen=True)
class Rejection:
    """What is in the classes that are no words; with nothing in them there are none."""

    unknown: tuple[str, ...] = ()  # other words of the source, all in one class
    unknown_made: int = 0  # training clips made from the words themselves: backwards, or across the border of two
    unknown_spoken: int = 0  # training clips of other words and pieces of sentences by eSpeak
    silence: int = 0  # training clips of noise at all levels
    held_out_noise: tuple[str, ...] = ()  # of which no silence for training is made
    unknown_from: tuple[str, ...] = ()  # folders of recordings of any length in which no word is said
    neighbours: int = 0  # training clips by eSpeak of what sounds nearly like a word
    parts: bool = False  # whether parts of words are among them, which the source makes
    percent: float = 0  # by Speech Commands' own rules, of the words' clips in each split; 0: by what stands above

    @property
    def labels(self) -> tuple[str, ...]:
        """The classes there are, which follow the words in label order."""
        made = self.unknown or self.unknown_made or self.unknown_spoken or self.unknown_from or self.parts
        made = made or self.neighbours
        unknown = (UNKNOWN,) if made else ()
        return (*unknown, *((SILENCE,) if self.silence or self.percent else ()))


@dataclass(frozen=True, eq=False)
class Corpus:
    """Clips of `words`, in the order of SPLITS, then words, then names; ``speakers`` tells who is in which split."""

    words: tuple[str, ...]  # the label order; classes that reject begin with _ and come last
    clips: tuple[Clip, ...]
    samples: np.ndarray  # int16 (clips, window), read-only memory map
    noise: tuple[Noise, ...]
    preparation: Preparation
    source: str  # one line for people
    licence: str  # for the model card
    fingerprint: str  # SHA-256 over words, clips, splits, samples and noise
    copies: tuple[tuple[str, ...], ...] = ()  # names of clips with the same samples
    ignored: int = 0  # recordings that came after those of `Selection.listed`

    def split(self, name: str) -> Split:
        """The clips of the split `name`, one of SPLITS."""
        start, stop = self._bounds[name]
        clips = self.clips[start:stop]
        label = {word: index for index, word in enumerate(self.words)}
        labels = np.array([label[clip.word] for clip in clips], np.int64)
        return Split(clips, self.samples[start:stop], labels)

    def counts(self) -> dict[str, dict[str, int]]:
        """{split: {word: number of clips}}, with every split and every word."""
        found = Counter((clip.split, clip.word) for clip in self.clips)
        return {split: {word: found[split, word] for word in self.words} for split in SPLITS}

    @functools.cached_property
    def _bounds(self) -> dict[str, tuple[int, int]]:
        """Where each split begins and ends; splits lie one after the other."""
        bounds, start = {}, 0
        for split in SPLITS:
            stop = start + sum(clip.split == split for clip in self.clips)
            bounds[split] = (start, stop)
            start = stop
        return bounds


@dataclass(frozen=True)
class Speakers:
    """What is known of who speaks in the recordings of a corpus."""

    counts: Mapping[str, int]  # speakers that are named, in each split
    nameless: int  # recordings whose speaker is not known
    shared: int  # speakers who are in more than one split

    @property
    def claim(self) -> bool:
        """Whether it may be said that those of a split are in no other."""
        return not self.nameless and not self.shared


def speakers(corpus: Corpus) -> Speakers:
    """Who speaks where; silence is spoken by no one, and neither is a recording of no word that names nobody."""
    where: dict[str, set[str]] = defaultdict(set)
    nameless = 0
    for clip in corpus.clips:
        if clip.word == SILENCE or (rejects(clip.name) and "/" in clip.speaker):
            continue
        nameless += not clip.speaker
        if clip.speaker:
            where[clip.speaker].add(clip.split)
    counts = {split: sum(split in found for found in where.values()) for split in SPLITS}
    return Speakers(counts, nameless, sum(len(found) > 1 for found in where.values()))
