"""Words and sentences that are not of a set, for eSpeak to say: those of training are never those that are measured."""

import random
from collections.abc import Sequence

_ADJECTIVES = (
    "green quiet heavy early broken simple curious private golden modern bitter gentle purple distant "
    "yellow narrow clever hungry frozen hollow ancient pleasant orange wooden"
)
_NOUNS = (
    "garden window river market teacher kitchen paper mountain doctor engine butter camera village pocket morning "
    "summer table letter father bottle forest station sugar jacket minute guitar island butterfly bicycle computer "
    "pencil hospital mirror valley mother basket weather carpet planet sister dinner bridge cabbage tiger language"
)
_VERBS = (
    "follows remembers carries paints visits covers answers watches pushes breaks brings finishes lifts "
    "gathers measures collects prepares describes borrows pulls catches"
)
_PLACES = "behind under near beside after before against with"


def sentence(rng: random.Random, words: Sequence[str], *, training: bool = False) -> str:
    """A sentence in which none of the words is spelled."""
    lists = (_ADJECTIVES, _NOUNS, _VERBS, _ADJECTIVES, _NOUNS, _PLACES, _NOUNS)
    chosen = [rng.choice(_listed(candidates, words, training) or [""]) for candidates in lists]
    return "the {} {} {} the {} {} {} the {}".format(*chosen)


def word(rng: random.Random, words: Sequence[str], *, training: bool = False) -> str:
    """A word in which none of the words is spelled; a sentence where there is no such word."""
    listed = [text for list_ in (_ADJECTIVES, _NOUNS, _VERBS) for text in _listed(list_, words, training)]
    return rng.choice(listed) if listed else sentence(rng, words, training=training)


def _listed(candidates: str, words: Sequence[str], training: bool) -> list[str]:
    """Every other candidate for training, the rest for measuring; prepositions serve both."""
    listed = candidates.split()
    if candidates != _PLACES:
        listed = listed[0 if training else 1 :: 2]
    return [text for text in listed if not any(word.lower() in text for word in words)]
