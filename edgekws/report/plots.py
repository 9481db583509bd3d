"""Computes the geometry of pictures in reports: axes, curves, waveforms, shades. The templates draw them.

Positions are percentages of the drawing, so that a picture fits both a phone and a printed page. Needs only NumPy.
"""

from __future__ import annotations

import base64
import csv
import io
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path

import numpy as np

from edgekws.audio import to_wav
from edgekws.corpus.clips import Split
from edgekws.guard import untrusted
from edgekws.report.metrics import Proportion, poisson_interval


@dataclass(frozen=True)
class Axis:
    """A linear axis from ``low`` to ``high`` with round ticks."""

    low: float
    high: float
    ticks: tuple[float, ...]
    decimals: int

    def at(self, value: float) -> float:
        """The position of a value on the axis: 0 at ``low``, 100 at ``high``, never outside."""
        return round(min(max(100 * (value - self.low) / (self.high - self.low), 0.0), 100.0), 3)


@dataclass(frozen=True)
class Curve:
    """One line of a panel, as the ``d`` of an SVG path in a box of 100 by 100."""

    name: str
    path: str
    last: float
    band: str = ""  # the path of an area around the curve


@dataclass(frozen=True)
class Panel:
    """Learning curves with a common scale. x is the epoch, from 1 on."""

    title: str
    y: Axis
    epochs: int
    best: float  # x of the epoch whose weights were kept
    curves: tuple[Curve, ...]


@dataclass(frozen=True)
class Mistake:
    """A clip of the testing split that the int8 model takes for another word with confidence."""

    name: str
    word: str
    heard: str
    score: float
    score_of_word: float
    waveform: str  # the ``d`` of an SVG path in a box of 100 by 100
    audio: str  # data URI of a WAV file


def axis(values: Iterable[float], *, within: tuple[float, float] = (-math.inf, math.inf), parts: int = 5) -> Axis:
    """An axis around the values with about ``parts`` round ticks, which does not leave ``within``."""
    found = [value for value in values if math.isfinite(value)] or [0.0]
    low, high = min(found), max(found)
    step = _round_step((high - low) / parts or abs(high) / parts or 1.0)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    if first == last:
        first, last = first - 1, last + 1
    decimals = max(-math.floor(math.log10(step)), 0)
    ticks = [round(i * step, decimals + 1) for i in range(first, last + 1)]
    ticks = [t for t in ticks if within[0] <= t <= within[1]]
    return Axis(ticks[0], ticks[-1], tuple(ticks), decimals)


def _round_step(rough: float) -> float:
    power = 10.0 ** math.floor(math.log10(rough))
    return next(m * power for m in (1, 2, 5, 10) if m * power >= rough * (1 - 1e-9))


def learning_curves(history: Path, best_epoch: int) -> tuple[Panel, ...]:
    """Panels of accuracy and loss from a history file (columns epoch, loss, accuracy, val_loss, val_accuracy)."""
    remedy = "put back the file that training wrote, or run the recipe under another name"
    text, names = untrusted.read_text(history), ("accuracy", "val_accuracy", "loss", "val_loss")
    with untrusted.reading(history, "history of a training", remedy):
        rows = list(csv.DictReader(io.StringIO(text, newline="")))
        values = {name: [float(row[name]) for row in rows] for name in names}
        if not rows:
            raise ValueError("no epochs")
    panels = []
    for key in ("accuracy", "loss"):
        learned, validated = values[key], values[f"val_{key}"]
        y = axis(learned + validated, within=(0, 1) if key == "accuracy" else (0, math.inf), parts=4)
        curves = (_curve("training", learned, y), _curve("validation", validated, y))
        panels.append(Panel(key, y, len(rows), _across(best_epoch - 1, len(rows)), curves))
    return tuple(panels)


def _curve(name: str, values: Sequence[float], y: Axis) -> Curve:
    xy = [(_across(i, len(values)), 100 - y.at(value)) for i, value in enumerate(values) if math.isfinite(value)]
    points = [f"{a:.2f} {b:.2f}" for a, b in xy] or ["50 50"]
    return Curve(name, "M" + "L".join(points if len(points) > 1 else points * 2), values[-1])


def _across(index: int, count: int) -> float:
    return 100 * index / (count - 1) if count > 1 else 50.0


@dataclass(frozen=True)
class Tradeoff:
    """Detection error tradeoff: the share of words missed (y) over false accepts an hour (x, logarithmic)."""

    x: Axis  # its values are powers of ten
    y: Axis
    curves: tuple[Curve, ...]
    goal: float  # position on x of the goal

    def at(self, per_hour: float) -> float:
        """The position of a number of false accepts an hour on x; 0 is at the left end."""
        return self.x.at(math.log10(per_hour)) if per_hour > 0 else 0.0


def tradeoff(
    curves: Sequence[tuple[str, Sequence[Sequence[float]]]], goal: float, hours: float = 0, said: Sequence[int] = ()
) -> Tradeoff:
    """Named curves of points [false accepts an hour, share missed] as one picture.

    If ``said`` gives the number of words for each curve, and ``hours`` the hours without words, curves have bands: from
    the lower to the upper ends of the 95 % intervals of both numbers.
    """
    rates = [point[0] for _, points in curves for point in points if point[0] > 0] + [goal]
    low, high = math.floor(math.log10(min(rates))), math.ceil(math.log10(max(rates)))
    high = max(high, low + 1)
    x = Axis(low, high, tuple(range(low, high + 1)), max(-low, 0))
    counts = said or [0] * len(curves)
    shares = [point[1] for _, points in curves for point in points]
    shares += [
        _missed(max(points, key=itemgetter(1))[1], n)[1]
        for (_, points), n in zip(curves, counts, strict=True)
        if points and n
    ]
    y = axis([*shares, 0.0], within=(0, 1))
    drawn = Tradeoff(x, y, (), x.at(math.log10(goal)))
    lines: list[Curve] = []
    for (name, points), n in zip(curves, counts, strict=True):
        xy = [f"{drawn.at(rate):.2f} {100 - y.at(missed):.2f}" for rate, missed in points] or ["0 0"]
        band = _band(drawn, points, hours, n) if points and n else ""
        lines.append(Curve(name, "M" + "L".join(xy if len(xy) > 1 else xy * 2), points[-1][1] if points else 1.0, band))
    return Tradeoff(x, y, tuple(lines), drawn.goal)


def _missed(share: float, said: int) -> tuple[float, float]:
    return Proportion(round(share * said), said).interval


def _band(drawn: Tradeoff, points: Sequence[Sequence[float]], hours: float, said: int) -> str:
    lower: list[str] = []
    upper: list[str] = []
    for rate, missed in points:
        rates = [end / hours for end in poisson_interval(round(rate * hours))]
        for ends, rate_end, share in zip((lower, upper), rates, _missed(missed, said), strict=True):
            ends.append(f"{drawn.at(rate_end):.1f} {100 - drawn.y.at(share):.1f}")
    return "M" + "L".join([*upper, *reversed(lower)]) + "Z"


def over_time(times: Sequence[float], values: Sequence[float], seconds: float) -> str:
    """Values from 0 to 1 at these times as the ``d`` of an SVG path in a box of 100 by 100, ``seconds`` wide."""
    xy = [f"{100 * min(t / seconds, 1):.2f} {100 - 100 * v:.1f}" for t, v in zip(times, values, strict=True)]
    return "M" + "L".join(xy) if xy else "M0 100"


def shades(matrix: Sequence[Sequence[int]]) -> list[list[float]]:
    """How dark each cell of a confusion matrix is, 0 to 100: its share of the row; off the diagonal, the cube root."""
    rows = []
    for i, row in enumerate(matrix):
        shares = [count / max(sum(row), 1) for count in row]
        rows.append([round(100 * (share if i == j else math.cbrt(share)), 1) for j, share in enumerate(shares)])
    return rows


def mistakes(scores: np.ndarray, split: Split, words: Sequence[str], most: int = 12) -> list[Mistake]:
    """The clips with the highest score for a wrong word, highest first. Scores are probabilities (n, classes)."""
    heard = scores.argmax(1)
    everything = np.arange(len(scores))
    top, right = scores[everything, heard], scores[everything, split.labels]
    wrong = everything[heard != split.labels]
    order = wrong[np.lexsort((wrong, right[wrong], -top[wrong]))][:most]
    return [
        Mistake(
            split.clips[i].name,
            words[split.labels[i]],
            words[heard[i]],
            float(top[i]),
            float(right[i]),
            waveform(split.samples[i]),
            wav_uri(split.samples[i]),
        )
        for i in order
    ]


def waveform(samples: np.ndarray, columns: int = 160) -> str:
    """The outline of int16 (n,): lowest and highest sample of each stretch, scaled to the loudest sample."""
    stretches = np.array_split(samples.astype(np.float64), columns)
    loudest = max(float(np.abs(samples.astype(np.float64)).max()), 1.0)
    x = np.linspace(0, 100, columns)
    upper = [f"{a:.1f} {50 - 49 * part.max() / loudest:.1f}" for a, part in zip(x, stretches, strict=True)]
    lower = [f"{a:.1f} {50 - 49 * part.min() / loudest:.1f}" for a, part in zip(x, stretches, strict=True)]
    return "M" + "L".join(upper + lower[::-1]) + "Z"


def wav_uri(samples: np.ndarray) -> str:
    """int16 (n,) at 16 kHz as the data URI of a WAV file."""
    return "data:audio/wav;base64," + base64.b64encode(to_wav(samples)).decode()
