"""Where a word, or what sounds like it, may be heard by the text of a recording."""

from edgekws.corpus.transcripts import Transcript
from edgekws.listen import said

LABELS = ("two", "no", "_unknown_")


def test_homophones_beginnings_and_near_words_are_alike_and_others_are_not():
    found = said.alike(LABELS, [Transcript("To too two twofold know north not on new total")])
    assert found["two"] == {"to", "too", "two", "twofold"}
    assert found["no"] == {"know", "north", "not"}
    assert "_unknown_" not in found


def test_any_words_homophones_are_known_not_only_those_of_a_list():
    found = said.alike(("flower", "mail"), [Transcript("flour male floor mall")])
    assert found == {"flower": {"flour"}, "mail": {"male"}}
    assert said.alike(LABELS, []) == {"two": frozenset(), "no": frozenset()}


def test_a_word_is_where_its_time_says_or_anywhere_in_the_text():
    text = Transcript("Know it", (("Know", 1.0, 1.4), ("it", 1.5, 1.6)))
    alike = said.alike(LABELS, [text])
    assert said.places(text, alike, whole=False) == [("no", 1.0, 1.4)]
    assert said.places(text, alike, whole=True) == [("no", 0.0, float("inf"))]
    assert said.places(Transcript("know it"), alike, whole=False) == [("no", 0.0, float("inf"))]


def test_a_phrase_is_said_where_its_words_are_in_a_row():
    times = (("Look", 0.1, 0.3), ("at", 0.3, 0.4), ("the", 0.4, 0.5), ("male", 0.5, 0.9), ("rooms", 0.9, 1.2))
    text = Transcript("Look at the male rooms", times)
    labels = ("male room", "at male", "look", "_unknown_")
    alike = said.alike(labels, [text, Transcript("a mail room, a room for male")])
    assert alike == {"male room": {"male rooms", "mail room"}, "at male": frozenset(), "look": {"look"}}
    assert said.places(text, alike, whole=False) == [("male room", 0.5, 1.2), ("look", 0.1, 0.3)]
    assert said.places(text, alike, whole=True) == [("male room", 0.0, float("inf")), ("look", 0.0, float("inf"))]
    assert said.places(Transcript("room for male"), alike, whole=True) == []
