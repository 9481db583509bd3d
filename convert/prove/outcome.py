"""Computes figures of scored streams: missed words at each ratio, false accepts an hour by kind of sound, tradeoffs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from edgekws.audio import SAMPLE_RATE
from edgekws.corpus.clips import rejects
from edgekws.listen import sound_kinds, thresholds
from edgekws.listen.detector import Settings, opened
from edgekws.listen.thresholds import Scored, Tally
from edgekws.report import metrics


def rate(count: int, hours: float) -> dict[str, Any]:
    """A count of false accepts as a rate an hour, with the 95 % Poisson interval."""
    low, high = metrics.poisson_interval(count)
    return {"false_accepts": count, "hours": hours, "per_hour": count / hours, "interval": [low / hours, high / hours]}


def missed(found: Tally, words: Sequence[int]) -> dict[str, Any]:
    """How many of these words were missed, with the 95 % Wilson interval."""
    total = int(found.said[words].sum())
    share = metrics.Proportion(total - int(found.hits[0, words].sum()), total)
    return {"missed": share.correct, "total": total, "rate": share.value, "interval": list(share.interval)}


def of_keywords(settings: Settings, labels: Sequence[str], keywords: Sequence[Scored]) -> dict[str, Any]:
    """Misses at each ratio and of each word, delays, words detected twice, and words taken for others.

    Words that count only after a phrase are counted as if they were said after it.
    """
    settings = opened(settings)
    row = np.array([settings.thresholds])
    right = [(stream.snr_db, thresholds.tally([stream], labels, settings, row)) for stream in keywords]
    delays = [1000 * delay / SAMPLE_RATE for _, one in right for delay in one.delays[0]]
    words = [i for i, label in enumerate(labels) if not rejects(label) and right[0][1].said[i]]
    return {
        "misses": [{"snr_db": snr_db} | missed(one, words) for snr_db, one in right],
        "misses_by_word": {
            labels[i]: [missed(one, [i])["missed"] for _, one in right] + [int(right[0][1].said[i])] for i in words
        },
        "double_triggers": sum(int(one.doubles[0]) for _, one in right),
        "wrong_words": sum(int(one.confused[0]) for _, one in right),
        "between_words": sum(int(one.strays.sum()) for _, one in right),
        "hits": len(delays),
        "delay_ms": {"median": float(np.median(delays)), "95 %": float(np.quantile(delays, 0.95))} if delays else None,
    }


def of_negatives(settings: Settings, labels: Sequence[str], negatives: Sequence[Scored]) -> list[dict[str, Any]]:
    """For each stream: false accepts an hour, which words they were, and whether it is long enough for a rate."""
    row = np.array([settings.thresholds])
    found = []
    enough = sound_kinds.long_enough([stream.seconds / 3600 for stream in negatives])
    for stream, whole in zip(negatives, enough, strict=True):
        strays = thresholds.tally([stream], labels, settings, row).strays[0]
        by_word = {label: int(n) for label, n in zip(labels, strays, strict=True) if n}
        found.append(
            {"kind": stream.kind, "sort": sound_kinds.sort_of(stream.kind)}
            | rate(int(strays.sum()), stream.seconds / 3600)
            | {"by_word": by_word, "enough": whole}
        )
    return found


def worst(rows: Sequence[dict[str, Any]], sort: str = sound_kinds.SPEECH) -> dict[str, Any] | None:
    """The kind of this sort with the most false accepts an hour, of kinds long enough for a rate; None if none is."""
    mine = [row for row in rows if row["sort"] == sort]
    counted = [row for row in mine if row["enough"]] or mine
    return max(counted, key=lambda row: (row["per_hour"], row["interval"][1])) if counted else None


def rates(labels: Sequence[str], settings: Settings, family: np.ndarray, stream: Scored) -> np.ndarray:
    """False accepts an hour in a stream, (K, classes), for each of the K rows of thresholds in ``family``."""
    return thresholds.tally([stream], labels, settings, family).strays / (stream.seconds / 3600)


def tradeoff(per_hour: np.ndarray, share: np.ndarray) -> list[list[float]]:
    """The points [false accepts an hour, share missed] that no other point beats in both, by rising rate."""
    kept: list[list[float]] = []
    for x, y in sorted(zip(per_hour.tolist(), share.tolist(), strict=True)):
        if not kept or y < kept[-1][1]:
            kept.append([x, y])
    return kept
