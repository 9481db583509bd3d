"""Recordings of words, wherever they come from: clips of one second with word, speaker and split."""

import contextlib
import difflib
import functools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from edgekws import text
from edgekws.audio import Preparation
from edgekws.errors import UserError
from edgekws.files import cache_folder
from edgekws.words import check_all

if TYPE_CHECKING:
    from edgekws.recipe import Recipe

__all__ = [
    "SPLITS",
    "Clip",
    "Corpus",
    "Noise",
    "Preparation",
    "Rejection",
    "Split",
    "labels_of",
    "load",
    "of_recipe",
    "other_words",
    "rejects",
]

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
    speaker: str
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
    samples: np.ndarray  # int16 (clips, 16000), a read-only view of the memory map
    labels: np.ndarray  # int64 (clips,), index into the corpus's words


@dataclass(frozen=True)
class Selection:
    """Which clips a corpus takes, and into which split they go."""

    seed: int = 0
    clips_per_word: int = 0  # for training; 0: all (eSpeak: its default)
    validation_percent: float = 10  # of the speakers
    testing_percent: float = 10

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

    @property
    def labels(self) -> tuple[str, ...]:
        """The classes there are, which follow the words in label order."""
        unknown = (UNKNOWN,) if self.unknown or self.unknown_made or self.unknown_spoken or self.unknown_from else ()
        return (*unknown, *((SILENCE,) if self.silence else ()))


@dataclass(frozen=True, eq=False)
class Corpus:
    """Clips of `words`, in the order of SPLITS, then words, then names; no speaker is in two splits."""

    words: tuple[str, ...]  # the label order; classes that reject begin with _ and come last
    clips: tuple[Clip, ...]
    samples: np.ndarray  # int16 (clips, 16000), read-only memory map
    noise: tuple[Noise, ...]
    preparation: Preparation
    source: str  # one line for people
    licence: str  # for the model card
    fingerprint: str  # SHA-256 over words, clips, splits, samples and noise

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


def load(
    source: str,
    words: Sequence[str],
    *,
    seed: int = 0,
    clips_per_word: int = 0,
    validation_percent: float = 10,
    testing_percent: float = 10,
    rejection: Rejection | None = None,
    cache: Path | None = None,
    progress: bool = True,
) -> Corpus:
    """Prepare a corpus, or open it where it was prepared before with the same settings from the same files.

    source: "espeak" (spoken by eSpeak NG), "speech_commands_v0.01" or "speech_commands_v0.02" (downloaded), or the path
    of a folder laid out as Speech Commands is: WORD/*.wav.
    words: the words to tell apart, in label order.
    seed: draws the training clips kept by clips_per_word, and the voices of eSpeak.
    clips_per_word: the most training clips of a word; 0 keeps all (eSpeak: its default number).
    validation_percent, testing_percent: speakers in each split, where the folder brings no lists of its own.
    rejection: what goes into the classes _unknown_ and _silence_; None or nothing: there are no such classes.
    cache: where prepared clips are kept; None: `edgekws.files.cache_folder()`.
    Raises UserError for whatever is wrong with the source, the words or the recordings.
    """
    from edgekws.corpus import download, espeak, folder, store
    from edgekws.corpus import rejection as rejections

    check_all(words, "words")
    words = tuple(map(text.normal, words))
    wanted, asked = rejection or Rejection(), words
    if len(words := (*words, *sorted(wanted.unknown))) > len(asked):
        check_all(words, "words and unknown")
    selection = Selection(seed, clips_per_word, validation_percent, testing_percent)
    cache = cache or cache_folder()
    if source == "espeak":
        plan = espeak.plan(words, selection)
    elif source in download.ARCHIVES:
        archive = download.ARCHIVES[source]
        unpacked = download.fetch(archive, cache / source, progress=progress)
        plan = folder.plan(unpacked, words, selection, source=archive.title, licence=archive.licence)
    else:
        try:
            plan = folder.plan(_folder(source), words, selection)
        except PermissionError as error:
            raise UserError(f"no permission to read {error.filename}") from None
    if wanted.labels:
        plan = rejections.extend(plan, asked, wanted, selection)
    return store.prepare(plan, cache, progress=progress)


def of_recipe(recipe: "Recipe", *, progress: bool = True) -> Corpus:
    """The recordings that a recipe names; a UserError where it holds out a noise that is not there."""
    data = recipe.data
    loaded = load(
        data.source,
        data.words,
        seed=recipe.seed,
        clips_per_word=data.clips_per_word,
        validation_percent=data.validation_percent,
        testing_percent=data.testing_percent,
        rejection=rejection_of(recipe),
        progress=progress,
    )
    known = {noise.name for noise in loaded.noise}
    if unknown := set(data.held_out_noise) - known:
        raise UserError(
            f"data.held_out_noise: no noise {sorted(unknown)} in {loaded.source}; there are {sorted(known)}"
        )
    return loaded


def other_words(recipe: "Recipe") -> Corpus | None:
    """The words of the recipe's source that are not its own, with clips in every split; None where there are none.

    Of the training clips there is one a word: it is the other splits that are asked for.
    """
    from edgekws.corpus import download, folder, store

    data = recipe.data
    if data.source == "espeak":
        return None
    if data.source in download.ARCHIVES:
        place = download.fetch(download.ARCHIVES[data.source], cache_folder() / data.source)
    else:
        place = _folder(data.source)
    selection = Selection(recipe.seed, 1, data.validation_percent, data.testing_percent)
    names = []
    for path in sorted(place.iterdir()):
        if path.is_dir() and path.name not in data.words and not path.name.startswith((".", "_")):
            with contextlib.suppress(UserError):
                folder.plan(place, [path.name], selection)
                names.append(path.name)
    return store.prepare(folder.plan(place, names, selection), cache_folder()) if names else None


def rejection_of(recipe: "Recipe") -> Rejection:
    """What a recipe's classes _unknown_ and _silence_ hold."""
    data = recipe.data
    # what noise is held out changes the clips of silence alone
    held_out = data.held_out_noise if data.silence else ()
    return Rejection(data.unknown, data.unknown_made, data.unknown_spoken, data.silence, held_out, data.unknown_from)


def labels_of(recipe: "Recipe") -> tuple[str, ...]:
    """The classes of a recipe in label order: its words, then what rejects."""
    return (*recipe.data.words, *rejection_of(recipe).labels)


def _folder(source: str) -> Path:
    path = Path(source).expanduser()
    if path.is_dir():
        return path
    from edgekws.corpus import download

    named = ("espeak", *download.ARCHIVES)
    near = difflib.get_close_matches(source, named, 1)
    hint = f"did you mean {near[0]}?" if near else f"expected a folder of recordings, or one of {', '.join(named)}"
    raise UserError(f"there is no folder {path}; {hint}")
