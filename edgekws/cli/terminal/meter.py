"""Shows what ``listen`` hears: a line for each word and each fault of the sound, and a meter on a terminal."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edgekws.audio import Faults
    from edgekws.listen.events import Event, Progress
    from edgekws.spotter import Spotter

_FAULTS_SECONDS = 1.0  # between lines about faults of the sound


@dataclass
class Heard:
    """What was heard: seconds with the quiet at the end, how many events, and the word that came nearest."""

    seconds: float = 0.0
    events: int = 0
    nearest: Event | None = None


def show(items: Iterable[Event | Progress], faults: Faults, name: str, as_json: bool, heard: Heard) -> None:
    """Print events to standard output, and a meter and faults to the terminal; record everything in ``heard``."""
    from edgekws.listen.events import Event

    meter, told, told_at = sys.stderr.isatty(), replace(faults), -_FAULTS_SECONDS
    clear = "\r\x1b[K" if meter else ""
    try:
        for item in items:
            if isinstance(item, Event):
                heard.events += 1
                print(clear, end="", file=sys.stderr)
                if as_json:
                    facts = {"time": round(item.time, 3), "word": item.word, "score": round(item.score, 4)}
                    print(json.dumps(({"file": name} if name else {}) | facts, ensure_ascii=False), flush=True)
                else:
                    print(f"{f'{name}: ' if name else ''}{item.time:9.2f} s  {item.word}  {item.score:.2f}", flush=True)
                continue
            heard.seconds, heard.nearest = item.seconds, item.nearest
            if item.seconds >= told_at + _FAULTS_SECONDS and (lines := faults.lines(told)):
                print(*(f"{clear}{item.seconds:9.2f} s  {line}" for line in lines), sep="\n", file=sys.stderr)
                told, told_at = replace(faults), item.seconds
            if meter:
                bar = "#" * round(20 * item.level)
                text = f"{clear}{item.seconds:9.1f} s  [{bar:20}]  {item.word} {item.score:.2f}"
                print(text, end="", file=sys.stderr, flush=True)
    finally:
        print(clear, end="", file=sys.stderr)
        for line in faults.lines(told):
            print(f"{heard.seconds:9.2f} s  {line}", file=sys.stderr)


def only_talk(nearest: Event | None, model: Spotter) -> bool:
    """Whether the word that came nearest reached its threshold, and was not heard for talk before it."""
    if nearest is None or not model.settings.alone:
        return False
    return 256 * nearest.score >= model.settings.thresholds[model.labels.index(nearest.word)]


def nothing(name: str, nearest: Event | None, model: Spotter) -> str:
    """The text that no word was heard, and which word came nearest to its threshold."""
    text = f"{name}: no word was heard" if name else "no word was heard"
    if nearest is None:
        return text
    threshold = model.settings.thresholds[model.labels.index(nearest.word)] / 256
    alone = model.settings.alone / 256
    more = f", and up to {alone:.2f} more after talk (--alone 0: not)" if alone else ""
    text += f"; nearest was {nearest.word} at {nearest.time:.2f} s: {nearest.score:.2f} of {threshold:.2f} needed"
    return text + (more if only_talk(nearest, model) else "")
