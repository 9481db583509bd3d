"""Tuning the detector of a run on streams of its validation split, and measuring it on streams of its testing split."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from convert.engine import host_library
from convert.engine.host_library import Scorer
from convert.tflite import artifact
from edgekws.audio import CLIP_SAMPLES, SAMPLE_RATE
from edgekws.corpus import espeak, other_sound, rejection, sources
from edgekws.corpus.clips import Corpus, Selection, rejects
from edgekws.listen import detector, thresholds, trials
from edgekws.listen.detector import Settings, Tuned
from edgekws.listen.thresholds import Scored, Tally
from edgekws.listen.trials import Material, Trial
from edgekws.progress import Progress, progress_bar
from edgekws.report import metrics, plots
from edgekws.report.summary import goal
from edgekws.workspace import Run

SEEDS = {"validation": 2026, "testing": 2027}  # of the streams: other sentences, gaps and levels in each split
EXCERPT_SECONDS = 24


def tune(run: Run, clips: Corpus, per_hour: float, hours: float) -> tuple[Tuned, dict[str, Any]]:
    """The settings chosen on validation streams, and the figures for report.json; nothing is written.

    per_hour: false accepts an hour that are wished for; settings for ``thresholds.GOALS`` are chosen as well. hours: of
    streams without keywords in each split, beside the recorded words that are none and the recordings of no word.
    """
    model = artifact.load(run.folder)
    scorer, others = host_library.scorer(model), sources.other_words(run.recipe)
    splits = {name: material(run, clips, others, name) for name in ("validation", "testing")}
    count = sum(len(found.labels) * len(trials.SNRS_DB) + len(found.others) for found in splits.values())
    total = 2 * 3600 * hours + 2.5 * count + sum(len(found.sound) for found in splits.values())
    with progress_bar("listening", round(total), unit="s") as bar:
        heard = {
            name: _Heard(found, scorer, hours, SEEDS[name], bar, keep=name == "testing")
            for name, found in splits.items()
        }
    validation, testing = heard["validation"], heard["testing"]
    candidates = thresholds.choices(validation.keywords, validation.negatives, model.labels, scorer.hop)
    goals = {goal: thresholds.choose(candidates, goal) for goal in sorted({*thresholds.GOALS, per_hour})}
    choice = goals[per_hour]
    chosen = choice.settings
    kept = {goal: one.settings for goal, one in goals.items() if one.unseen_per_hour <= goal}
    tested = {
        goal: summary(one, model.labels, testing.keywords, testing.negatives)
        for goal, one in {**kept, per_hour: chosen}.items()
    }
    return Tuned(chosen, kept), {
        "goal": per_hour,
        "reached": tested[per_hour]["per_hour"] <= per_hour,
        "within_on_validation": choice.unseen_per_hour <= per_hour,
        "unseen_per_hour": choice.unseen_per_hour,
        "seed": SEEDS["testing"],
        "engine": scorer.words,
        "hop_ms": 1000 * scorer.hop / SAMPLE_RATE,
        "settings": detector.to_json(chosen, model.labels),
        "validation": summary(chosen, model.labels, validation.keywords, validation.negatives),
        "testing": tested[per_hour],
        "goals": [
            {"goal": goal, "unseen_per_hour": goals[goal].unseen_per_hour}
            | {key: tested[goal][key] for key in ("false_accepts", "hours", "per_hour", "interval", "misses")}
            for goal in kept
        ],
        **det(chosen, model.labels, choice.family, testing.keywords, testing.negatives),
        "sliding": testing.sliding(chosen, model.labels),
        "excerpt": testing.excerpt(chosen, model.labels),
    }


def material(run: Run, clips: Corpus, others: Corpus | None, name: str) -> Material:
    """What the streams of a split are made from."""
    data, split = run.recipe.data, clips.split(name)
    selection = Selection(run.recipe.seed, 0, data.validation_percent, data.testing_percent)
    spoken = split.labels < len(data.words)
    return Material(
        data.words,
        np.asarray(split.samples[spoken]),
        split.labels[spoken],
        np.asarray(others.split(name).samples) if others else np.zeros((0, CLIP_SAMPLES), np.int16),
        rejection.noise_of(name, clips.noise, data.held_out_noise),
        espeak.split_voices(selection)[name],
        [split.samples[i] for i, clip in enumerate(split.clips) if other_sound.holds(clip)],
    )


def summary(
    settings: Settings, labels: Sequence[str], keywords: Sequence[Scored], negatives: Sequence[Scored]
) -> dict[str, Any]:
    """Misses at each ratio and false accepts an hour, with intervals, delays and double triggers."""
    row = np.array([settings.thresholds])
    wrong = {stream.kind: thresholds.tally([stream], labels, settings, row) for stream in negatives}
    accepts = sum((one.strays[0] for one in wrong.values()), np.zeros(len(labels), np.int64))
    hours = sum(stream.seconds for stream in negatives) / 3600
    right = [(stream.snr_db, thresholds.tally([stream], labels, settings, row)) for stream in keywords]
    delays = [1000 * delay / SAMPLE_RATE for _, one in right for delay in one.delays[0]]
    words = [i for i, label in enumerate(labels) if not rejects(label)]
    return {
        **_rate(int(accepts.sum()), hours),
        "by_kind": [
            {"kind": stream.kind} | _rate(int(wrong[stream.kind].strays.sum()), stream.seconds / 3600)
            for stream in negatives
        ],
        "during": [
            {"kind": stream.kind, "said": counts} for stream in negatives if (counts := _during(stream, settings))
        ],
        "by_word": {labels[i]: int(accepts[i]) for i in words},
        "misses": [{"snr_db": snr_db} | _missed(one, words) for snr_db, one in right],
        "misses_by_word": {
            labels[i]: [_missed(one, [i])["missed"] for _, one in right] + [int(right[0][1].said[i])] for i in words
        },
        "double_triggers": sum(int(one.doubles[0]) for _, one in right),
        "wrong_words": sum(int(one.confused[0]) for _, one in right),
        "between_words": sum(int(one.strays.sum()) for _, one in right),
        "hits": len(delays),
        "delay_ms": {"median": float(np.median(delays)), "95 %": float(np.quantile(delays, 0.95))} if delays else None,
    }


def det(
    settings: Settings,
    labels: Sequence[str],
    family: np.ndarray,
    keywords: Sequence[Scored],
    negatives: Sequence[Scored],
) -> dict[str, Any]:
    """Points of the detection error tradeoff, [false accepts an hour, share missed]: of all words over the family of
    thresholds, and of each word at 10 dB over one threshold for all."""
    hours = sum(stream.seconds for stream in negatives) / 3600
    rate = thresholds.tally(negatives, labels, settings, family).strays.sum(1) / hours
    curves = []
    for stream in keywords:
        missed = thresholds.tally([stream], labels, settings, family).miss_rate
        curves.append({"snr_db": stream.snr_db, "points": _points(rate, missed)})
    common = thresholds.one_for_all(labels)
    wrong = thresholds.tally(negatives, labels, settings, common).strays / hours
    ten = thresholds.tally([s for s in keywords if s.snr_db == 10.0], labels, settings, common)
    by_word = {
        label: _points(wrong[:, i], 1 - ten.hits[:, i] / max(ten.said[i], 1))
        for i, label in enumerate(labels)
        if not rejects(label)
    }
    return {"det": curves, "det_by_word": by_word}


def lines(found: dict[str, Any]) -> list[str]:
    """The figures as text."""
    text = []
    for name in ("validation", "testing"):
        one = found[name]
        low, high = one["interval"]
        how = f"[{low:.2f}, {high:.2f}]" if name == "testing" else "(the thresholds were chosen on these streams)"
        text.append(f"{name}: {one['per_hour']:.2f} false accepts an hour {how}, {one['false_accepts']} in "
                    f"{one['hours']:.2f} h")  # fmt: skip
        text += [f"  in {kind['kind']}: {kind['false_accepts']} in {kind['hours']:.2f} h" for kind in one["by_kind"]]
        text += [f"    {word}: {n}" for kind in one["during"] for word, n in kind["said"].items()]
        for row in one["misses"]:
            low, high = (100 * end for end in row["interval"])
            text.append(f"  missed at {row['snr_db']:g} dB: {100 * row['rate']:.2f} % [{low:.2f}, {high:.2f}] "
                        f"({row['missed']} of {row['total']})")  # fmt: skip
    if found["goals"]:
        text.append("testing, thresholds by goal, false accepts an hour:")
    for one in found["goals"]:
        low, high = one["interval"]
        missed = ", ".join(f"{100 * row['rate']:.1f} % at {row['snr_db']:g} dB" for row in one["misses"])
        text.append(f"  {one['goal']:g}: {one['per_hour']:.2f} [{low:.2f}, {high:.2f}], missed {missed}")
    one = found["testing"]
    if one["delay_ms"]:
        text.append(f"detected {one['delay_ms']['median']:.0f} ms after the word's end (median; "
                    f"95 %: {one['delay_ms']['95 %']:.0f} ms); {one['double_triggers']} twice of {one['hits']}, "
                    f"{one['wrong_words']} as another word, {one['between_words']} between words")  # fmt: skip
    sliding = found["sliding"]
    text.append(f"accuracy at 20 dB, clip by clip: {_text(sliding['aligned'])}; "
                f"sliding: {_text(sliding['nearest'])}, averaged {_text(sliding['averaged'])}")  # fmt: skip
    text.append(f"cross-validated on the validation streams: {found['unseen_per_hour']:.2f} false accepts an hour")
    if not found["within_on_validation"]:
        text.append("no thresholds stay under the goal on validation streams that they were not fitted to")
    return [*text, goal(found)[1]]


class _Heard:
    """The scored streams of a split; with ``keep`` also the seconds of its clips as they are in the stream of 20 dB."""

    def __init__(self, found: Material, scorer: Scorer, hours: float, seed: int, bar: Progress, keep: bool) -> None:
        self._windows: list[np.ndarray] = []
        self._ends: list[int] = []
        self._opening: dict[float, np.ndarray] = {}
        self.keywords = [
            self._score(trials.keywords(found, snr_db, seed), scorer, bar, keep and snr_db == trials.SNRS_DB[0])
            for snr_db in trials.SNRS_DB
        ]
        self.negatives = [self._score(trial, scorer, bar) for trial in trials.negatives(found, hours, seed)]
        aligned = []
        for window in self._windows:
            scorer.reset()
            aligned.append(scorer.push(window)[0])
        self._aligned = np.array(aligned)

    def _score(self, trial: Trial, scorer: Scorer, bar: Progress, keep: bool = False) -> Scored:
        scorer.reset()
        parts, samples, opening = [], 0, []
        for block in trial.blocks:
            parts.append(scorer.push(block).copy())
            samples += len(block)
            if samples < (EXCERPT_SECONDS + 5) * SAMPLE_RATE:
                opening.append(block)
            if keep:
                self._windows.append(block[-CLIP_SAMPLES:])
                self._ends.append(samples)
            bar.advance(len(block) // SAMPLE_RATE)
        if trial.snr_db is not None:
            self._opening[trial.snr_db] = np.concatenate(opening)[: EXCERPT_SECONDS * SAMPLE_RATE]
        return Scored(trial.kind, trial.snr_db, samples / SAMPLE_RATE, np.concatenate(parts), tuple(trial.said))

    def sliding(self, settings: Settings, labels: Sequence[str]) -> dict[str, Any]:
        """Accuracy on the clips at 20 dB: alone in their windows, in the stream's nearest, and by the average."""
        stream, results = self.keywords[0], settings.results
        truth = np.array([labels.index(spoken.word) for spoken in stream.said])
        place = (np.array(self._ends) - CLIP_SAMPLES) / settings.hop
        nearest, middle = (
            np.rint(at).astype(int).clip(0, len(stream.scores) - 1) for at in (place, place + (results - 1) / 2)
        )
        scores = {
            "aligned": self._aligned,
            "nearest": stream.scores[nearest],
            "averaged": thresholds.moving_sums(stream.scores, results)[middle],
        }
        paired = metrics.paired_difference(scores["averaged"], scores["aligned"], truth)
        figures = {name: metrics.counted(metrics.accuracy(rows, truth)) for name, rows in scores.items()}
        return figures | {"averaged_minus_aligned": metrics.compared(paired)}

    def excerpt(self, settings: Settings, labels: Sequence[str]) -> dict[str, Any]:
        """The first seconds of the testing stream at 10 dB: its outline, what is said, averages, detections."""
        stream = next(one for one in self.keywords if one.snr_db == 10.0)
        sound = self._opening[10.0]
        seconds, hop = len(sound) / SAMPLE_RATE, settings.hop
        events = thresholds.sweep(stream.scores, settings, np.array([settings.thresholds]))
        last = int((len(sound) - CLIP_SAMPLES) // hop) if len(sound) > CLIP_SAMPLES else 0
        said = [one for one in stream.said if one.end <= len(sound)]
        sums = thresholds.moving_sums(stream.scores, settings.results)[: last + 1] / settings.results / 256
        heard = [(int(t), labels[w]) for t, w in zip(events.result, events.word, strict=True) if t <= last]
        times = [(CLIP_SAMPLES + t * hop - settings.delay) / SAMPLE_RATE for t in range(last + 1)]
        shown = sorted({one.word for one in said} | {word for _, word in heard}, key=labels.index)
        return {
            "seconds": seconds,
            "outline": plots.waveform(sound, 480),
            "said": [
                {"word": one.word, "start": one.start / SAMPLE_RATE, "end": one.end / SAMPLE_RATE} for one in said
            ],
            "detected": [{"word": word, "time": max(times[t], 0.0)} for t, word in heard],
            "times": [round(max(time, 0.0), 4) for time in times],
            "averages": {word: [round(float(v), 4) for v in sums[:, labels.index(word)]] for word in shown},
        }


def _rate(count: int, hours: float) -> dict[str, Any]:
    low, high = metrics.poisson_interval(count)
    return {"false_accepts": count, "hours": hours, "per_hour": count / hours, "interval": [low / hours, high / hours]}


def _missed(found: Tally, words: Sequence[int]) -> dict[str, Any]:
    total = int(found.said[words].sum())
    missed = metrics.Proportion(total - int(found.hits[0, words].sum()), total)
    return {"missed": missed.correct, "total": total, "rate": missed.value, "interval": list(missed.interval)}


def _during(stream: Scored, settings: Settings) -> dict[str, int]:
    """How many false accepts there were near each kind of what was said; empty where nothing was."""
    if not stream.said:
        return {}
    events = thresholds.sweep(stream.scores, settings, np.array([settings.thresholds]))
    places = np.array([one.middle for one in stream.said])
    near, _ = thresholds.nearest(places, CLIP_SAMPLES + events.result * settings.hop - settings.delay)
    kinds = [stream.said[i].word for i in near]
    return {f"{kind} ({sum(one.word == kind for one in stream.said)} said)": kinds.count(kind)
            for kind in sorted({one.word for one in stream.said})}  # fmt: skip


def _points(rate: np.ndarray, missed: np.ndarray) -> list[list[float]]:
    """The points that no other beats in both, by rising rate."""
    kept: list[list[float]] = []
    for x, y in sorted(zip(rate.tolist(), missed.tolist(), strict=True)):
        if not kept or y < kept[-1][1]:
            kept.append([x, y])
    return kept


def _text(facts: dict[str, Any]) -> str:
    return f"{facts['accuracy']:.4f} ({facts['correct']}/{facts['total']})"
