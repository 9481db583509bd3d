"""Scores the streams of a split. A detector is chosen and measured on them, and the run report shows a part."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from edgekws.audio import SAMPLE_RATE
from edgekws.listen import hearing, thresholds, trials
from edgekws.listen.detector import Settings
from edgekws.listen.hearing import Scorer, Texts
from edgekws.listen.sound_kinds import Kind
from edgekws.listen.thresholds import Scored
from edgekws.listen.trials import PAUSE, Material, Trial
from edgekws.progress import Progress
from edgekws.report import metrics, plots

EXCERPT_SECONDS = 24


class HeardStreams:
    """The scored streams of a split. With ``keep``, also each clip's window of sound from the stream at 20 dB."""

    def __init__(
        self, found: Material, scorer: Scorer, labels: Sequence[str], hours: float, seed: int, bar: Progress,
        keep: bool, given: Sequence[Kind], texts: Texts,
    ) -> None:  # fmt: skip
        self._windows: list[np.ndarray] = []
        self._ends: list[int] = []
        self._opening: dict[float, np.ndarray] = {}
        self._tell, self._length = hearing.telling(bar), scorer.window
        self.keywords = [
            self._score(trials.keywords(found, snr_db, seed), scorer, keep and snr_db == trials.SNRS_DB[0])
            for snr_db in trials.SNRS_DB
        ]
        self.negatives = [self._score(trial, scorer) for trial in trials.negatives(found, hours, seed)]
        self.negatives += [
            hearing.hear(kind, scorer, labels, texts, self._tell, PAUSE / SAMPLE_RATE)[0] for kind in given
        ]
        aligned = []
        for window in self._windows:
            scorer.reset()
            aligned.append(scorer.push(window)[0])
        self._aligned = np.array(aligned)

    def _score(self, trial: Trial, scorer: Scorer, keep: bool = False) -> Scored:
        scorer.reset()
        parts, samples, opening = [], 0, []
        for block in trial.blocks:
            parts.append(scorer.push(block).copy())
            samples += len(block)
            if samples < (EXCERPT_SECONDS + 5) * SAMPLE_RATE:
                opening.append(block)
            if keep:
                self._windows.append(block[-self._length :])
                self._ends.append(samples)
            self._tell(len(block))
        if trial.snr_db is not None:
            self._opening[trial.snr_db] = np.concatenate(opening)[: EXCERPT_SECONDS * SAMPLE_RATE]
        seconds = (samples - trial.pauses) / SAMPLE_RATE
        return Scored(trial.kind, trial.snr_db, seconds, np.concatenate(parts), tuple(trial.said))

    def sliding(self, settings: Settings, labels: Sequence[str]) -> dict[str, Any]:
        """Accuracy on the clips at 20 dB in three ways: each clip alone, the stream's nearest result, the average."""
        stream, results = self.keywords[0], settings.results
        truth = np.array([labels.index(spoken.word) for spoken in stream.said])
        place = (np.array(self._ends) - self._length) / settings.hop
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
        """The first seconds of the stream at 10 dB: its outline, the words said, averages and detections."""
        stream = next(one for one in self.keywords if one.snr_db == 10.0)
        sound = self._opening[10.0]
        seconds, hop = len(sound) / SAMPLE_RATE, settings.hop
        events = thresholds.sweep(stream.scores, settings, np.array([settings.thresholds]))
        last = max(len(sound) - self._length, 0) // hop
        said = [one for one in stream.said if one.end <= len(sound)]
        sums = thresholds.moving_sums(stream.scores, settings.results)[: last + 1] / settings.results / 256
        heard = [(int(t), labels[w]) for t, w in zip(events.result, events.word, strict=True) if t <= last]
        times = [(self._length + t * hop - settings.delay) / SAMPLE_RATE for t in range(last + 1)]
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
