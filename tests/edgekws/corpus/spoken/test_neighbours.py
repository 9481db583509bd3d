"""What sounds nearly like a phrase: never the phrase, never far from it, in any language."""

import random

import pytest

from edgekws.corpus.spoken import espeak, neighbours
from edgekws.errors import UserError

HEY_EDGE = (("h", "'eI"), ("'E", "dZ"))


@pytest.fixture(scope="module")
def english():
    return neighbours.phrases(["hey edge", "computer"], "en")


def test_each_accent_has_the_phrases_in_its_own_sounds(english):
    assert set(english) == set(espeak.accents("en"))
    assert english["en"][0].words == HEY_EDGE
    assert len(english["en-us"][1].words) == 1
    assert {"b", "S", "k", "m", "i:", "aI"} <= set(english["en"][0].inventory)


def test_a_neighbour_is_never_the_phrase_nor_another_way_to_say_it(english):
    rng = random.Random(0)
    drawn = [english["en"][0].draw(rng) for _ in range(500)]
    assert neighbours.spelled(HEY_EDGE) not in drawn
    assert not {"[[h'eI 'EtS]]", "[[h'E 'EdZ]]"} & set(drawn)
    assert len({*drawn}) > 150
    assert {"[[h'eI]]", "[['EdZ]]"} <= set(drawn)  # its words alone


def test_some_neighbours_begin_or_end_as_the_phrase_does_and_are_another_word():
    sounds = ("k", "@", "m", "p", "j", "'u:", "t", "3")
    phrase, rng = neighbours.Phrase((sounds,), ("k", "f", "n", "s", "aI", "0", "@")), random.Random(0)
    begun = [phrase._shared(rng, first=True) for _ in range(50)]
    ended = [phrase._shared(rng, first=False) for _ in range(50)]
    assert all(word[:2] == sounds[:2] and word[:6] != sounds[:6] for (word,) in begun)
    assert all(word[-2:] == sounds[-2:] and word[-6:] != sounds[-6:] for (word,) in ended)


@pytest.mark.parametrize("sounds", [("h", "aI"), ("h", "'EI", "j")])
def test_a_short_phrase_keeps_a_sound_that_is_not_shared(sounds):
    phrase, rng = neighbours.Phrase((sounds,), ("k", "f", "n", "aI", "0")), random.Random(0)
    assert all(phrase.words != phrase._shared(rng, first=first) for first in (True, False) for _ in range(50))


def test_sounds_that_accents_exchange_are_not_exchanged():
    assert neighbours.alike("I", "i:")
    assert neighbours.alike("t", "d")
    assert not neighbours.alike("t", "k")
    phrase = neighbours.Phrase((("t", "'I"),), ("t", "d", "I", "i:", "k"))
    rng = random.Random(0)
    assert {phrase._exchanged(rng, "t") for _ in range(20)} == {"k"}
    assert {phrase._exchanged(rng, "'I") for _ in range(20)} == {"'I"}


def test_another_accent_swaps_sounds_that_are_alike_and_no_others(english):
    rng = random.Random(0)
    for phrase in (one for said in english.values() for one in said):
        texts = {phrase.accented(rng) for _ in range(100)}
        assert len(texts) > 5
        for text in texts:
            sounds = neighbours.spelled(phrase.words)
            assert text.count("'") == sounds.count("'")
            assert text.count("m") == sounds.count("m")
    phrase = neighbours.Phrase((("t", "'I", "n"),), ("t", "d", "I", "i:", "k", "aU", "m", "n"))
    drawn = {phrase.accented(rng) for _ in range(100)}
    assert drawn == {f"[[{first}{vowel}n]]" for first in "td" for vowel in ("'I", "'i:")}


def test_a_stress_stays_on_the_vowel_that_takes_the_place_of_another():
    phrase = neighbours.Phrase((("t", "'I"),), ("t", "I", "aU"))
    assert phrase._exchanged(random.Random(0), "'I") == "'aU"


def test_espeak_says_them_all(english):
    rng = random.Random(1)
    asked = [
        espeak.draw(rng, text, f"{accent}+f3")
        for accent, said in english.items()
        for phrase in said * 3
        for text in (phrase.draw(rng), phrase.accented(rng))
    ]
    assert all(len(sound) > 1_000 for sound in espeak.speak(asked))


@pytest.mark.parametrize(("language", "text"), [("de", "guten morgen"), ("fr", "bonjour"), ("pt", "ola casa")])
def test_other_languages_have_neighbours_and_words_of_their_own(language, text):
    (accent, (phrase,)), *_ = neighbours.phrases([text], language).items()
    rng = random.Random(0)
    asked = [
        espeak.draw(rng, phrase.draw(rng), accent),
        espeak.draw(rng, phrase.accented(rng), accent),
        espeak.draw(rng, neighbours.spelled([phrase.other(rng)]), accent),
    ]
    assert all(len(sound) for sound in espeak.speak(asked))


@pytest.mark.parametrize(
    ("texts", "language", "told"),
    [
        (["!!!"], "en", "cannot say this in en"),
        (["☺"], "en", "cannot say this in en"),
        (["你好"], "en", "cannot say this in en"),
        (["hey edge", "hay edge"], "en", "'hey edge' and 'hay edge' sound the same"),
        (["hi you"], "xx", "does not speak the language 'xx'"),
    ],
)
def test_what_cannot_be_a_phrase_is_told(texts, language, told):
    with pytest.raises(UserError, match=told):
        neighbours.check(texts, language)


def test_what_can_be_one_is_not():
    neighbours.check(["hey edge", "computer"], "en")
    neighbours.check(["guten morgen"], "de")
