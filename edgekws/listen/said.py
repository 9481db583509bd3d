"""Where a transcript says that one of the words, or a word that sounds like it, may be heard in a recording."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from edgekws.corpus import transcripts
from edgekws.corpus.clips import rejects
from edgekws.corpus.transcripts import Transcript

Place = tuple[str, float, float]  # a word, start and end in seconds
# said so much like a word that hearing it there is no mistake; what is said just like it, eSpeak tells
_NEAR = {
    "bed": "bad bedroom", "cat": "cattle catch", "down": "downward", "five": "fifty", "four": "fore forty fourteen",
    "go": "goes going ago", "happy": "happily unhappy happiness", "left": "lefts", "no": "knows known nor not now note",
    "one": "once anyone everyone someone wonder wonderful", "right": "rights bright rightly upright", "three": "thirty",
    "two": "too", "up": "upon upper cup", "yes": "yesterday yet",
}  # fmt: skip


def alike(labels: Sequence[str], texts: Iterable[Transcript]) -> dict[str, frozenset[str]]:
    """For each word of a set what of these texts is it, begins with it, or sounds like it."""
    words = [label for label in labels if not rejects(label)]
    spoken = frozenset[str]().union(*(one.words | {word.lower() for word, _, _ in one.times} for one in texts))
    same = transcripts.same_sound(words, spoken)
    return {
        word: same[word]
        | {other for other in spoken if other.startswith(word.lower())}
        | (spoken & set(_NEAR.get(word.lower(), "").split()))
        for word in words
    }


def places(text: Transcript, alike: Mapping[str, frozenset[str]], whole: bool) -> list[Place]:
    """Where each word may be heard: from 0 to infinity if the text has it, where no time is known or with ``whole``."""
    if whole or not text.times:
        return [(word, 0.0, float("inf")) for word, others in alike.items() if text.words & others]
    return [
        (word, start, end)
        for spoken, start, end in text.times
        for word, others in alike.items()
        if spoken.lower() in others
    ]
