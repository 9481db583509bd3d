"""How many recordings of people a model names rightly: those of a folder's words that the model knows.

    PYTHONPATH=.:tests/benchmarks python tests/benchmarks/real_words.py espeak-nano speech_commands --split testing

FOLDER is laid out like Speech Commands; words that are missing on either side are left out. --split takes the
recordings of one split by the folder's lists, or without lists by the rule of Speech Commands (10 % each). --clips
draws so many of each word. A recording counts as right if its word has the highest score of all classes of the model.
"""

from __future__ import annotations

import argparse
import random
from pathlib import Path

import numpy as np
from wake_words import kept

from convert.tflite import artifact
from edgekws import audio
from edgekws.corpus.clips import rejects
from edgekws.errors import UserError
from edgekws.listen.classify import Classifier
from edgekws.report.metrics import Proportion

SEED = 2030


def recordings(folder: Path, word: str, split: str, clips: int) -> list[np.ndarray]:
    """The recordings of a word, int16 (n,) each: all of a split, or ``clips`` of them drawn by the seed."""
    paths = kept((folder / word).glob("*.wav"), folder, split)
    drawn = random.Random(f"{SEED} {word}").sample(paths, clips) if 0 < clips < len(paths) else paths
    return [audio.read(path)[0] for path in drawn]


def named(model: Classifier, sound: np.ndarray) -> str:
    """The class with the highest score in the middle of the recording."""
    scores = model.scores(audio.fit(sound, model.window))
    return model.labels[int(scores.argmax())]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="a run, a .tflite file or a model that ships")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--split", default="", choices=("", "training", "validation", "testing"))
    parser.add_argument("--clips", type=int, default=0, help="of each word; 0: all")
    args = parser.parse_args()
    found = artifact.load(args.model)
    model = Classifier(found.content, found.labels, found, found.name)
    words = [word for word in model.labels if not rejects(word) and (args.folder / word).is_dir()]
    if not words:
        raise UserError(f"{args.folder} has no folder of a word that {found.name} knows: {', '.join(model.labels)}")
    right = total = 0
    for word in words:
        sounds = recordings(args.folder, word, args.split, args.clips)
        hits = sum(named(model, sound) == word for sound in sounds)
        right, total = right + hits, total + len(sounds)
        print(f"{word:12} {hits:5} of {len(sounds):5}", flush=True)
    print(f"{'all':12} {right:5} of {total:5}  {Proportion(right, total)}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
