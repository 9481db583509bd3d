"""What was found wrong with sound, and what was done to it."""

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
    """Counts of what was wrong with the sound so far."""

    not_finite: int = 0  # samples that were NaN or infinite, taken as silence
    clipped: int = 0  # samples beyond full scale, set to the limit, or that stay at one value near it
    overruns: int = 0  # blocks that were lost because they came too fast; those that are known to be are silence
    unplugged: int = 0  # times the microphone was lost; until it is back there is silence
    one_channel: int = 0  # parts whose channels cancel each other: the loudest channel was taken
    rescaled: int = 0  # parts of integers saved as floats, scaled to full scale
    miscounted: int = 0  # parts whose header gave another length than they have
    damaged: int = 0  # places with bytes that cannot be sound, or where pages are missing
    unfinished: int = 0  # Ogg streams without an end mark
    resampled: int = 0  # parts of another rate; no fault, and not told
    mixed_down: int = 0  # parts of several channels, whose mean was taken; no fault, and not told

    def lines(self, before: Faults) -> list[str]:
        """What came to be since ``before``, a line each."""
        grown = {key: getattr(self, key) - getattr(before, key) for key in _TEXTS}
        return [_TEXTS[key].format(count) for key, count in grown.items() if count]
