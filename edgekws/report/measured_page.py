"""The figures of ``edgekws measure`` as text and as an HTML page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from edgekws.report import plots, render


def lines(found: dict[str, Any]) -> list[str]:
    """The figures as text, the worst kind of speech first."""
    text = [headline(found["worst"]["speech"])] if found["worst"]["speech"] else []
    text += [f"  {row['kind']} ({row['sort']}): {hourly(row)}{_most(row)}" for row in found["negatives"]]
    text += _notes(found)
    if words := found.get("keywords"):
        text.append(
            f"{words['clips']} recordings of {words['words']} words at {words['level_db']:g} dBFS, a word every 3.5 s, "
            f"in {words['noise']}"
        )
        text += [f"  missed at {row['snr_db']:g} dB: {_share(row)}" for row in words["misses"]]
        text += [f"  missed at {row['level_db']:g} dBFS: {_share(row)}" for row in found["levels"]]
        if rooms := found.get("rooms"):
            text.append(f"  missed in the rooms of {rooms['folder']}, at {rooms['snr_db']:g} dB: {_share(rooms)}")
        if words["delay_ms"]:
            text.append(
                f"  heard {words['delay_ms']['median']:.0f} ms after the word's end (median; 95 %: "
                f"{words['delay_ms']['95 %']:.0f} ms); {words['wrong_words']} as another word"
            )
        worst = sorted(words["misses_by_word"].items(), key=lambda item: -sum(item[1][:-1]) / item[1][-1])[:5]
        text.append("  missed most: " + ", ".join(
            f"{word} {sum(n[:-1])} of {n[-1] * (len(n) - 1)}" for word, n in worst))  # fmt: skip
    if found["goals"] and found["worst"]["speech"]:
        text.append("thresholds by goal, false accepts an hour in the worst kind of speech:")
        text += [f"  {one['goal']:g}: {hourly(one['worst'])} ({one['worst']['kind']}){_missed(one)}"
                 for one in found["goals"] if one["worst"]]  # fmt: skip
    return text


def headline(worst: dict[str, Any]) -> str:
    """The figures of the worst kind of speech in one line."""
    return f"{hourly(worst)}, in the worst kind of speech: {worst['kind']}"


def hourly(row: dict[str, Any]) -> str:
    low, high = row["interval"]
    return (f"{row['per_hour']:.2f} false accepts an hour [{low:.2f}, {high:.2f}] ({row['false_accepts']} in "
            f"{row['hours']:.2f} h)")  # fmt: skip


def html(found: dict[str, Any]) -> str:
    """The page: one self-contained file."""
    goal = max((one["goal"] for one in found["goals"]), default=1.0)
    by_kind: dict[str, list[dict[str, Any]]] = {}
    for curve in found["det"]:
        by_kind.setdefault(curve["kind"], []).append(curve)
    totals = {row["snr_db"]: row["total"] for row in found["keywords"]["misses"]} if by_kind else {}
    pictures = {
        kind: plots.tradeoff(
            [(f"{curve['snr_db']:g} dB", curve["points"]) for curve in curves],
            goal,
            curves[0]["hours"],
            [totals[curve["snr_db"]] for curve in curves],
        )
        for kind, curves in by_kind.items()
    }
    told = {"pictures": pictures, "notes": list(_notes(found))}
    return render.page("measured.html.j2", {"keywords": None, "levels": [], "rooms": None} | found | told)


def _notes(found: dict[str, Any]) -> Iterator[str]:
    """Notes that a reader must know about the sound."""
    shared = found["shared"]
    if found["goal"] is not None:
        yield f"at the thresholds that were tuned for {found['goal']:g} false accepts an hour"
    if not shared["known"]:
        yield "what this model learned from is not known: whether it heard this sound in training could not be checked"
    elif counts := {split: n for split, n in shared.items() if split not in ("known", "policy") and n}:
        told = ", ".join(f"{n} of {split}" for split, n in counts.items())
        done = "were left out" if shared["policy"] == "leave-out" else "are measured all the same, as was asked"
        yield f"recordings or speakers that the run learned from ({told}) {done}"
    if texts := found["transcripts"]:
        ways = {
            "text": "a word is no false accept in a recording whose text has it or a sound-alike",
            "times": "a word is no false accept where it or a sound-alike is said",
            "cut": "stretches in which a word or a sound-alike is said were cut out",
        }
        yield ways[texts["mode"]] + (f"; {texts['without']} recordings have no text" if texts["without"] else "")
    if names := [row["kind"] for row in found["negatives"] if not row["enough"]]:
        yield f"under six minutes, too little for a rate: {', '.join(names)}"
    for row in found["negatives"]:
        yield from (f"{row['kind']}: {fault}" for fault in row["faults"])
    if (words := found.get("keywords")) and words["missing"]:
        yield f"no recordings of {', '.join(words['missing'])}"


def _most(row: dict[str, Any]) -> str:
    ranked = sorted(row["by_word"].items(), key=lambda item: -item[1])[:4]
    return "; most: " + ", ".join(f"{word} {n}" for word, n in ranked) if ranked else ""


def _share(row: dict[str, Any]) -> str:
    low, high = (100 * end for end in row["interval"])
    return f"{100 * row['rate']:.1f} % [{low:.1f}, {high:.1f}] ({row['missed']} of {row['total']})"


def _missed(one: dict[str, Any]) -> str:
    shares = ", ".join(f"{100 * row['rate']:.1f} % at {row['snr_db']:g} dB" for row in one["misses"])
    return f", missed {shares}" if shares else ""
