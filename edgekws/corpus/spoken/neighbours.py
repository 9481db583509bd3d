"""Invents texts that sound nearly like a phrase but are not it: one or two sounds away, or parts of the phrase. And
texts that are the phrase in another accent.

eSpeak says these neighbours as no word, since a spotter must learn most of all to ignore what sounds most like its
phrase. A text is words, or eSpeak's own phonemes in double brackets. Sounds that an accent may swap are never swapped,
so a neighbour is never another way to say the phrase itself.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache

from edgekws.corpus.spoken import espeak
from edgekws.errors import UserError

FORMAT = 2  # increase it whenever other neighbours are drawn
Word = tuple[str, ...]  # phonemes in eSpeak's mnemonics, with stress before the vowel
_STRESS = "',%="
_VOWELS = "aeiouAEIOUVYy03@&"
_ALIKE = (
    *("t d t# t2 d#", "p b", "k g", "f v", "s z", "S Z tS dZ", "T D", "m n N", "r r- R l", "w v"),
    *("I i i: I2 i2", "@ 3 3: V a @2 I# a#", "A: A 0 O: O O2 A@ o@ A#", "E e eI e@ E2", "u: U u", "oU aU @U o"),
)
_MOST_LETTERS = 7  # more phonemes a letter: eSpeak spells a script that it cannot read
_NASALS = ("m", "n", "N")  # which no accent swaps, though they sound alike
_SWAPPED = (0.15, 0.3, 0.5)  # shares of a phrase's sounds that are another accent's
_KINDS = ("one", "two", "two", "part", "word", "other", "begun", "begun", "ended")


@dataclass(frozen=True)
class Phrase:
    """A phrase in one accent, and the sounds of its language."""

    words: tuple[Word, ...]
    inventory: tuple[str, ...]

    def draw(self, rng: random.Random) -> str:
        """A random neighbour, as a text for eSpeak."""
        for _ in range(20):
            words = self._changed(rng, rng.choice(_KINDS))
            if words and words != self.words:
                return spelled(words)
        return spelled(tuple(reversed(self.words)))

    def accented(self, rng: random.Random) -> str:
        """The phrase with some sounds as another accent may say them, as a text for eSpeak."""
        share = rng.choice(_SWAPPED)
        return spelled([[self._other_accent(rng, one) if rng.random() < share else one for one in word] for word in
                        self.words])  # fmt: skip

    def _other_accent(self, rng: random.Random, sound: str) -> str:
        stress, bare = _parted(sound)
        others = [one for one in self.inventory if one != bare and alike(one, bare) and bare not in _NASALS]
        return stress + rng.choice(others) if others else sound

    def _changed(self, rng: random.Random, kind: str) -> tuple[Word, ...]:
        if kind in ("one", "two"):
            words = self.words
            for _ in range(1 + (kind == "two")):
                words = self._one_away(rng, words)
            return words
        if kind == "word" and len(self.words) > 1:
            return (rng.choice(self.words),)
        if kind == "other" and len(self.words) > 1:
            at = rng.randrange(len(self.words))
            return (*self.words[:at], self.other(rng), *self.words[at + 1 :])
        if kind == "other":
            return (self.other(rng),)
        if kind in ("begun", "ended"):
            return self._shared(rng, first=kind == "begun")
        sounds = [(number, sound) for number, word in enumerate(self.words) for sound in word]
        size = rng.randint(min(2, len(sounds)), max(3 * len(sounds) // 5, min(2, len(sounds))))
        kept = sounds[:size] if rng.random() < 0.5 else sounds[-size:]
        numbers = sorted({number for number, _ in kept})
        return tuple(tuple(sound for number, sound in kept if number == one) for one in numbers)

    def _shared(self, rng: random.Random, *, first: bool) -> tuple[Word, ...]:
        """An invented word that begins as the phrase does, or ends so: a quarter to two thirds of its sounds."""
        sounds = [sound for word in self.words for sound in word]
        size = rng.randint(max(len(sounds) // 4, 1), max(2 * len(sounds) // 3, 1))
        invented = self.other(rng)
        return ((*sounds[:size], *invented),) if first else ((*invented, *sounds[-size:]),)

    def _one_away(self, rng: random.Random, words: tuple[Word, ...]) -> tuple[Word, ...]:
        """Three times of four, replace a sound by another of its kind; else add one or remove one."""
        at = rng.choice([i for i, word in enumerate(words) if word])
        word = list(words[at])
        place = rng.randrange(len(word))
        if rng.random() < 0.75 or len(word) < 3:
            word[place] = self._exchanged(rng, word[place])
        elif rng.random() < 0.5:
            word.insert(place, rng.choice(self.inventory))
        elif not vowel(word[place]) and place < len(word) - 1:  # people often swallow a word's end
            del word[place]
        return (*words[:at], tuple(word), *words[at + 1 :])

    def _exchanged(self, rng: random.Random, sound: str) -> str:
        stress, bare = _parted(sound)
        others = [one for one in self.inventory if vowel(one) == vowel(bare) and not alike(one, bare)]
        return stress + rng.choice(others) if others else sound

    def other(self, rng: random.Random) -> Word:
        """An invented word: one to three syllables of the language's sounds."""
        vowels = [one for one in self.inventory if vowel(one)]
        consonants = [one for one in self.inventory if not vowel(one)]
        syllables = [(rng.choice(consonants), ("'" if not i else "") + rng.choice(vowels)) for i in
                     range(rng.randint(1, 3))]  # fmt: skip
        ending = (rng.choice(consonants),) if rng.random() < 0.5 else ()
        return (*(sound for syllable in syllables for sound in syllable), *ending)


def phrases(texts: Sequence[str], language: str) -> dict[str, list[Phrase]]:
    """The phrases in each accent of the language. The sounds of the language are those of its numerals and its names of
    emoji, which eSpeak reads in every language."""
    accents = espeak.accents(language)
    numerals = [str(number) for number in (*range(20), *range(20, 1000, 47))]
    numerals += [chr(picture) for picture in (*range(0x1F400, 0x1F43E, 2), *range(0x1F345, 0x1F380, 2))]
    said = espeak.mnemonics([(text, accent) for accent in accents for text in (*texts, *numerals)])
    size = len(texts) + len(numerals)
    found = {}
    for i, accent in enumerate(accents):
        mine = said[i * size : (i + 1) * size]
        sounds = {_parted(sound)[1] for text in mine for word in text for sound in word}
        inventory = tuple(sorted(sound for sound in sounds if sound and sound[0].isalpha() | (sound[0] in "0@3&")))
        found[accent] = [Phrase(words, inventory) for words in mine[: len(texts)]]
    return found


def check(texts: Sequence[str], language: str) -> None:
    """A UserError if eSpeak cannot say a text, or two texts sound the same in an accent."""
    accents = espeak.accents(language)
    said = espeak.mnemonics([(text, accent) for text in texts for accent in accents])
    heard: dict[tuple[str, str], str] = {}
    for i, text in enumerate(texts):
        letters = sum(map(str.isalpha, text))
        for accent, words in zip(accents, said[i * len(accents) :], strict=False):
            sounds = [_parted(sound)[1] for word in words for sound in word]
            if not letters or len(sounds) < 2 or len(sounds) > _MOST_LETTERS * letters:
                raise UserError(
                    f"{text!r}: eSpeak NG cannot say this in {language}; write it as it is spoken, in letters of that "
                    "language"
                )
            other = heard.setdefault((accent, " ".join(sounds)), text)
            if other != text:
                raise UserError(f"{other!r} and {text!r} sound the same; leave one of them out")


def spelled(words: Iterable[Iterable[str]]) -> str:
    """The phonemes in the form that eSpeak reads."""
    return "[[" + " ".join("".join(word) for word in words) + "]]"


def vowel(sound: str) -> bool:
    return _parted(sound)[1][:1] in tuple(_VOWELS)


def alike(one: str, other: str) -> bool:
    """Whether an accent may say one sound for the other."""
    return one == other or any(one in group and other in group for group in _groups())


@cache
def _groups() -> list[frozenset[str]]:
    return [frozenset(group.split()) for group in _ALIKE]


def _parted(sound: str) -> tuple[str, str]:
    bare = sound.lstrip(_STRESS)
    return sound[: len(sound) - len(bare)], bare
