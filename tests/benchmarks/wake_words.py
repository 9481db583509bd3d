"""Wake phrases in streams of recordings, one after the other in noise, and false accepts an hour of speech.

    PYTHONPATH=.:tests/benchmarks python tests/benchmarks/wake_words.py --phrases phrases --noise noise --speech talk \
        --split testing

--phrases has PHRASE/*.wav of any length; every recording is a chance. They come in an order drawn by a seed, with noise
that never stops between and under them: its power is so many decibels under that of the whole recording. A phrase is
found where the model says it between the recording's beginning and 0.5 s after its end. Thresholds are those that the
model ships with, unless --threshold names one for all. --split takes the recordings of one split alone: by the lists of
the folder, and without them by the rule of Speech Commands (10 % each). False accepts are counted over --speech; where
FOLDER.csv says that a phrase is said in a recording, hearing it there is right. Where they are installed, microWakeWord
and openWakeWord (pymicro-wakeword, pyopen-wakeword) hear the same streams, each for the phrase that it has.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import peers

from convert.engine import host_library
from convert.tflite import artifact
from edgekws import audio
from edgekws.audio import SAMPLE_RATE
from edgekws.corpus import transcripts
from edgekws.corpus.clips import rejects
from edgekws.corpus.folder.speakers import speaker_of
from edgekws.corpus.folder.splits import read_lists, speaker_split
from edgekws.errors import UserError
from edgekws.listen import detector, hearing, sound_kinds, thresholds
from edgekws.listen.detector import Settings
from edgekws.report.metrics import Proportion, poisson_interval

GAP = (1.0, 2.0)  # seconds between recordings
LATE = 0.5  # seconds after a recording's end in which its phrase still counts
SEED = 2030


@dataclass(frozen=True, eq=False)
class Stream:
    """A stream, int16 (n,), and where its recordings begin and end, in samples."""

    sound: np.ndarray
    places: list[tuple[int, int]]


def stream(recordings: Sequence[np.ndarray], noise: np.ndarray, snr_db: float | None) -> Stream:
    """The recordings in an order drawn, in noise, or over its faintest trace for None."""
    rng = np.random.default_rng(SEED)
    parts, places, at = [], [], 0
    for i in rng.permutation(len(recordings)):
        sound = recordings[i].astype(np.float64)
        gap = int(rng.uniform(*GAP) * SAMPLE_RATE)
        start = int(rng.integers(len(noise)))
        under = np.take(noise, range(start, start + gap + len(sound)), mode="wrap").astype(np.float64)
        under /= max(float(np.sqrt(np.mean(under**2))), 1e-9)
        level = 3.0 if snr_db is None else float(np.sqrt(np.mean(sound**2))) * 10 ** (-snr_db / 20)
        mixed = under * level
        mixed[gap:] += sound
        places.append((at + gap, at + len(mixed)))
        parts.append(np.clip(np.rint(mixed), -32_768, 32_767).astype(np.int16))
        at += len(mixed)
    return Stream(np.concatenate([*parts, np.zeros(3 * SAMPLE_RATE, np.int16)]), places)


def found(times: Iterable[float], places: Sequence[tuple[int, int]]) -> int:
    """In how many of the places a time lies."""
    heard = sorted(times)
    return sum(any(a / SAMPLE_RATE <= t <= b / SAMPLE_RATE + LATE for t in heard) for a, b in places)


def events(model: artifact.Artifact, settings: Settings, sound: np.ndarray) -> list[tuple[float, str]]:
    """Seconds at which the model says a word, at the end of the window, and the word."""
    scorer = host_library.scorer(model)
    heard = thresholds.sweep(scorer.push(sound), settings, np.array([settings.thresholds]))
    ends = (settings.window + heard.result * settings.hop) / SAMPLE_RATE
    return [(float(end), model.labels[word]) for end, word in zip(ends, heard.word, strict=True)]


def kept(paths: Iterable[Path], folder: Path, split: str) -> list[Path]:
    """The recordings of a split, by the folder's lists or the rule; all of them without one."""
    lists = read_lists(folder)
    return [path for path in sorted(paths) if not split or _split(path, folder, lists) == split]


def _split(path: Path, folder: Path, lists: Mapping[str, str] | None) -> str:
    if lists is None:
        return speaker_split(speaker_of(path.stem), 10, 10)
    return lists.get(path.relative_to(folder).as_posix(), "training")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--phrases", type=Path, required=True)
    parser.add_argument("--noise", type=Path, required=True)
    parser.add_argument("--speech", type=Path, nargs="*", default=[])
    parser.add_argument("--model", default="wake")
    parser.add_argument("--split", default="", choices=("", "training", "validation", "testing"))
    parser.add_argument("--threshold", type=float)
    parser.add_argument("--false-accepts-per-hour", type=float, dest="per_hour", help="thresholds tuned for so many")
    parser.add_argument(
        "--pause", type=float, default=0.0, help="seconds of faint noise between recordings of --speech"
    )
    parser.add_argument("--no-peers", action="store_true", help="edgekws alone, which takes a tenth of the time")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    model = artifact.load(args.model).at(args.per_hour)
    hop, window = host_library.hop(model), model.graph.input.length
    settings = detector.fitting(model.detector, model.labels, hop, window)
    if args.threshold is not None:
        settings = detector.with_threshold(settings, args.threshold)
    noise = np.concatenate([audio.read(path)[0] for path in sorted(args.noise.rglob("*.wav"))])
    recordings = {
        word: [audio.read(path)[0] for path in kept((args.phrases / word).glob("*.wav"), args.phrases, args.split)]
        for word in model.labels
        if not rejects(word) and (args.phrases / word).is_dir()
    }
    installed = {} if args.no_peers else peers.spotters([], ())
    others = {name: hear for name, hear in installed.items() if name.split(" ", 1)[-1] in recordings}
    rows, confused = {}, 0
    for snr in (None, 10.0, 0.0):
        title, all_found, all_said = "clean" if snr is None else f"{snr:g} dB", 0, 0
        for word, sounds in recordings.items():
            if not sounds:
                continue
            made = stream(sounds, noise, snr)
            heard = events(model, settings, made.sound)
            hits = found((time for time, said in heard if said == word), made.places)
            confused += sum(said != word for _, said in heard)
            rows[f"{word}, {title}"] = (hits, len(sounds))
            all_found, all_said = all_found + hits, all_said + len(sounds)
            for name, hear in others.items():
                if name.endswith(f" {word}"):
                    rows[f"{name}, {title}"] = (found((time for time, _ in hear(made.sound)), made.places), len(sounds))
        rows[f"all phrases, {title}"] = (all_found, all_said)
    for name, (hits, said) in rows.items():
        print(f"{name:34} {hits:5} of {said:5}  {Proportion(hits, said)}", flush=True)
    print(f"another phrase than was said: {confused}")
    per_hour = {}
    scorer = host_library.scorer(model)
    for kind, place in zip(sound_kinds.find(args.speech, "--speech"), args.speech, strict=True):
        paths = set(kept((one.path for one in kind.recordings), place, args.split))
        mine = sound_kinds.Kind(kind.name, tuple(one for one in kind.recordings if one.path in paths))
        texts = hearing.Texts.of(transcripts.of_folder(place), model.labels, "text")
        scored, _ = hearing.hear(mine, scorer, model.labels, texts, lambda samples: None, args.pause)
        wrong = thresholds.unexcused(thresholds.sweep(scored.scores, settings, np.array([settings.thresholds])), scored)
        per_hour[kind.name, model.name] = (len(wrong.word), scored.seconds / 3600)
        tape = sound_kinds.Tape(mine.recordings, pause=round(args.pause * SAMPLE_RATE))
        sound = np.concatenate(list(tape.blocks())) if others else np.zeros(0, np.int16)
        for name, hear in others.items():
            per_hour[kind.name, name] = (len(hear(sound)), scored.seconds / 3600)
    for spotter in (model.name, *others) if per_hour else ():
        mine = [numbers for (_, name), numbers in per_hour.items() if name == spotter]
        per_hour["all of it", spotter] = (sum(count for count, _ in mine), sum(length for _, length in mine))
    for (name, spotter), (count, length) in per_hour.items():
        low, high = poisson_interval(count)
        print(f"{f'{spotter}: {name}':44} {count:3} false accepts in {length:.2f} h: {count / length:.2f} an hour "
              f"[{low / length:.2f}, {high / length:.2f}]")  # fmt: skip
    if args.json:
        heard = {f"{spotter}: {name}": numbers for (name, spotter), numbers in per_hour.items()}
        print(json.dumps({"found": rows, "false_accepts": heard}))
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except UserError as error:
        sys.exit(f"wake_words: {error}")
