"""The parts of a corpus: clips with their words, speakers and splits, noise, and the settings that choose clips."""

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
    """Whether a class stands for sound that is none of the words: its label begins with _."""
    return label.startswith("_")


@dataclass(frozen=True)
class Clip:
    """One recording of one word."""

    name: str  # relative path, such as "zero/004ae714_nohash_0.wav"
    word: str
    speaker: str  # "" if nothing says who speaks
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
    """Which clips a corpus takes, and how they are split."""

    seed: int = 0
    clips_per_word: int = 0  # training clips of a word at most; 0: all (eSpeak: its default)
    validation_percent: float = 10  # of the speakers
    testing_percent: float = 10
    speaker_pattern: str = ""  # finds the speaker in a path; "": as in Speech Commands, or by folders
    split_by: str = "speaker"  # or "take": then one speaker may be in several splits
    listed: Mapping[str, str] | None = None  # clips and noises to keep to, with their splits; None: choose anew
    length: int = CLIP_SAMPLES  # samples of a clip
    cuts: int = 0  # extra training clips of each recording, with its word at a random place
    parts: int = 0  # clips of _unknown_ from each recording, with at most half of its word
    drawn_words: tuple[str, ...] = ()  # words of which a split has only a random choice of clips
    drawn_percent: float = 0  # how many, in percent of the split's other clips
    language: str = "en"  # of eSpeak's voices, by its code
    accented: float = 0  # share of eSpeak's training clips with some sounds as another accent says them
    others: bool = True  # whether voices of flite and Piper say other texts too, as _unknown_

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
    """What the classes _unknown_ and _silence_ contain. A class with nothing in it does not exist."""

    unknown: tuple[str, ...] = ()  # other words of the source, together in one class
    unknown_made: int = 0  # training clips made from the words: reversed, or halves of two joined
    unknown_spoken: int = 0  # training clips of other words and sentences, spoken by eSpeak
    silence: int = 0  # training clips of noise at any level
    held_out_noise: tuple[str, ...] = ()  # noises that training never uses
    unknown_from: tuple[str, ...] = ()  # folders of recordings, of any length, without the words
    neighbours: int = 0  # training clips by eSpeak that sound nearly like a word
    parts: bool = False  # whether the source adds parts of words
    percent: float = 0  # share of the words' clips by Speech Commands' rules; 0: as set above

    @property
    def labels(self) -> tuple[str, ...]:
        """The classes that exist, in label order. They come after the words."""
        made = self.unknown or self.unknown_made or self.unknown_spoken or self.unknown_from or self.parts
        made = made or self.neighbours
        unknown = (UNKNOWN,) if made else ()
        return (*unknown, *((SILENCE,) if self.silence or self.percent else ()))


@dataclass(frozen=True, eq=False)
class Corpus:
    """Clips of `words`, ordered by split, then word, then name. ``speakers`` says who is in which split."""

    words: tuple[str, ...]  # in label order; the classes of no word begin with _ and come last
    clips: tuple[Clip, ...]
    samples: np.ndarray  # int16 (clips, window), read-only memory map
    noise: tuple[Noise, ...]
    preparation: Preparation
    source: str  # one line that tells people where it comes from
    licence: str  # for the model card
    fingerprint: str  # SHA-256 over words, clips, splits, samples and noise
    copies: tuple[tuple[str, ...], ...] = ()  # groups of clips, by name, that have the same samples
    ignored: int = 0  # recordings that are not in `Selection.listed`

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
        """Where each split begins and ends. The splits follow each other."""
        bounds, start = {}, 0
        for split in SPLITS:
            stop = start + sum(clip.split == split for clip in self.clips)
            bounds[split] = (start, stop)
            start = stop
        return bounds


@dataclass(frozen=True)
class Speakers:
    """How many speakers a corpus has, as far as they are known."""

    counts: Mapping[str, int]  # named speakers in each split
    nameless: int  # recordings without a known speaker
    shared: int  # speakers in more than one split


def speakers(corpus: Corpus) -> Speakers:
    """Count the speakers. Silence has none, and nor has other sound without a speaker's name."""
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
