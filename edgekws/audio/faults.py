"""Counts the faults found in sound, and the changes made to it."""

from __future__ import annotations

from dataclasses import dataclass

_TEXTS = {
    "not_finite": "{} samples were not numbers and were taken as silence",
    "clipped": "{} samples were clipped at full scale",
    "overruns": "{} blocks were lost: this machine is too slow",
    "unplugged": "the microphone was lost (is it still plugged in?): waiting until it is back",
    "one_channel": "the channels cancel each other (one is inverted?): the loudest one was taken, not their mean",
    "rescaled": "the samples are integers saved as floats: they were scaled to full scale",
    "miscounted": "its header gives a wrong length: all the sound that is there was read",
    "damaged": "{} damaged places were passed over: sound is missing there",
    "unfinished": "it has no end mark (its writer was stopped?): it was read to its last page",
}


@dataclass
class Faults:
    """How often each fault was found so far, and each change made."""

    not_finite: int = 0  # samples that were NaN or infinite, taken as silence
    clipped: int = 0  # samples beyond full scale, or several in a row at one value near it
    overruns: int = 0  # blocks lost because they came too fast; replaced by silence if known
    unplugged: int = 0  # times the microphone was lost; silence replaces it until it is back
    one_channel: int = 0  # parts whose channels cancel each other; the loudest one was taken
    rescaled: int = 0  # parts with integers saved as floats; scaled to full scale
    miscounted: int = 0  # parts with a wrong length in the header
    damaged: int = 0  # places with bytes that are no sound, or with missing pages
    unfinished: int = 0  # Ogg streams without an end mark
    resampled: int = 0  # parts of another rate; a change, not reported as a fault
    mixed_down: int = 0  # parts of several channels, averaged; a change, not reported

    def lines(self, before: Faults) -> list[str]:
        """A line for each kind of fault found since ``before``."""
        grown = {key: getattr(self, key) - getattr(before, key) for key in _TEXTS}
        return [_TEXTS[key].format(count) for key, count in grown.items() if count]
