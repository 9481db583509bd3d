"""The figures of ``tune`` as text."""

from __future__ import annotations

from typing import Any

from edgekws.report.summary import goal

SYNTHETIC = "measured on synthetic voices only"
MOST_MISSED = 0.5  # of the words, from which on a spotter counts as deaf


def lines(found: dict[str, Any]) -> list[str]:
    """The figures as text."""
    text = [f"{SYNTHETIC}; '--negatives included-talk' adds people"] if found["synthetic_only"] else []
    for kind, counts in found["given"].items():
        left = f"; {counts['left_out']} left out, which the run trained on" if counts["left_out"] else ""
        text.append(f"{kind}: {counts['validation']} recordings for validation, {counts['testing']} for testing{left}")
    for name in ("validation", "testing"):
        one = found[name]
        low, high = one["interval"]
        how = f"[{low:.2f}, {high:.2f}]" if name == "testing" else "(the thresholds were chosen on these streams)"
        text.append(f"{name}: {one['per_hour']:.2f} false accepts an hour {how}, {one['false_accepts']} in "
                    f"{one['hours']:.2f} h of {one['kind']}, the worst kind of speech")  # fmt: skip
        text += [
            f"  in {kind['kind']}: {kind['per_hour']:.2f} [{kind['interval'][0]:.2f}, {kind['interval'][1]:.2f}], "
            f"{kind['false_accepts']} in {kind['hours']:.2f} h" for kind in one["by_kind"]
        ]  # fmt: skip
        text += [f"    {word}: {n}" for kind in one["during"] for word, n in kind["said"].items()]
        for row in one["misses"]:
            low, high = (100 * end for end in row["interval"])
            text.append(f"  missed at {row['snr_db']:g} dB: {100 * row['rate']:.2f} % [{low:.2f}, {high:.2f}] "
                        f"({row['missed']} of {row['total']})")  # fmt: skip
    if found["goals"]:
        text.append("testing, thresholds by goal, false accepts an hour in the worst kind of speech:")
    for one in found["goals"]:
        low, high = one["interval"]
        missed = ", ".join(f"{100 * row['rate']:.1f} % at {row['snr_db']:g} dB" for row in one["misses"])
        text.append(
            f"  {one['goal']:g}: {one['per_hour']:.2f} [{low:.2f}, {high:.2f}] in {one['kind']}, missed {missed}"
        )
    one = found["testing"]
    if one["delay_ms"]:
        text.append(f"detected {one['delay_ms']['median']:.0f} ms after the word's end (median; "
                    f"95 %: {one['delay_ms']['95 %']:.0f} ms); {one['double_triggers']} twice of {one['hits']}, "
                    f"{one['wrong_words']} as another word, {one['between_words']} between words")  # fmt: skip
    sliding = found["sliding"]
    text.append(f"accuracy at 20 dB, clip by clip: {_text(sliding['aligned'])}; "
                f"sliding: {_text(sliding['nearest'])}, averaged {_text(sliding['averaged'])}")  # fmt: skip
    text.append(f"expected in other sound: {found['unseen_per_hour']:.2f} false accepts an hour in "
                f"{found['unseen_kind']}, the worst kind of speech of validation, and {found['quiet_per_hour']:.2f} in "
                "noise and music")  # fmt: skip
    if found["goal"] * found["unseen_hours"] < 1:
        text.append(f"{found['unseen_hours']:.2f} h of it are too few to count {found['goal']:g} an hour: the "
                    "thresholds have a margin, by how much rarer higher scores are")  # fmt: skip
    if not found["within_on_validation"]:
        text.append(
            "no thresholds are expected to stay under the goal; give more sound (--hours, --negatives), or allow more"
        )
    return [*text, goal(found)[1], *_deaf(found["testing"]["misses"])]


def _deaf(misses: list[dict[str, Any]]) -> list[str]:
    """A warning where most words are missed at the best ratio: a goal is easily reached by hearing nothing."""
    best = max(misses, key=lambda row: row["snr_db"])
    if best["rate"] <= MOST_MISSED:
        return []
    return [
        f"note: at these thresholds {100 * best['rate']:.0f} % of the words are missed even at {best['snr_db']:g} dB; "
        "train with more recordings (training.start_from begins with a model that ships), or allow more false accepts"
    ]


def _text(facts: dict[str, Any]) -> str:
    return f"{facts['accuracy']:.4f} ({facts['correct']}/{facts['total']})"
