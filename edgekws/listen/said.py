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
    """For each word or phrase of a set, the words in these texts, as many in a row, that equal it, begin with it, or
    sound like it."""
    words, heard = [label for label in labels if not rejects(label)], list(texts)
    counts = {len(word.split()) for word in words}
    spoken = {
        count: frozenset[str]().union(
            *(one.runs(count) | {run for run, _, _ in one.timed_runs(count)} for one in heard)
        )
        for count in counts
    }
    single = spoken.get(1, frozenset())
    same = transcripts.same_sound([word for word in words if " " not in word], single)
    same |= transcripts.same_phrases(words, heard)
    return {
        word: same[word]
        | {other for other in spoken[len(word.split())] if other.startswith(word.lower())}
        | (single & set(_NEAR.get(word.lower(), "").split()))
        for word in words
    }


def places(text: Transcript, alike: Mapping[str, frozenset[str]], whole: bool) -> list[Place]:
    """The places where each word may be heard. Without known times, or with ``whole``, a place is 0 to infinity."""
    if whole or not text.times:
        return [(word, 0.0, float("inf")) for word, others in alike.items() if text.runs(len(word.split())) & others]
    return [
        (word, start, end)
        for word, others in alike.items()
        for spoken, start, end in text.timed_runs(len(word.split()))
        if spoken in others
    ]
