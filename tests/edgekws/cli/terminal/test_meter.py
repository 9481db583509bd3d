"""What `listen` says where nothing was heard."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from edgekws.cli.terminal import meter
from edgekws.listen.detector import Settings
from edgekws.listen.events import Event

SETTINGS = Settings((128, 192, 256), (64, 96, 205), results=2, minimum=1, refractory=1, hop=2000, alone=64, before=4,
                    unknown=2)  # fmt: skip
MODEL = SimpleNamespace(labels=("yes", "no", "_unknown_"), settings=SETTINGS)


@pytest.mark.parametrize(
    ("word", "score", "talk"), [("yes", 0.49, False), ("yes", 0.5, True), ("no", 0.7, False), ("no", 0.8, True)]
)
def test_a_word_that_reached_its_threshold_lacked_only_quiet(word, score, talk):
    nearest = Event(1.5, word, score)
    assert meter.only_talk(nearest, MODEL) is talk
    text = meter.nothing("a.wav", nearest, MODEL)
    assert f"nearest was {word} at 1.50 s: {score:.2f} of" in text
    assert ("and up to 0.25 more after talk (--alone 0: not)" in text) is talk


def test_silence_has_no_nearest_word():
    assert not meter.only_talk(None, MODEL)
    assert meter.nothing("", None, MODEL) == "no word was heard"


def test_without_alone_talk_is_never_in_the_way():
    plain = SimpleNamespace(labels=MODEL.labels, settings=replace(SETTINGS, alone=0))
    assert not meter.only_talk(Event(1.5, "yes", 0.9), plain), "it came once, where more in a row are asked for"
