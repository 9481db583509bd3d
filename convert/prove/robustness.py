"""Measures how well a model works in conditions that its testing split does not have.

The conditions are other levels, offsets, background noise and shifts in time. The figures also show each word and
the speakers heard worst.

Every condition changes the 16-bit samples of the whole testing split as a microphone would, saturation included. Then
int8 (LiteRT with XNNPACK) and float score the same clips. Noise is drawn with a seed of its own, so every model meets
the same clips. If the recipe holds no noise out of training, there are no noise conditions.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgekws.audio import SAMPLE_RATE, to_int16
from edgekws.model import coding, front_end
from edgekws.progress import progress_bar
from edgekws.report import metrics

LEVELS_DB = (0.0, -24.0, -12.0, -6.0, 6.0, 12.0)
DBFS = (-15.0, -25.0, -35.0, -50.0)  # power over the clip's second, relative to full scale
OFFSETS = (0.1, 0.2)  # shares of full scale
SNRS_DB = (20.0, 10.0, 5.0, 0.0)
SHIFTS_MS = (-200.0, -100.0, -50.0, 50.0, 100.0, 200.0)
SEED = 2019
COLLAPSE = 0.05  # no model should lose so much at 10 dB of noise, a 100 ms shift or an offset
_CHUNK = 256  # clips changed at once: 33 MB of float64

Scores = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Condition:
    """One change of the clips. ``value`` is dB to add (level), dB of full scale to reach (loudness), a share of full
    scale (offset), a signal-to-noise ratio in dB (noise), or ms, positive for later (shift)."""

    kind: str  # level, loudness, offset, noise or shift
    value: float

    @property
    def title(self) -> str:
        size = f"{abs(self.value):g}"
        if self.kind == "noise":
            return f"noise at {self.value:g} dB SNR"
        if self.kind == "shift":
            return f"{size} ms {'later' if self.value > 0 else 'earlier'}"
        if self.kind == "loudness":
            return f"at −{size} dBFS"
        if self.kind == "offset":
            return f"offset of {size} of full scale"
        return f"{'+' if self.value > 0 else '−'}{size} dB" if self.value else "as recorded"

    def apply(self, samples: np.ndarray, noise: np.ndarray | None = None) -> np.ndarray:
        """Changed clips, int16 (n, 16000). ``noise``, int16 (n, 16000), is needed only if this condition adds noise."""
        changed = np.empty_like(samples)
        for start in range(0, len(samples), _CHUNK):
            part = slice(start, start + _CHUNK)
            if self.kind == "level":
                changed[part] = at_level(samples[part], self.value)
            elif self.kind == "loudness":
                changed[part] = at_loudness(samples[part], self.value)
            elif self.kind == "offset":
                changed[part] = to_int16(samples[part] + 32_768 * self.value, 1)
            elif self.kind == "shift":
                changed[part] = shifted(samples[part], round(self.value * SAMPLE_RATE / 1000))
            else:
                assert noise is not None
                changed[part] = with_noise(samples[part], noise[part], self.value)
        return changed


def conditions(*, noise: bool) -> tuple[Condition, ...]:
    """Every condition; the first leaves recordings unchanged."""
    kinds = [
        ("level", LEVELS_DB),
        ("loudness", DBFS),
        ("offset", OFFSETS),
        ("noise", SNRS_DB if noise else ()),
        ("shift", SHIFTS_MS),
    ]
    return tuple(Condition(kind, value) for kind, values in kinds for value in values)


def at_level(samples: np.ndarray, decibels: float) -> np.ndarray:
    """int16 samples made louder by ``decibels``, or quieter if negative; rounded and saturated."""
    return to_int16(samples * 10.0 ** (decibels / 20), 1)


def at_loudness(samples: np.ndarray, dbfs: float) -> np.ndarray:
    """int16 (n, length) brought to this power over the clip, in dB of full scale; rounded, saturated. Silence stays."""
    return to_int16(samples * (32_768 * 10.0 ** (dbfs / 20) / np.maximum(_rms(samples), 0.5)), 1)


def shifted(samples: np.ndarray, by: int) -> np.ndarray:
    """int16 (n, length) later by ``by`` samples, or earlier if negative; zeros fill the gap."""
    length = samples.shape[1]
    padded = np.pad(samples, ((0, 0), (max(by, 0), max(-by, 0))))
    return padded[:, max(-by, 0) :][:, :length]


def with_noise(samples: np.ndarray, noise: np.ndarray, snr_db: float) -> np.ndarray:
    """int16 (n, length) plus noise (n, length). The ratio compares their powers over the whole clip, as in training."""
    speech, level = (_rms(x) for x in (samples, noise))
    factor = speech / np.maximum(level, 1.0) * 10.0 ** (-snr_db / 20)
    return to_int16(samples + noise * factor, 1)


def measure(
    samples: np.ndarray,
    labels: np.ndarray,
    speakers: Sequence[str],
    noises: np.ndarray,
    heard: front_end.Input,
    int8_scores: Scores,
    float_scores: Scores,
) -> dict[str, Any]:
    """The figures of every condition, for report.json.

    Args:
        samples: the testing split, int16 (n, 16000).
        labels: int64 (n,); its largest is the last class.
        speakers: the speaker of each clip; "" for a clip of nobody.
        noises: windows that training never met, int16 (windows, 16000). If empty, there are no noise conditions.
        heard: the model's front end and coding, such as its recipe's ``model`` table.
        int8_scores: int8 codes (n, 16000) → scores (n, classes).
        float_scores: float32 network inputs (n, 16000) → scores (n, classes).
    """
    drawn = np.random.default_rng(SEED).integers(max(len(noises), 1), size=len(samples))
    noise = noises[drawn] if len(noises) else None
    rows: list[dict[str, Any]] = []
    chosen = conditions(noise=noise is not None)
    with progress_bar("robustness", len(chosen), unit="condition") as bar:
        for condition in chosen:
            changed = front_end.process(condition.apply(samples, noise), heard.level_control)
            codes = coding.encode(changed, heard.coding)
            int8, real = int8_scores(codes), float_scores(codes.astype(np.float32) / 128)
            right = int8.argmax(1) == labels
            row = {
                "kind": condition.kind,
                "value": condition.value,
                "title": condition.title,
                "int8": metrics.counted(metrics.accuracy(int8, labels)),
                "float": metrics.counted(metrics.accuracy(real, labels)),
                "int8_minus_float": metrics.compared(metrics.paired_difference(int8, real, labels)),
                "correct_by_word": np.bincount(labels[right], minlength=int8.shape[1]).tolist(),
            }
            if condition.kind == "level":
                plain = float_scores(coding.uncoded(changed, heard.coding))
                row["uncoded_float"] = metrics.counted(metrics.accuracy(plain, labels))
                row["int8_minus_uncoded_float"] = metrics.compared(metrics.paired_difference(int8, plain, labels))
            if not rows:
                worst = worst_speakers(right, speakers)
                by_word = np.bincount(labels, minlength=int8.shape[1]).tolist()
            rows.append(row)
            bar.advance()
    return {
        "seed": SEED,
        "conditions": rows,
        "clips_by_word": by_word,
        "worst_speakers": worst,
        "collapsed": [row["title"] for row in rows if _collapsed(row, rows[0])],
    }


def worst_speakers(right: np.ndarray, speakers: Sequence[str]) -> dict[str, Any] | None:
    """Accuracy over the tenth of the speakers who are heard worst; of equal speakers, those with more clips.

    None if no clip names a speaker.

    The same clips choose these speakers and measure them: chance alone puts them below the average, and the interval
    does not allow for that.
    """
    clips: dict[str, list[bool]] = defaultdict(list)
    for speaker, hit in zip(speakers, right.tolist(), strict=True):
        if speaker:
            clips[speaker].append(hit)
    if not clips:
        return None
    ranked = sorted(clips, key=lambda name: (sum(clips[name]) / len(clips[name]), -len(clips[name]), name))
    worst = [hit for name in ranked[: math.ceil(len(ranked) / 10)] for hit in clips[name]]
    facts = metrics.counted(metrics.Proportion(sum(worst), len(worst)))
    return {"speakers": math.ceil(len(ranked) / 10), "of": len(ranked)} | facts


def lines(found: dict[str, Any]) -> list[str]:
    """The figures as text, a line for each condition."""
    text = [f"{'int8 (XNNPACK) outside the split':34}{'accuracy, 95 % Wilson interval':36}int8 minus float"]
    for row in found["conditions"]:
        paired = row["int8_minus_float"]
        low, high = (100 * x for x in paired["interval"])
        line = f"{row['title']:34}{_text(row['int8']):36}{100 * paired['value']:+.2f} [{low:+.2f}, {high:+.2f}]"
        if "uncoded_float" in row:
            line += f", minus float of uncoded samples {100 * row['int8_minus_uncoded_float']['value']:+.2f}"
        text.append(line)
    if worst := found["worst_speakers"]:
        text.append(f"{'worst {speakers} of {of} speakers'.format(**worst):34}{_text(worst)}")
    if not any(row["kind"] == "noise" for row in found["conditions"]):
        text.append("no noise: the recipe holds none out of training (data.held_out_noise)")
    for title in found["collapsed"]:
        text.append(f"collapses: {title} costs more than {100 * COLLAPSE:g} points")
    return text


def _collapsed(row: dict[str, Any], recorded: dict[str, Any]) -> bool:
    bounded = (row["kind"], abs(row["value"])) in (("noise", 10.0), ("shift", 100.0), *(("offset", o) for o in OFFSETS))
    return bounded and recorded["int8"]["accuracy"] - row["int8"]["accuracy"] > COLLAPSE


def _rms(samples: np.ndarray) -> np.ndarray:
    return np.sqrt(np.mean(np.square(samples, dtype=np.float64), axis=1, keepdims=True))


def _text(facts: dict[str, Any]) -> str:
    return str(metrics.Proportion(facts["correct"], facts["total"]))
