"""Measures a model on a user's own sound: missed words, false accepts an hour by kind of sound, tradeoffs."""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from convert.engine import host_library
from convert.prove import outcome
from convert.tflite.artifact import Artifact
from edgekws import audio
from edgekws.audio import SAMPLE_RATE
from edgekws.corpus import heard
from edgekws.corpus.folder import NOISE_FOLDER
from edgekws.corpus.heard import Heard
from edgekws.errors import UserError
from edgekws.files import atomic_write, make_folder
from edgekws.listen import detector, hearing, keyword_clips, sound_kinds, thresholds, trials
from edgekws.listen.detector import Settings
from edgekws.listen.hearing import Texts
from edgekws.listen.keyword_clips import KeywordClips
from edgekws.listen.sound_kinds import Kind, Tape
from edgekws.listen.thresholds import Scored
from edgekws.progress import progress_bar
from edgekws.train import reverberation

SNRS_DB = (20.0, 10.0, 5.0, 0.0)
LEVEL_DB = -35.0  # of the words, in the streams with a signal-to-noise ratio each
LEVELS_DB = (-50.0, -40.0, -30.0, -20.0, -15.0)
GAP_SECONDS = (2.0, 3.0)  # between clips of a second: on average a word every 3.5 s
_SAVED_SECONDS = 1.0  # on each side of a false accept


@dataclass(frozen=True)
class Request:
    """Which sound a model is measured on, and how."""

    negatives: tuple[Kind, ...] = ()
    keywords: Path | None = None
    rooms: Path | None = None  # impulse responses: the words are heard there as well
    noise: Path | None = None  # under the keywords; None: their own background noise, or computed noise
    snrs_db: tuple[float, ...] = SNRS_DB
    levels_db: tuple[float, ...] = LEVELS_DB
    texts: Texts = field(default_factory=Texts)
    clips: int = 30  # of each word at most; 0: all of them
    shared: str = "refuse"  # what the model learned from is refused, left out ("leave-out"), or measured ("allow")
    accepts: Path | None = None  # a folder for a WAV of every false accept
    pause_seconds: float = 0.0  # between recordings of ``negatives``
    seed: int = 2028


def measure(model: Artifact, request: Request, settings: Settings, known: dict[str, Heard] | None) -> dict[str, Any]:
    """The figures of ``model`` with these settings. ``known``: what it learned from; None: unknown.

    Raises UserError for sound that cannot be read, and for sound that the model learned from unless the request allows
    it.
    """
    scorer = host_library.scorer(model)
    labels = model.labels
    clips = None
    if request.keywords:
        clips = keyword_clips.read(request.keywords, labels, request.clips, request.seed, scorer.window)
    kinds, clips, shared = _apart(request, clips, known)
    without_text = request.texts.check(kinds)
    spoken = _streams(clips, request) if clips else {}
    times = sum(map(len, spoken.values()))  # that every clip is heard
    pauses = request.pause_seconds * sum(len(kind.recordings) for kind in kinds)
    seconds = sum(kind.seconds for kind in kinds) + pauses + times * 3.5 * (len(clips.labels) if clips else 0)
    with progress_bar("measuring", round(seconds), unit="s") as bar:
        tell = hearing.telling(bar)
        sounds = [hearing.hear(kind, scorer, labels, request.texts, tell, request.pause_seconds) for kind in kinds]
        keywords = {
            key: [hearing.hear_trial(trial, scorer, tell) for trial in streams] for key, streams in spoken.items()
        }
    negatives = [stream for stream, _ in sounds]
    rows = outcome.of_negatives(settings, labels, negatives)
    found: dict[str, Any] = {
        "model": model.name,
        "engine": scorer.words,
        "hop_ms": 1000 * scorer.hop / SAMPLE_RATE,
        "settings": detector.to_json(settings, labels),
        "goal": _goal(model, settings),
        "shared": shared,
        "pause_seconds": request.pause_seconds,
        "negatives": [
            row | {"recordings": len(kind.recordings), "faults": tape.faults.lines(audio.Faults())}
            for row, kind, (_, tape) in zip(rows, kinds, sounds, strict=True)
        ],
        "transcripts": {"mode": request.texts.mode, "without": without_text} if request.texts.by_file else None,
        "worst": {sort: outcome.worst(rows, sort) for sort in ("speech", "noise", "music")},
    }
    by_ratio = keywords.get("ratios", [])
    if clips:
        found["keywords"] = {
            "folder": str(request.keywords), "clips": len(clips.labels), "words": len(clips.words),
            "missing": list(clips.missing), "listed": clips.listed, "level_db": LEVEL_DB,
            "noise": _noise_of(request)[1],
        } | outcome.of_keywords(settings, labels, by_ratio)  # fmt: skip
        found["levels"] = [
            {"level_db": level} | outcome.of_keywords(settings, labels, [stream])["misses"][0]
            for level, stream in zip(request.levels_db, keywords["levels"], strict=True)
        ]
        if request.rooms:
            in_rooms = outcome.of_keywords(settings, labels, keywords["rooms"])["misses"][0]
            found["rooms"] = {"folder": str(request.rooms)} | in_rooms
    found["goals"] = _goals(model, scorer.hop, labels, by_ratio, negatives)
    found["det"] = _tradeoffs(settings, labels, by_ratio, negatives)
    if request.accepts:
        found["accepts"] = {"folder": str(request.accepts), "saved": save(request.accepts, sounds, settings, labels)}
    return found


def settings_of(model: Artifact, per_hour: float | None, threshold: float | None) -> Settings:
    """The detector's settings: those the model was tuned to, or the default. ``per_hour`` asks for the settings of that
    goal, ``threshold`` for one threshold for all words. Raises UserError if the model has no such goal, or the
    threshold is out of range."""
    hop = host_library.hop(model)
    used = model.at(per_hour)
    if per_hour is not None:
        detector.check_hop(used.detector, hop, model.name)
    settings = used.settings(hop)
    return detector.with_threshold(settings, threshold) if threshold is not None else settings


def _apart(
    request: Request, clips: KeywordClips | None, known: dict[str, Heard] | None
) -> tuple[list[Kind], KeywordClips | None, dict[str, Any]]:
    """The sound to measure on, and which of it the run learned from. Raises UserError if the request refuses that."""
    kinds = list(request.negatives)
    if known is None:
        return kinds, clips, {"known": False}

    of_clips = (
        [heard.learned(known, *pair) for pair in zip(clips.speakers, clips.samples, strict=True)] if clips else []
    )
    of_kinds = [[heard.learned(known, one.speaker, one.path) for one in kind.recordings] for kind in kinds]
    everything = [*of_clips, *(split for kind in of_kinds for split in kind)]
    counts = {split: everything.count(split) for split in known}
    if sum(counts.values()) and request.shared == "refuse":
        names = [one for one, split in zip(clips.names if clips else (), of_clips, strict=True) if split]
        names += [
            f"{kind.name}/{one.name}"
            for kind, splits in zip(kinds, of_kinds, strict=True)
            for one, split in zip(kind.recordings, splits, strict=True)
            if split
        ]
        raise UserError(
            f"the run learned from {sum(counts.values())} of these {len(everything)} recordings or from their "
            f"speakers ({', '.join(names[:3])}{', …' if len(names) > 3 else ''}), so its figures would be too good; "
            "use other recordings, or --shared leave-out to measure on the rest, or --shared allow"
        )
    if request.shared == "leave-out":
        clips = clips.without([bool(split) for split in of_clips]) if clips else None
        rest = [
            replace(
                kind, recordings=tuple(one for one, split in zip(kind.recordings, splits, strict=True) if not split)
            )
            for kind, splits in zip(kinds, of_kinds, strict=True)
        ]
        if empty := [kind.name for kind in rest if not kind.recordings]:
            raise UserError(f"nothing is left of {', '.join(empty)}: the run learned from all of it; use other sound")
        kinds = rest
    return kinds, clips, {"known": True, "policy": request.shared} | counts


def _noise_of(request: Request) -> tuple[list[Path], str]:
    """The recordings of noise to mix under the keywords, and a text that says where they come from."""
    own = request.keywords / NOISE_FOLDER if request.keywords else None
    place = request.noise or (own if own and own.is_dir() else None)
    if place is None:
        return [], "noise by arithmetic"
    (kind,) = sound_kinds.find([place], "--noise")
    return [one.path for one in kind.recordings], f"the recordings in {place}"


def _streams(clips: KeywordClips, request: Request) -> dict[str, list[trials.Trial]]:
    """Streams with the words: "ratios", one for each ratio; "levels", one for each level, at 10 dB or the asked ratio
    nearest to it; and, if rooms are given, "rooms", one at that ratio in which the rooms take turns."""
    made = clips.over([audio.read(path)[0] for path in _noise_of(request)[0]])
    ten = min(request.snrs_db, key=lambda snr: abs(snr - 10))
    stream = partial(trials.keywords, seed=request.seed, gap_s=GAP_SECONDS)
    found = {
        "ratios": [stream(made, snr, level_db=LEVEL_DB) for snr in request.snrs_db],
        "levels": [stream(made, ten, level_db=level) for level in request.levels_db],
    }
    if request.rooms:
        rooms = itertools.cycle(reverberation.recorded(request.rooms, "--rooms"))
        heard = np.stack([reverberation.in_room(clip, next(rooms)) for clip in clips.samples])
        found["rooms"] = [stream(replace(made, keywords=heard), ten, level_db=LEVEL_DB)]
    return found


def _goal(model: Artifact, settings: Settings) -> float | None:
    """The goal, in false accepts an hour, for which tuning chose these settings; None if there is none."""
    goals = model.detector.goals if model.detector else {}
    return next((goal for goal in sorted(goals) if model.at(goal).settings(settings.hop) == settings), None)


def _goals(
    model: Artifact, hop: int, labels: Sequence[str], keywords: Sequence[Scored], negatives: Sequence[Scored]
) -> list[dict[str, Any]]:
    """For each goal that the model was tuned to, what its thresholds give on this sound."""
    rows = []
    for goal, tuned in sorted(model.detector.goals.items()) if model.detector else ():
        if tuned.hop == hop:
            settings = model.at(goal).settings(hop)
            worst = outcome.worst(outcome.of_negatives(settings, labels, negatives))
            misses = outcome.of_keywords(settings, labels, keywords)["misses"] if keywords else []
            rows.append({"goal": goal, "worst": worst, "misses": misses})
    return rows


def _tradeoffs(
    settings: Settings, labels: Sequence[str], keywords: Sequence[Scored], negatives: Sequence[Scored]
) -> list[dict[str, Any]]:
    """A curve for each kind of sound and ratio: [false accepts an hour, share missed] over one common threshold."""
    family = thresholds.one_for_all(labels)
    curves = []
    always = detector.opened(settings)
    missed = [(one.snr_db, thresholds.tally([one], labels, always, family).miss_rate) for one in keywords]
    for stream in negatives if keywords else ():
        per_hour = outcome.rates(labels, settings, family, stream).sum(1)
        curves += [
            {"kind": stream.kind, "hours": stream.seconds / 3600, "snr_db": snr,
             "points": outcome.tradeoff(per_hour, share)}
            for snr, share in missed
        ]  # fmt: skip
    return curves


def save(folder: Path, sounds: Sequence[tuple[Scored, Tape]], settings: Settings, labels: Sequence[str]) -> int:
    """Save two seconds around every false accept as a WAV, and accepts.csv: wav, kind, file, time, word, score."""
    make_folder(folder)
    table = io.StringIO()
    rows = csv.writer(table, lineterminator="\n")
    rows.writerow(["wav", "kind", "file", "time", "word", "score"])
    saved = 0
    for stream, tape in sounds:
        for number, events in itertools.groupby(found_in(stream, tape, settings, labels), key=lambda one: one[0]):
            recording, listed = tape.recordings[number], list(events)
            spans = [(round((at - _SAVED_SECONDS) * SAMPLE_RATE), round((at + _SAVED_SECONDS) * SAMPLE_RATE))
                     for _, at, _, _ in listed]  # fmt: skip
            cut = sound_kinds.excerpts(recording.path, spans)
            for (_, at, word, score), sound in zip(listed, cut, strict=True):
                saved += 1
                name = f"{saved:05}-{_plain(stream.kind)}-{_plain(word)}.wav"
                atomic_write(folder / name, audio.to_wav(sound))
                rows.writerow([name, stream.kind, recording.name, f"{at:.3f}", word, f"{score:.4f}"])
    atomic_write(folder / "accepts.csv", table.getvalue())
    return saved


def found_in(
    stream: Scored, tape: Tape, settings: Settings, labels: Sequence[str]
) -> Iterator[tuple[int, float, str, float]]:
    """Each false accept: the recording's number, seconds from its start, the word, and its averaged probability."""
    row = np.array([settings.thresholds])
    events = thresholds.unexcused(thresholds.sweep(stream.scores, settings, row), stream)
    sums = thresholds.moving_sums(stream.scores, settings.results)
    for t, word in zip(events.result.tolist(), events.word.tolist(), strict=True):
        number, sample = tape.origin(max(settings.window + t * settings.hop - settings.delay, 0))
        yield number, sample / SAMPLE_RATE, labels[word], float(sums[t, word]) / settings.results / 256


def _plain(text: str) -> str:
    return "".join(c if c.isalnum() else "_" for c in text)[:40]
