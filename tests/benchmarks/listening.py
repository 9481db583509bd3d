"""Words found and false accepts an hour of models that ship, and of peers, on the same streams in one run:

    PYTHONPATH=.:tests/benchmarks python tests/benchmarks/listening.py --keywords speech_commands --negatives talk music

Words come from the folder's testing list, one after the other in its own background noise. Peers that are installed
listen as well: PocketSphinx for the same words; microWakeWord and openWakeWord, which have phrases of their own, to the
folders without words alone. Recordings and speakers that one of edgekws's models learned from are left out for all.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import peers

from edgekws import audio, zoo
from edgekws.corpus import heard
from edgekws.corpus.clips import rejects
from edgekws.listen import keyword_clips, sound_kinds, trials
from edgekws.report.metrics import Proportion, poisson_interval
from edgekws.spotter import load

NEAR_SECONDS = 0.8  # from a word's middle to a detection of it
LEVEL_DB = -35.0


def main() -> None:
    """Print a row a spotter: the share of words found, and false accepts an hour of each folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keywords", type=Path, required=True, help="a Speech Commands folder")
    parser.add_argument("--negatives", type=Path, nargs="*", default=[], help="folders of sound without the words")
    parser.add_argument("--models", nargs="*", default=["small-listen", "small"], help="of edgekws")
    parser.add_argument("--snr", type=float, default=10.0, help="decibels of word over noise (10)")
    parser.add_argument("--clips", type=int, default=20, help="of each word (20)")
    options = parser.parse_args()
    words = [word for word in load(options.models[0]).labels if not rejects(word)]
    clips = keyword_clips.read(options.keywords, words, options.clips, 0)
    noises = [audio.read(path)[0] for path in sorted((options.keywords / "_background_noise_").glob("*.wav"))]
    trial = trials.keywords(clips.over(noises), options.snr, 0, level_db=LEVEL_DB)
    stream = np.concatenate([*trial.blocks, np.zeros(audio.SAMPLE_RATE, np.int16)])
    said = [(one.middle / audio.SAMPLE_RATE, one.word) for one in trial.said]
    known = [of_model for name in options.models if (of_model := heard.read(zoo.place(Path(name)) / heard.FILE))]
    kinds = [_unheard(kind, known) for kind in sound_kinds.find(options.negatives, "--negatives")]
    sounds = {kind.name: _joined(kind) for kind in kinds}
    for name, hear in (peers.spotters(options.models, words) | _wake_only(words)).items():
        cells = []
        if not name.startswith(("micro", "open")):
            found = _found(hear(stream), said)
            low, high = Proportion(found, len(said)).interval
            cells.append(f"{found} of {len(said)} words [{100 * low:.1f}, {100 * high:.1f}] %")
        for kind, sound in sounds.items():
            hours, count = len(sound) / audio.SAMPLE_RATE / 3600, len(hear(sound))
            low, high = (value / hours for value in poisson_interval(count))
            cells.append(f"{kind}: {count} in {hours:.2f} h, {count / hours:.1f} an hour [{low:.1f}, {high:.1f}]")
        print(f"{name:24} " + "   ".join(cells), flush=True)


def _wake_only(words: list[str]) -> dict[str, peers.Spotter]:
    """Peers with phrases of their own, for sound without them."""
    every = peers.spotters([], ())
    return {name: hear for name, hear in every.items() if name.startswith(("micro", "open"))}


def _unheard(kind: sound_kinds.Kind, known: Sequence[Mapping[str, heard.Heard]]) -> sound_kinds.Kind:
    """The kind without what one of the models learned from."""
    left = tuple(
        one for one in kind.recordings if not any(heard.learned(of_model, one.speaker, one.path) for of_model in known)
    )
    if not left:
        raise SystemExit(f"nothing is left of {kind.name}: a model learned from all of it; give other sound")
    print(f"{kind.name}: {len(left)} of {len(kind.recordings)} recordings, which no model learned from", flush=True)
    return replace(kind, recordings=left)


def _joined(kind: sound_kinds.Kind) -> np.ndarray:
    return np.concatenate(list(sound_kinds.Tape(kind.recordings).blocks()))


def _found(heard: peers.Heard, said: list[tuple[float, str]]) -> int:
    """Words that were heard at least once near to where they were said."""
    return sum(any(word == other and abs(time - at) < NEAR_SECONDS for at, other in heard) for time, word in said)


if __name__ == "__main__":
    main()
