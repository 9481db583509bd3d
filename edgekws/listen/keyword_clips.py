"""Reads recordings of keywords to measure with: those in a folder of WORD/*.wav that training does not use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edgekws import audio, text
from edgekws.corpus.clips import rejects
from edgekws.corpus.folder import splits
from edgekws.corpus.folder.find import find, words_in
from edgekws.corpus.folder.speakers import naming
from edgekws.errors import UserError
from edgekws.listen.trials import Material


@dataclass(frozen=True, eq=False)
class KeywordClips:
    """Clips with their words and speakers."""

    words: tuple[str, ...]  # the words that have recordings
    samples: np.ndarray  # int16 (n, window)
    labels: np.ndarray  # int64 (n,), indices of words
    names: tuple[str, ...]  # paths in the folder
    speakers: tuple[str, ...]  # "" if nothing says who speaks
    listed: bool  # whether they come from the folder's own testing list
    missing: tuple[str, ...]  # words of the model without recordings

    def over(self, noises: Sequence[np.ndarray]) -> Material:
        """The clips as a stream's sound over these noises, int16 each, and nothing else."""
        others = np.zeros((0, self.samples.shape[1]), np.int16)
        return Material(self.words, self.samples, self.labels, others, noises, (), made_noise=False)

    def without(self, left_out: Sequence[bool]) -> KeywordClips:
        """The clips without those marked in ``left_out``. A UserError if none is left."""
        kept = [i for i, out in enumerate(left_out) if not out]
        if not kept:
            raise UserError("no keyword is left: the run learned from all of these recordings or speakers; use others")
        return KeywordClips(
            self.words, self.samples[kept], self.labels[kept], tuple(self.names[i] for i in kept),
            tuple(self.speakers[i] for i in kept), self.listed, self.missing,
        )  # fmt: skip


def read(place: Path, labels: Sequence[str], most: int, seed: int, length: int = audio.CLIP_SAMPLES) -> KeywordClips:
    """The clips in ``place``, ``length`` samples each; only those in the testing list, if there is one. The seed
    chooses ``most`` clips of each word (0: all). Raises UserError if no word of ``labels`` has clips."""
    if not place.is_dir():
        raise UserError(f"--keywords: {place} is not a folder; expected one with a folder of recordings for each word")
    words = [label for label in labels if not rejects(label)]
    folders = {text.normal(name) for name in words_in(place)}
    there = [word for word in words if text.normal(word) in folders]
    if not there:
        raise UserError(
            f"--keywords: {place} has no folder for any word of the model; expected folders of recordings called "
            f"{', '.join(words[:20])}"
        )
    files, listed = find(place, there, naming()).recordings, splits.read_lists(place)
    if listed is not None:
        files = tuple(one for one in files if listed.get(text.normal(one.name)) == "testing")
    rng = np.random.default_rng([seed, 2])
    chosen = []
    for word in there:
        mine = [one for one in files if one.word == word]
        if most and len(mine) > most:
            mine = [mine[i] for i in sorted(rng.choice(len(mine), most, replace=False))]
        chosen += mine
    if not chosen:
        raise UserError(
            f"--keywords: there are no recordings of {', '.join(there[:20])} in {place}; add some, such as WORD/1.wav"
        )
    kept = tuple(word for word in there if any(one.word == word for one in chosen))
    return KeywordClips(
        kept,
        np.stack([audio.read_clip(place / one.name, length)[0] for one in chosen]),
        np.array([kept.index(one.word) for one in chosen], np.int64),
        tuple(one.name for one in chosen),
        tuple(one.speaker for one in chosen),
        listed is not None,
        tuple(word for word in words if word not in kept),
    )
