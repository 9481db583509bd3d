"""Words for eSpeak that are not of the set, and other ones for training than for measuring."""

import random

from edgekws.corpus import phrases


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
