"""Words for eSpeak that are not of the set, and other ones for training than for measuring."""

import random

from edgekws.corpus.spoken import espeak, phrases


def test_no_word_of_the_set_is_spelled():
    rng = random.Random(0)
    words = ("river", "near", "Green", "er")
    for _ in range(50):
        text = phrases.sentence(rng, words)
        assert text.startswith("the ")
        assert not any(word.lower() in text.removeprefix("the") for word in words)
        assert "er" not in phrases.word(rng, words)
    assert phrases.word(rng, tuple("aeiou")).startswith("the")


def test_training_never_says_what_is_measured():
    rng = random.Random(0)
    heard = {training: set() for training in (True, False)}
    for training, found in heard.items():
        for _ in range(3000):
            found.update(phrases.sentence(rng, (), training=training).split())
            found.add(phrases.word(rng, (), training=training))
    both = heard[True] & heard[False]
    assert both == {"the", "behind", "under", "near", "beside", "after", "before", "against", "with"}
    assert len(heard[False]) > 40
    assert len(heard[True]) > 600, "common words belong to training"


def test_what_sounds_like_a_word_is_never_said():
    """Sea where see is a word, wine where whine is; look where luck is, which some of the accents say alike."""
    rng, said, words = random.Random(2), set(), ("see", "Son", "whine", "luck")
    for _ in range(4000):
        said.add(phrases.word(rng, words, training=True))
        said |= set(phrases.sentence(rng, words, training=True).split())
    assert not said & {"see", "sea", "son", "sun", "wine", "luck", "look"}
    assert said >= {"sand", "win", "lock"}


def test_accents_are_asked_for_one_by_one():
    ((*dog,), (*dock,)) = espeak.sounds(["dog", "dock"])
    assert len(dog) == len(dock) == 8
    assert len(set(dog)) > 1
    assert not set(dog) & set(dock)
