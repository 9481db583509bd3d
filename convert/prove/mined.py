"""Finds the windows of recordings without words in which a model hears a word, and cuts them out as training clips."""

from __future__ import annotations

import csv
import io
import itertools
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from convert.engine import host_library
from convert.prove import outcome, tuning
from convert.tflite.artifact import Artifact
from edgekws import audio
from edgekws.audio import CLIP_SAMPLES, SAMPLE_RATE
from edgekws.corpus import heard, other_sound
from edgekws.corpus.clips import rejects
from edgekws.files import atomic_write, writing
from edgekws.guard import untrusted
from edgekws.listen import detector, hearing, sound_kinds, thresholds, trials
from edgekws.listen.hearing import Texts
from edgekws.listen.said import Place
from edgekws.listen.sound_kinds import Kind, Recording, Tape
from edgekws.listen.thresholds import Scored
from edgekws.listen.trials import Material
from edgekws.progress import progress_bar

PLACES = (-0.2, -0.1, 0.0, 0.1, 0.2)  # seconds from a window's start to the starts of its clips
COLUMNS = ("clip", "kind", "file", "time", "word", "score")
_APART = SAMPLE_RATE // 2  # of windows that are nearer together, only one is taken
_SNR_DB = 10.0  # of the keywords in validation
_CLIPS = 30  # of each keyword at most
_SEED = 2029


@dataclass(frozen=True)
class Fired:
    """A window in which a word scored high. ``start`` is its place in the recording, in samples."""

    recording: Recording
    kind: str
    start: int
    samples: int  # length of the whole recording
    word: str
    score: float
    length: int = CLIP_SAMPLES  # length of the window, in samples


def find(model: Artifact, kinds: Sequence[Kind], texts: Texts, above: float, most: int) -> list[Fired]:
    """The windows in which a word scores ``above`` or more while none is said: at most the ``most`` highest."""
    scorer, found = host_library.scorer(model), list[Fired]()
    texts = replace(texts, mode="times") if texts.mode == "cut" else texts  # a window across a cut is not real sound
    with progress_bar("mining", round(sum(kind.seconds for kind in kinds)), unit="s") as bar:
        for kind in kinds:
            stream, tape = hearing.hear(kind, scorer, model.labels, texts, hearing.telling(bar))
            spoken = {number: texts.places(one) for number, one in enumerate(kind.recordings)}
            found += windows(stream, tape, scorer.hop, model.labels, above, spoken, scorer.window)
    found.sort(key=lambda one: -one.score)
    return sorted(found[:most], key=lambda one: (one.kind, one.recording.name, one.start))


def windows(
    stream: Scored, tape: Tape, hop: int, labels: Sequence[str], above: float, spoken: Mapping[int, Sequence[Place]],
    length: int = CLIP_SAMPLES,
) -> list[Fired]:  # fmt: skip
    """The windows of a stream that score ``above`` or more; of windows close together, the highest."""
    words = [i for i, label in enumerate(labels) if not rejects(label)]
    scores = (stream.scores[:, words].astype(np.float64) + 128) / 256
    best = scores.max(axis=1)
    free, found = np.ones(len(best), bool), []
    for t in np.argsort(-best, kind="stable"):
        if best[t] < above:
            break
        if not free[t]:
            continue
        near = _APART // hop
        free[max(t - near, 0) : t + near + 1] = False
        number, start = tape.origin(int(t) * hop)
        samples = tape.span(number)[1]
        start = min(start, samples - length)
        if start < 0 or _said(start, length, spoken.get(number, ())):
            continue
        word = labels[words[int(scores[t].argmax())]]
        recording = tape.recordings[number]
        found.append(Fired(recording, stream.kind, start, samples, word, float(best[t]), length))
    return found


def write(folder: Path, fired: Sequence[Fired]) -> None:
    """Save every window as WAV clips, one for each of ``PLACES``, then the table that lists them."""
    shutil.rmtree(folder, ignore_errors=True)
    with writing(folder):
        folder.mkdir(parents=True)
    table = io.StringIO()
    rows = csv.writer(table, lineterminator="\n")
    rows.writerow(COLUMNS)
    for number, ((_, _), group) in enumerate(itertools.groupby(fired, key=lambda one: (one.kind, one.recording.name))):
        mine = list(group)
        starts = sorted({start for one in mine for start in _starts(one)})
        cut = sound_kinds.excerpts(mine[0].recording.path, [(start, start + mine[0].length) for start in starts])
        clips = dict(zip(starts, cut, strict=True))
        for i, one in enumerate(mine):
            name = f"{one.recording.speaker or f'{number:05}'}_nohash_{number:05}{i:03}"
            for place, start in enumerate(_starts(one)):
                atomic_write(folder / f"{name}_{place}.wav", audio.to_wav(clips[start]))
            rows.writerow([name, one.kind, one.recording.name, f"{one.start / SAMPLE_RATE:.3f}", one.word,
                           f"{one.score:.4f}"])  # fmt: skip
    atomic_write(folder / other_sound.MINED, table.getvalue())


def counted(folder: Path) -> tuple[int, int]:
    """How many windows, of how many recordings, a folder from ``write`` has."""
    rows = untrusted.table(folder / other_sound.MINED, COLUMNS, "remove it to mine again")
    return len(rows), len({(row["kind"], row["file"]) for row in rows})


def learned(fired: Sequence[Fired]) -> heard.Heard:
    """The speakers and recordings that a run learns from if it trains on these windows."""
    recordings = {one.recording.path: one.recording for one in fired}.values()
    return heard.Heard(
        frozenset(one.speaker for one in recordings if one.speaker),
        frozenset(heard.key(heard.opening(one.path)) for one in recordings),
    )


def validate(
    model: Artifact, material: Material, kinds: Sequence[Kind], texts: Texts, per_hour: float
) -> dict[str, Any]:
    """The share of keywords missed in noise, with the best common threshold that keeps to ``per_hour`` false accepts an
    hour in the worst kind of sound. The share is 1 if no threshold does."""
    scorer, labels = host_library.scorer(model), model.labels
    some = trials.few(material, _CLIPS, _SEED)
    seconds = sum(kind.seconds for kind in kinds) + 2.5 * len(some.labels)
    with progress_bar("validating", round(seconds), unit="s") as bar:
        tell = hearing.telling(bar)
        keywords = hearing.hear_trial(trials.keywords(some, _SNR_DB, _SEED), scorer, tell)
        negatives = [hearing.hear(kind, scorer, labels, texts, tell)[0] for kind in kinds]
    settings, family = detector.default(labels, scorer.hop, scorer.window), thresholds.one_for_all(labels)
    rates = np.max([outcome.rates(labels, settings, family, one).sum(1) for one in tuning.deciding(negatives)], axis=0)
    missed = thresholds.tally([keywords], labels, settings, family).miss_rate
    kept = np.flatnonzero(rates <= per_hour)
    chosen = int(kept[np.lexsort((rates[kept], missed[kept]))[0]]) if len(kept) else int(rates.argmin())
    return {
        "missed": float(missed[chosen]) if len(kept) else 1.0,
        "per_hour": float(rates[chosen]),
        "threshold": int(thresholds.LEVELS[chosen]) / 256,
        "words": len(some.labels),
        "hours": {one.kind: one.seconds / 3600 for one in negatives},
        "curve": outcome.tradeoff(rates, missed),
    }


def _said(start: int, length: int, places: Sequence[Place]) -> bool:
    """Whether a word may be said in the clips of a window, given its start and length in samples."""
    first, last = start / SAMPLE_RATE + PLACES[0], (start + length) / SAMPLE_RATE + PLACES[-1]
    return any(low < last and first < high for _, low, high in places)


def _starts(one: Fired) -> list[int]:
    last = one.samples - one.length
    return [min(max(one.start + round(place * SAMPLE_RATE), 0), last) for place in PLACES]
