"""Finds the places in a recording where its transcript has one of the words, or a word that sounds like it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from edgekws.corpus import transcripts
from edgekws.corpus.clips import rejects
from edgekws.corpus.transcripts import Transcript

Place = tuple[str, float, float]  # a word, start and end in seconds
# so similar to a word that hearing the word is no mistake; eSpeak finds words that sound the same
_NEAR = {
    "bed": "bad bedroom", "cat": "cattle catch", "down": "downward", "five": "fifty", "four": "fore forty fourteen",
    "go": "goes going ago", "happy": "happily unhappy happiness", "left": "lefts", "no": "knows known nor not now note",
    "one": "once anyone everyone someone wonder wonderful", "right": "rights bright rightly upright", "three": "thirty",
    "two": "too", "up": "upon upper cup", "yes": "yesterday yet",
}  # fmt: skip


def alike(labels: Sequence[str], texts: Iterable[Transcript]) -> dict[str, frozenset[str]]:
    """For each word of a set, the words in these texts that equal it, begin with it, or sound like it."""
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
    """The places where each word may be heard. Without known times, or with ``whole``, a place is 0 to infinity."""
    if whole or not text.times:
        return [(word, 0.0, float("inf")) for word, others in alike.items() if text.words & others]
    return [
        (word, start, end)
        for spoken, start, end in text.times
        for word, others in alike.items()
        if spoken.lower() in others
    ]
