"""Folders as scored streams, with what may be said in them."""

import numpy as np
import pytest
import soundfile

from edgekws.corpus.transcripts import Transcript
from edgekws.errors import UserError
from edgekws.listen import detector, hearing, sound_kinds, thresholds
from edgekws.listen.hearing import Texts

LABELS = ("yes", "no", "_unknown_")
HOP = 2000
SETTINGS = detector.with_threshold(detector.default(LABELS, HOP), 0.5)


class Loud:
    """A stand-in for the engine: the first word in every window whose middle is loud."""

    hop, window = HOP, 16_000
    words = "a stand-in"

    def __init__(self):
        self.reset()

    def reset(self):
        self.sound, self.given = np.zeros(0, np.int16), 0

    def push(self, samples):
        self.sound = np.concatenate([self.sound, samples])
        rows = []
        while 16_000 + self.given * HOP <= len(self.sound):
            middle = self.sound[self.given * HOP + 7000 :][:2000]
            loud = np.abs(middle.astype(int)).mean() > 1000
            rows.append([127, -128, -128] if loud else [-128, -128, 127])
            self.given += 1
        return np.array(rows, np.int8).reshape(-1, 3)


def burst(path, at, seconds=5.0):
    """A recording that is loud for half a second at a time."""
    sound = np.zeros(round(seconds * 16_000), np.int16)
    sound[round(at * 16_000) : round((at + 0.5) * 16_000)] = 8000
    soundfile.write(path, sound, 16_000, subtype="PCM_16")


@pytest.fixture
def talk(tmp_path):
    (folder := tmp_path / "talk").mkdir()
    for i, at in enumerate((1.0, 3.0, 2.0)):
        burst(folder / f"{i}.wav", at)
    return sound_kinds.find([folder], "--negatives")[0]


def accepts(kind, texts):
    stream, _ = hearing.hear(kind, Loud(), LABELS, texts, lambda samples: None)
    strays = thresholds.tally([stream], LABELS, SETTINGS, np.array([SETTINGS.thresholds])).strays[0]
    return stream.seconds, dict(zip(LABELS, strays.tolist(), strict=True))


def test_without_texts_every_event_is_a_false_accept(talk):
    assert accepts(talk, Texts()) == (15.0, {"yes": 3, "no": 0, "_unknown_": 0})


@pytest.mark.parametrize(
    ("mode", "times", "left"),
    [
        ("text", True, 1),  # of two recordings the text has the word
        ("times", True, 2),  # but only in one of them where it was heard
        ("times", False, 1),  # where no time is known the text counts
        ("cut", True, 2),
    ],
)
def test_where_a_word_is_said_it_is_no_false_accept(talk, mode, times, left):
    spoken = [("yes", 1.0, 1.5)], [("yes", 0.2, 0.6)], [("quiet", 2.0, 2.5)]
    by_file = {f"{i}.wav": Transcript(words[0][0], tuple(words) if times else ()) for i, words in enumerate(spoken)}
    seconds, found = accepts(talk, Texts.of(by_file, LABELS, mode))
    assert found["yes"] == left
    assert seconds == pytest.approx(15 - (0.5 + 0.4 if mode == "cut" else 0))


def test_another_word_than_is_said_stays_a_false_accept(talk):
    by_file = {f"{i}.wav": Transcript("no") for i in range(3)}
    assert accepts(talk, Texts.of(by_file, LABELS, "text"))[1]["yes"] == 3


def test_transcripts_of_other_recordings_are_told(talk):
    texts = Texts.of({"else.wav": Transcript("no")}, LABELS, "text")
    with pytest.raises(UserError, match=r"name none of these recordings: expected a path such as 0.wav"):
        texts.check([talk])
    assert Texts.of({"talk/x": Transcript(""), "1.wav": Transcript("")}, LABELS, "text").check([talk]) == 2
    assert Texts().check([talk]) == 0
