"""The parity ladder: compares each form of the model with the one before, on the whole testing split.

A form is a rung of the ladder: float, fake quantization, int8 by reference kernels, int8 by XNNPACK.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from edgekws.errors import UserError
from edgekws.recipe import Parity
from edgekws.report import metrics

RUNGS = ("float", "fake_quant", "int8", "xnnpack")
TITLES = {
    "float": "float Keras",
    "fake_quant": "fake-quant Keras",
    "int8": "int8, TFLite reference kernels",
    "xnnpack": "int8, LiteRT with XNNPACK",
}


class BrokenRungError(Exception):
    """A form of the model cannot be scored at all."""

    def __init__(self, rung: str, reason: object) -> None:
        super().__init__(f"BROKEN at rung '{rung}': {reason}")


@dataclass(frozen=True)
class Rung:
    """One form of the model: how good it is, and how close it is to the form before."""

    name: str
    accuracy: metrics.Proportion
    agreement: metrics.Proportion | None  # share of clips with the same top word as the rung before; None: the first
    largest_difference: float | None  # between probabilities of this rung and the one before


@dataclass(frozen=True)
class Bound:
    """One of the recipe's bounds, the measured value, and whether the bound holds."""

    rung: str
    text: str
    measured: float
    limit: float
    holds: bool


@dataclass(frozen=True)
class Ladder:
    """The four rungs, the paired difference of int8 and float on the same clips, the bounds, and how many words' clips
    int8 hears right (None: nobody counted)."""

    rungs: tuple[Rung, ...]
    int8_minus_float: metrics.PairedDifference
    bounds: tuple[Bound, ...]
    words: metrics.Proportion | None = None

    @property
    def holds(self) -> bool:
        return all(bound.holds for bound in self.bounds)


def probabilities(scores: np.ndarray) -> np.ndarray:
    """int8 softmax scores (n, classes) → float32 probabilities: scale 1/256, zero point -128."""
    return (scores.astype(np.float32) + 128) / 256


def climb(
    scores: dict[str, np.ndarray], labels: np.ndarray, limits: Parity, *, phone: np.ndarray | None = None
) -> Ladder:
    """Compare the four ``RUNGS`` by their probabilities (n, classes) and the true ``labels`` (n,); check the bounds.

    ``phone``: probabilities from model_phone.tflite in LiteRT, which must equal those of rung xnnpack.
    """
    for name in RUNGS:
        if not np.isfinite(scores[name]).all():
            raise UserError(f"the scores of {TITLES[name]} are not all numbers; the model is damaged, train it again")
    rungs = []
    for i, name in enumerate(RUNGS):
        above = scores[RUNGS[i - 1]] if i else None
        rungs.append(
            Rung(
                name,
                metrics.accuracy(scores[name], labels),
                metrics.agreement(scores[name], above) if above is not None else None,
                float(np.abs(scores[name] - above).max()) if above is not None else None,
            )
        )
    paired = metrics.paired_difference(scores["int8"], scores["float"], labels)
    with_fake_quant = metrics.agreement(scores["int8"], scores["fake_quant"])
    with_xnnpack = metrics.agreement(scores["xnnpack"], scores["int8"])
    drop, most = -100 * paired.value, limits.accuracy_drop_points
    bounds: tuple[Bound, ...] = (
        Bound("int8", "points of accuracy int8 is under float", drop, most,
              paired.only_b - paired.only_a <= clips_let_pass(most / 100, paired.total)),
        _agreement("int8", "top words equal, int8 and fake-quant", with_fake_quant, limits.fake_quant_agreement),
        _agreement("xnnpack", "top words equal, reference kernels and XNNPACK", with_xnnpack, limits.xnnpack_agreement),
    )  # fmt: skip
    if phone is not None:
        equal = float((phone == scores["xnnpack"]).all(axis=1).mean())
        text = "clips with equal scores, model_phone.tflite and XNNPACK"
        bounds = (*bounds, Bound("phone", text, equal, 1.0, equal == 1))
    return Ladder(tuple(rungs), paired, bounds)


def clips_let_pass(share: float, clips: int) -> int:
    """How many clips may differ: this share of them, but at least one unless the share is 0."""
    return max(math.floor(share * clips + 1e-6), 1 if share > 0 else 0)


def _agreement(rung: str, text: str, found: metrics.Proportion, limit: float) -> Bound:
    return Bound(rung, text, found.value, limit, found.total - found.correct <= clips_let_pass(1 - limit, found.total))


def lines(ladder: Ladder) -> list[str]:
    """The ladder as text: a line for each rung, then one for each bound."""
    text = []
    for rung in ladder.rungs:
        line = f"{TITLES[rung.name]:32} accuracy {rung.accuracy}"
        if rung.agreement is not None:
            line += f"  same top word {rung.agreement.value:.4f}, scores within {rung.largest_difference:.3f}"
        text.append(line)
    low, high = ladder.int8_minus_float.interval
    text.append(
        f"int8 minus float: {100 * ladder.int8_minus_float.value:+.2f} points, "
        f"paired 95 % interval [{100 * low:+.2f}, {100 * high:+.2f}]"
    )
    for bound in ladder.bounds:
        verdict = "holds" if bound.holds else f"BROKEN at rung '{bound.rung}'"
        text.append(f"bound: {bound.text}: {bound.measured:.4f} (limit {bound.limit}) {verdict}")
    return text
