"""The lines at the end of a run: the words' accuracy, what the data cannot show, and whether a goal was reached."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edgekws.corpus.clips import rejects
from edgekws.report.metrics import Proportion

FEW = 20  # with fewer testing clips of a word, its recall says little
_NEAR_CHANCE = 0.25  # of the way from guessing to perfect

PREPARATIONS = {
    "resampled": "resampled to 16 kHz",
    "mixed_down": "mixed down to one channel",
    "padded": "shorter than one second, padded with silence on both sides",
    "cropped": "longer than one second, cut to the second where the speech is",
    "lost": "of these with sound outside that second: a part of the word may be lost, cut them yourself",
    "one_channel": "with channels that cancel each other (one is inverted?), of which the loudest was taken",
    "rescaled": "of integers saved as floats, scaled to full scale",
    "miscounted": "with a wrong length in the header, read to their end",
    "damaged": "damaged, with sound missing in places",
    "clipped": "clipped at full scale in places",
    "silent": "that hold no sound (nothing above -72 dBFS): listen to them, and remove them",
    "too_long": "very long, of which only the beginning was read (a minute of a clip, an hour of background noise)",
    "copies": "copies of others (the same samples), each in the same split as the other",
    "copies_left_out": "copies of recordings in a later split, left out",
    "left_out": "training clips left out (the recipe's clips_per_word)",
    "not_audio": "files in the word folders that are no recordings, passed over",
    "not_found": "entries of the split lists without a file",
}
_HARMLESS = ("resampled", "mixed_down", "padded", "left_out")  # asked for, or without loss


def prepared(preparation: Mapping[str, int]) -> list[str]:
    """A line for each change to recordings that may lose something."""
    counts = {key: preparation.get(key, 0) for key in PREPARATIONS if key not in _HARMLESS}
    return [f"  {count} recordings: {PREPARATIONS[key]}" for key, count in counts.items() if count]


def words_right(figures: Mapping[str, Any], kind: str = "int8") -> Proportion:
    """How many of the words' testing clips are heard right. Clips of no word do not count."""
    rows = [row for row in figures["recall"][kind] if not rejects(row["word"])]
    return Proportion(sum(row["correct"] for row in rows), sum(row["total"] for row in rows))


def lines(figures: Mapping[str, Any]) -> list[str]:
    """The int8 model's results for the console: all words, each word, the classes of no word, and warnings."""
    rows = figures["recall"]["int8"]
    found = {row["word"]: Proportion(row["correct"], row["total"]) for row in rows}
    width = max(map(len, found))
    spoken = [f"  {word:{width}}  {right}" for word, right in found.items() if not rejects(word)]
    made = [f"  {word:{width}}  {right}" for word, right in found.items() if rejects(word)]
    text = [f"words heard right by int8, testing: {words_right(figures)}", *spoken]
    if made:
        text += ["what is no word, taken for none:", *made]
    return text + [f"warning: {warning}" for warning in warnings(figures)]


def warnings(figures: Mapping[str, Any]) -> list[str]:
    """Reasons why the words' accuracy is worth less than it looks."""
    every = figures["recall"]["int8"]
    rows = [row for row in every if not rejects(row["word"])]
    right, told = words_right(figures), []
    if len(rows) < len(every):  # who always says the same word is right on all of its clips: count each class alike
        guessed = 1 / len(every)
        value = lowest = sum(row["correct"] / row["total"] for row in every if row["total"]) / len(every)
    else:
        guessed = max(row["total"] for row in rows) / right.total
        value, lowest = right.value, right.interval[0]
    if lowest <= guessed or value < guessed + _NEAR_CHANCE * (1 - guessed):
        told.append(
            f"{value:.2f} is near chance (guessing gets {guessed:.2f}): it learned little; are the recordings of "
            "a second or cut to their word, in the right folders, and enough?"
        )
    if few := [f"{row['word']} ({row['total']})" for row in rows if row["total"] < FEW]:
        told.append(
            f"fewer than {FEW} testing clips of {', '.join(few)}: their intervals are wide; record more, or raise "
            "testing_percent"
        )
    if not claims_speakers(figures["data"]):
        told.append(f"tested on {right.total} clips{tested_on(figures['data'])}")
    return told


def claims_speakers(data: Mapping[str, Any]) -> bool:
    """Whether the recordings name speakers and none is in two splits. Old reports, without this fact, claim so."""
    return not data.get("speakers_nameless") and not data.get("speakers_shared")


def tested_on(data: Mapping[str, Any]) -> str:
    """Who speaks the testing clips, as the end of a sentence."""
    speakers = data["speakers"]["testing"]
    if claims_speakers(data):
        return f" of {speakers:,} speakers it never heard"
    if data.get("speakers_nameless"):
        return "; the recordings do not say who speaks, so that its voices may be in training too"
    who = "the one speaker" if speakers == 1 else "speakers"
    return f", split by take, of {who} it was trained on: how it hears other people was not measured"


def goal(listening: Mapping[str, Any]) -> tuple[bool, str]:
    """Whether testing kept the goals of false accepts an hour, and how sure that is, in words."""
    found = listening["testing"]
    judged = [(found, listening["goal"], "")]
    if quiet := found.get("quiet"):
        judged.append((quiet, listening["quiet_goal"], f" in {quiet['kind']}"))
    for one, asked, where in judged:
        if one["per_hour"] > asked:
            return False, f"goal missed{where}: {_measured(one, asked)}"
    unsure = any(one["interval"][1] > asked for one, asked, _ in judged)
    return True, f"goal reached{', but not surely' if unsure else ''}: {_measured(found, listening['goal'])}"


def _measured(found: Mapping[str, Any], asked: float) -> str:
    low, high = found["interval"]
    return f"{found['per_hour']:.2f} [{low:.2f}, {high:.2f}] measured in testing, {asked:g} asked for"


def engine_bytes(figures: Mapping[str, Any]) -> int | None:
    """The RAM that the C engine needs for a model, planned by the check or measured by a profile; None if unknown."""
    builds = figures.get("engine", {}).get("builds", [])
    measured = [build["state_bytes"] for build in builds if build["kernels"] == "portable" and build["state_bytes"]]
    return figures.get("engine_bytes") or (measured[0] if measured else None)
