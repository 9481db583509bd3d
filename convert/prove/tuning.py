"""Tunes the detector of a run on streams of its validation split, and measures it on streams of its testing split."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from convert.engine import host_library
from convert.prove import outcome
from convert.prove.heard_streams import HeardStreams
from convert.tflite import artifact
from edgekws import text
from edgekws.audio import SAMPLE_RATE
from edgekws.corpus import heard, other_sound, rejection, sources
from edgekws.corpus.clips import Corpus, Selection, rejects
from edgekws.corpus.folder.splits import speaker_split
from edgekws.corpus.heard import Heard
from edgekws.corpus.spoken import espeak
from edgekws.errors import UserError
from edgekws.listen import choosing, detector, sound_kinds, thresholds, trials
from edgekws.listen.detector import Settings, Tuned
from edgekws.listen.hearing import Scorer, Texts
from edgekws.listen.sound_kinds import Kind, Recording
from edgekws.listen.thresholds import Scored
from edgekws.listen.trials import Material
from edgekws.progress import progress_bar
from edgekws.recipe import Data
from edgekws.report import summary as verdict
from edgekws.workspace import Run

SEEDS = {"validation": 2026, "testing": 2027}  # each split gets other sentences, gaps and levels


@dataclass(frozen=True)
class Asked:
    """What thresholds are chosen for, and on which sound.

    Attributes:
        per_hour: the goal: false accepts an hour in the worst kind of speech. Settings for ``choosing.GOALS`` are
            chosen as well.
        hours: of synthetic streams without keywords in each split. Recorded words that are no keywords, recordings of
            no word and ``given`` are added to them.
        given: kinds of sound without keywords. Each speaker serves one split.
        texts: what is said in ``given``.
        alone: in place of the recipe's ``detector.alone``.
    """

    per_hour: float
    hours: float
    given: tuple[Kind, ...] = ()
    texts: Texts = field(default_factory=Texts)
    alone: float | None = None


def tune(run: Run, clips: Corpus, asked: Asked) -> tuple[Tuned, dict[str, Any]]:
    """The settings chosen on validation streams, and the figures for report.json. Nothing is written.

    Raises UserError if a split gets nothing of ``asked.given``.
    """
    model = artifact.load(run.folder)
    alone = run.recipe.detector.alone if asked.alone is None else asked.alone
    model.said_alone(alone)  # fail now, not after hours of sound
    known = heard.read(run.heard)
    shared = {kind.name: apart(kind, run, known) for kind in asked.given}
    asked.texts.check(asked.given)
    scorer = host_library.scorer(model)
    streams = _heard(run, clips, scorer, model.labels, asked, shared)
    validation, testing = streams["validation"], streams["testing"]
    candidates = choosing.choices(
        validation.keywords,
        deciding(validation.negatives, shared),
        model.labels,
        scorer.hop,
        scorer.window,
        alone,
    )
    goals = {goal: choosing.choose(candidates, goal) for goal in sorted({*choosing.GOALS, asked.per_hour})}
    choice = goals[asked.per_hour]
    kept = {goal: one.settings for goal, one in goals.items() if one.keeps(goal)}
    tested = {
        goal: summary(settings, model.labels, testing.keywords, testing.negatives)
        for goal, settings in {**kept, asked.per_hour: choice.settings}.items()
    }
    decided = deciding(testing.negatives, shared)
    found = {
        **_chosen(choice, asked.per_hour),
        "synthetic_only": not any(is_recorded(stream.kind) for stream in decided),
        "given": {
            name: {split: len(parts[split].recordings) for split in SEEDS}
            | {"left_out": len(kind.recordings) - sum(len(part.recordings) for part in parts.values())}
            for (name, parts), kind in zip(shared.items(), asked.given, strict=True)
        },
        "seed": SEEDS["testing"],
        "engine": scorer.words,
        "hop_ms": 1000 * scorer.hop / SAMPLE_RATE,
        "settings": detector.to_json(choice.settings, model.labels),
        "validation": summary(choice.settings, model.labels, validation.keywords, validation.negatives),
        "testing": tested[asked.per_hour],
        "goals": [
            {"goal": goal, "unseen_per_hour": goals[goal].unseen_per_hour}
            | _rate(tested[goal])
            | {"misses": tested[goal]["misses"]}
            for goal in kept
        ],
        **det(choice.settings, model.labels, choice.family, testing.keywords, decided),
        "sliding": testing.sliding(choice.settings, model.labels),
        "excerpt": testing.excerpt(choice.settings, model.labels),
    }
    return Tuned(choice.settings, kept), found | {"reached": verdict.goal(found)[0]}


def _heard(
    run: Run,
    clips: Corpus,
    scorer: Scorer,
    labels: Sequence[str],
    asked: Asked,
    shared: Mapping[str, Mapping[str, Kind]],
) -> dict[str, HeardStreams]:
    """The streams of each split, as the model hears them. ``shared``: the given kinds, apart by split."""
    others = sources.other_words(run.recipe)
    made = {name: material(run, clips, others, name, shared) for name in SEEDS}
    count = sum(len(one.labels) * len(trials.SNRS_DB) + len(one.others) for one in made.values())
    seconds = scorer.window / SAMPLE_RATE
    total = 2 * 3600 * asked.hours + (1.5 + seconds) * count
    recorded = [pieces for one in made.values() for part in one.sound.values() for pieces in part]
    total += sum(seconds * len(pieces) + trials.PAUSE / SAMPLE_RATE for pieces in recorded)
    given = [kind for parts in shared.values() for kind in parts.values()]
    total += sum(kind.seconds + len(kind.recordings) * trials.PAUSE / SAMPLE_RATE for kind in given)
    with progress_bar("listening", round(total), unit="s") as bar:
        return {
            name: HeardStreams(
                found, scorer, labels, asked.hours, SEEDS[name], bar, name == "testing",
                [parts[name] for parts in shared.values()], asked.texts,
            )
            for name, found in made.items()
        }  # fmt: skip


def _chosen(choice: choosing.Choice, goal: float) -> dict[str, Any]:
    """The goal, and what is expected of the choice in other sound."""
    return {
        "goal": goal,
        "quiet_goal": choosing.quiet_goal(goal),
        "within_on_validation": choice.keeps(goal),
        "unseen_per_hour": choice.unseen_per_hour,
        "quiet_per_hour": choice.quiet_per_hour,
        "unseen_kind": choice.kind,
        "unseen_hours": choice.hours,
    }


def apart(kind: Kind, run: Run, known: Mapping[str, Heard] | None) -> dict[str, Kind]:
    """The recordings of a kind for validation and for testing. Each speaker is in one, and none is of the training.

    A speaker that the run has in a split stays there. The others are halved by the data set's rule.
    """
    data = run.recipe.data
    parts: dict[str, list[Recording]] = {name: [] for name in SEEDS}
    for one in kind.recordings:
        learned = heard.learned(known or {}, one.speaker, one.path)
        split = learned or _unlearned(one, kind, data)
        if split == "training" and not learned:
            split = speaker_split(one.speaker or f"{kind.name}/{one.name}", 50, 50)
        if split != "training":
            parts[split].append(one)
    if missing := [name for name in SEEDS if not parts[name]]:
        raise UserError(
            f"--negatives: none of the {len(kind.recordings)} recordings in {kind.name} is left for "
            f"{' or '.join(missing)}: a speaker serves only one of these, and recordings that the run trained on serve "
            "none; add recordings of other speakers"
        )
    return {name: replace(kind, recordings=tuple(recordings)) for name, recordings in parts.items()}


def split_of(one: Recording, kind: Kind, data: Data, known: Mapping[str, Heard] | None) -> str:
    """The split of a recording: where the run has its speaker, else by the folder's lists, else by the data set's
    rule."""
    return heard.learned(known or {}, one.speaker, one.path) or _unlearned(one, kind, data)


def _unlearned(one: Recording, kind: Kind, data: Data) -> str:
    if kind.lists is not None:
        return kind.lists.get(text.normal(one.name), "training")
    return speaker_split(one.speaker or f"{kind.name}/{one.name}", data.validation_percent, data.testing_percent)


def is_recorded(kind: str) -> bool:
    """Whether a stream is recorded speech: neither a synthesizer's nor single words in a row."""
    return sound_kinds.sort_of(kind) == sound_kinds.SPEECH and kind != trials.SYNTHETIC


def deciding(negatives: Sequence[Scored], given: Collection[str] = ()) -> list[Scored]:
    """The streams that must keep to the goal: those long enough for a rate. If people speak in one of them, eSpeak's
    sentences do not count, nor do streams of single words in a row, since nobody speaks like that. If people speak in
    one that a user has ``given``, those that he gave decide, with noise."""
    long = sound_kinds.long_enough([stream.seconds / 3600 for stream in negatives])
    streams = [stream for stream, enough in zip(negatives, long, strict=True) if enough]
    if any(is_recorded(stream.kind) for stream in streams if stream.kind in given):
        streams = [stream for stream in streams if stream.kind in (*given, sound_kinds.NOISE)]
    if any(is_recorded(stream.kind) for stream in streams):
        return [s for s in streams if sound_kinds.sort_of(s.kind) != sound_kinds.WORDS and s.kind != trials.SYNTHETIC]
    return streams


def material(
    run: Run, clips: Corpus, others: Corpus | None, name: str, given: Mapping[str, object] | None = None
) -> Material:
    """The sound that the streams of a split are made from. A folder of data.unknown_from is left out if ``given`` has a
    folder of the same name."""
    data, split = run.recipe.data, clips.split(name)
    selection = Selection(run.recipe.seed, 0, data.validation_percent, data.testing_percent)
    spoken = split.labels < len(data.words)
    sound: dict[str, list[list[np.ndarray]]] = {}
    follows = np.roll(other_sound.continued(split.clips), 1)
    for clip, samples, goes_on in zip(split.clips, split.samples, follows, strict=True):
        if other_sound.holds(clip) and (folder := other_sound.folder_of(clip)) not in (given or {}):
            recorded = sound.setdefault(folder, [])
            if not goes_on:
                recorded.append([])
            recorded[-1].append(samples)
    return Material(
        data.words,
        np.asarray(split.samples[spoken]),
        split.labels[spoken],
        np.asarray(others.split(name).samples) if others else np.zeros((0, split.samples.shape[1]), np.int16),
        rejection.noise_of(name, clips.noise, data.held_out_noise),
        espeak.split_voices(selection)[name],
        sound,
    )


def summary(
    settings: Settings, labels: Sequence[str], keywords: Sequence[Scored], negatives: Sequence[Scored]
) -> dict[str, Any]:
    """False accepts an hour of each kind of sound, the worst kind of speech first, then noise or music, and misses."""
    rows = outcome.of_negatives(settings, labels, negatives)
    worst = outcome.worst(rows) or max(rows, key=lambda row: row["per_hour"])
    quiet = [row for sort in sound_kinds.QUIET if (row := outcome.worst(rows, sort))]
    words = [label for label in labels if not rejects(label)]
    return {
        **_rate(worst),
        "quiet": _rate(max(quiet, key=lambda row: row["per_hour"])) if quiet else None,
        "hours_in_all": sum(row["hours"] for row in rows),
        "by_kind": rows,
        "during": [
            {"kind": stream.kind, "said": counts} for stream in negatives if (counts := _during(stream, settings))
        ],
        "by_word": {label: sum(row["by_word"].get(label, 0) for row in rows) for label in words},
    } | outcome.of_keywords(settings, labels, keywords)


def _rate(row: Mapping[str, Any]) -> dict[str, Any]:
    return {key: row[key] for key in ("kind", "false_accepts", "hours", "per_hour", "interval")}


def det(
    settings: Settings,
    labels: Sequence[str],
    family: np.ndarray,
    keywords: Sequence[Scored],
    negatives: Sequence[Scored],
) -> dict[str, Any]:
    """Points of the detection error tradeoff: [false accepts an hour in the worst kind of sound, share missed]. ``det``
    has all words over the family of thresholds, ``det_by_word`` each word at 10 dB over one common threshold."""
    per_hour = _worst([outcome.rates(labels, settings, family, stream).sum(1) for stream in negatives])
    curves = []
    for stream in keywords:
        missed = thresholds.tally([stream], labels, settings, family).miss_rate
        curves.append({"snr_db": stream.snr_db, "points": outcome.tradeoff(per_hour, missed)})
    common = thresholds.one_for_all(labels)
    wrong = _worst([outcome.rates(labels, settings, common, stream) for stream in negatives])
    ten = thresholds.tally([s for s in keywords if s.snr_db == 10.0], labels, settings, common)
    by_word = {
        label: outcome.tradeoff(wrong[:, i], 1 - ten.hits[:, i] / max(ten.said[i], 1))
        for i, label in enumerate(labels)
        if not rejects(label)
    }
    return {"det": curves, "det_by_word": by_word}


def _worst(rates: Sequence[np.ndarray]) -> np.ndarray:
    return np.max(rates, axis=0)


def _during(stream: Scored, settings: Settings) -> dict[str, int]:
    """How many false accepts came near each kind of speech that was said; empty if nothing was said."""
    if not stream.said:
        return {}
    events = thresholds.sweep(stream.scores, settings, np.array([settings.thresholds]))
    places = np.array([one.middle for one in stream.said])
    near, _ = thresholds.nearest(places, settings.window + events.result * settings.hop - settings.delay)
    kinds = [stream.said[i].word for i in near]
    return {f"{kind} ({sum(one.word == kind for one in stream.said)} said)": kinds.count(kind)
            for kind in sorted({one.word for one in stream.said})}  # fmt: skip
