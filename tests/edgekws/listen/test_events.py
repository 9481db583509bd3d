"""Events in a stream: when they are, and what the command prints."""

import json
import re
import shutil
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
import synthetic_tflite

from convert.engine import host_library
from convert.tflite import artifact
from edgekws import cli, recipe
from edgekws.listen import detector
from edgekws.listen.events import Ear, Event, Progress, evenly, listen, within_quiet
from edgekws.model import catalogue

LABELS = ("yes", "no", "_unknown_")
HOP = 2_000
SETTINGS = detector.default(LABELS, HOP)


class Spotter:
    """Gives `word` all it has for results from `first` to `last`, else `_unknown_`; counts samples as the engine."""

    def __init__(self, word, first, last):
        self.word, self.first, self.last = word, first, last
        self.samples = self.results = 0

    def push(self, samples):
        self.samples += len(samples)
        rows = []
        while self.samples >= 16_000 + self.results * HOP:
            row = np.full(3, -128, np.int8)
            row[self.word if self.first <= self.results <= self.last else 2] = 127
            rows.append(row)
            self.results += 1
        return np.array(rows, np.int8).reshape(len(rows), 3)


@pytest.mark.parametrize("size", [1, 777, 16_000, 70_000])
def test_a_word_is_placed_where_it_was_whatever_the_blocks(size):
    """The word is in the windows of results 4 to 8, whose common middle is sample 4 * 2000 + 16000 / 2 + 2 * 2000."""
    sound = np.zeros(70_000, np.int16)
    blocks = (
        [sound[i : i + size] for i in range(0, len(sound), size)] if size > 1 else [sound[:0], sound[:1], sound[1:]]
    )
    items = list(listen(blocks, Spotter(1, 4, 8).push, SETTINGS, LABELS))
    (event,) = [item for item in items if isinstance(item, Event)]
    assert event.word == "no"
    assert event.time == pytest.approx((4 * HOP + 8_000 + 2 * HOP) / 16_000, abs=0.25)
    assert event.score > 0.8
    assert isinstance(items[-1], Progress)
    assert items[-1].seconds == 70_000 / 16_000


@pytest.mark.parametrize("size", [1, 777, 1_600, 70_000])
def test_another_model_opens_this_one_whatever_the_blocks(size):
    """The word of results 4 to 6 comes before the phrase of results 8 to 11, that of results 16 to 18 after it."""
    gated = replace(SETTINGS, open=10, refractory=1)
    sound = np.zeros(70_000 if size > 1 else 4_000, np.int16)
    blocks = [sound[i : i + size] for i in range(0, len(sound), size)]
    blocks += [np.zeros(70_000 - len(sound), np.int16)]

    class Twice(Spotter):
        def push(self, samples):
            begun = self.results
            rows = super().push(samples)
            for i in range(len(rows)):
                if 16 <= begun + i <= 19:
                    rows[i] = (-128, 127, -128)
            return rows

    phrase = Ear(Spotter(0, 8, 11).push, SETTINGS, LABELS)
    items = list(listen(blocks, Twice(1, 4, 6).push, gated, LABELS, openers=[phrase]))
    heard = [(item.word, round(item.time, 3)) for item in items if isinstance(item, Event)]
    assert [word for word, _ in heard] == ["yes", "no"]
    assert heard[1][1] > 2.4
    assert items[-1].seconds == 70_000 / 16_000
    alone = listen(blocks, Twice(1, 4, 6).push, gated, LABELS)
    assert not any(isinstance(item, Event) for item in alone), "nothing opened it"


@pytest.mark.parametrize("lengths", [[], [3], [10], [7, 0, 25, 1]])
def test_blocks_come_evenly(lengths):
    sound = np.arange(sum(lengths), dtype=np.int16)
    parts = list(evenly(np.split(sound, np.cumsum(lengths)[:-1]) if lengths else [], 10))
    assert [len(part) for part in parts] == [10] * (len(sound) // 10) + [len(sound) % 10] * (len(sound) % 10 > 0)
    assert np.concatenate([*parts, np.zeros(0, np.int16)]).tolist() == sound.tolist()


def test_a_word_that_ends_with_its_recording_is_heard():
    """The last windows in which the word is are those that quiet completes."""
    sound = [np.zeros(16_000 + 5 * HOP, np.int16)]
    spotter = Spotter(1, 4, 8)
    assert not [item for item in listen(sound, spotter.push, SETTINGS, LABELS) if isinstance(item, Event)]
    lead = SETTINGS.delay
    spotter = Spotter(1, 4 + lead // HOP, 8 + lead // HOP)
    items = list(listen(within_quiet(sound, SETTINGS), spotter.push, SETTINGS, LABELS, lead))
    (event,) = (item for item in items if isinstance(item, Event))
    assert event.word == "no"
    assert (4 * HOP + 8_000) / 16_000 < event.time <= len(sound[0]) / 16_000
    assert items[0].seconds == 0, "time counts from the recording's first sample"


def test_a_word_at_the_beginning_of_a_recording_is_in_as_many_windows_as_any():
    """The first results are of windows in which quiet comes before it."""
    sound = [np.zeros(6_000, np.int16)]  # not one window long
    spotter = Spotter(1, 1, 4)
    items = list(listen(within_quiet(sound, SETTINGS), spotter.push, SETTINGS, LABELS, SETTINGS.delay))
    (event,) = (item for item in items if isinstance(item, Event))
    assert 0 <= event.time <= len(sound[0]) / 16_000


def test_the_word_nearest_to_its_threshold_is_kept():
    """A short word: two of the three results that are averaged, so two thirds, and it stays when quiet follows."""
    items = list(listen([np.zeros(70_000, np.int16)], Spotter(1, 4, 5).push, SETTINGS, LABELS))
    assert not [item for item in items if isinstance(item, Event)]
    assert (items[-1].nearest.word, items[-1].nearest.score) == ("no", pytest.approx(2 / 3, abs=0.01))


def test_a_rejection_class_is_no_event():
    items = listen([np.zeros(70_000, np.int16)], Spotter(2, 0, 99).push, SETTINGS, LABELS)
    assert not [item for item in items if isinstance(item, Event)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("a model")
    (made / "model_int8.tflite").write_bytes(synthetic_tflite.build(catalogue.find("nano").architecture, 3))
    (made / "labels.txt").write_text("yes\nno\nmaybe\n")
    (made / "recipe.toml").write_text(recipe.to_toml(recipe.Recipe()))
    return made


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("EDGEKWS_CACHE", str(tmp_path / "cache"))


def test_the_command_prints_events_and_goes_on_after_a_bad_file(folder, cache, tmp_path, capsys):
    rng = np.random.default_rng(0)
    soundfile.write(tmp_path / "a b.wav", rng.integers(-9000, 9000, 120_000).astype(np.int16), 44_100)
    (tmp_path / "no.wav").write_text("no")
    common = ["--model", str(folder), "--threshold", "0.34", "--json"]
    assert cli.main(["listen", str(tmp_path / "no.wav"), str(tmp_path / "a b.wav"), *common]) == 2
    out, err = capsys.readouterr()
    assert "no.wav is text" in err
    for line in out.splitlines():
        facts = json.loads(line)
        assert set(facts) == {"file", "time", "word", "score"}
        assert 0 <= facts["time"] <= 120_000 / 44_100
    assert out  # random weights are sure of something


def test_a_recording_of_one_second_is_heard_to_its_end(folder, cache, tmp_path, capsys):
    rng = np.random.default_rng(0)
    soundfile.write(tmp_path / "a.wav", rng.integers(-9000, 9000, 16_000).astype(np.int16), 16_000)
    call = ["listen", str(tmp_path / "a.wav"), "--model", str(folder), "--json"]
    assert cli.main([*call, "--threshold", "0.2"]) == 0
    out, err = capsys.readouterr()
    assert "a word alone" not in err
    facts = [json.loads(line) for line in out.splitlines()]
    assert facts  # one window alone would not make an average of this much
    assert all(0 <= fact["time"] <= 1 for fact in facts)


def test_where_a_short_recording_gives_nothing_what_hears_a_word_alone_is_told(folder, cache, tmp_path, capsys):
    soundfile.write(tmp_path / "a.wav", np.zeros(16_000, np.int16), 16_000)
    made, words = shutil.copytree(folder, tmp_path / "never"), ("yes", "no", "maybe")
    hop = host_library.scorer(artifact.load(made)).hop
    never = detector.Tuned(detector.Settings((detector.NEVER,) * 3, (0,) * 3, 1, 1, 1, hop))
    (made / detector.FILE).write_text(json.dumps(detector.tuned_to_json(never, words)))
    assert cli.main(["listen", str(tmp_path / "a.wav"), "--model", str(made)]) == 0
    out, err = capsys.readouterr()
    assert out == ""
    assert "lasts 1.0 s; 'edgekws classify' is for a word alone" in err
    assert "a.wav: no word was heard\n" in err


def test_the_word_that_came_nearest_is_told_where_none_was_heard(folder, tmp_path, monkeypatch, capsys):
    soundfile.write(tmp_path / "a.wav", np.zeros(70_000, np.int16), 16_000)
    made = shutil.copytree(folder, tmp_path / "hears half")
    (made / "labels.txt").write_text("yes\nno\n_unknown_\n")
    stand_in = SimpleNamespace(words="a stand-in", hop=HOP, window=16_000, push=Spotter(1, 4, 5).push, reset=list)
    monkeypatch.setattr(host_library, "scorer", lambda model: stand_in)
    assert cli.main(["listen", str(tmp_path / "a.wav"), "--model", str(made)]) == 0
    out, err = capsys.readouterr()
    assert out == ""
    assert re.search(r"a\.wav: no word was heard; nearest was no at \d\.\d\d s: 0\.66 of 0\.80 needed\n", err)
    assert err.splitlines()[-1].endswith("--threshold 0.60 hears it, and more that is not one of its words")


def test_a_mistaken_call_is_told(folder, tmp_path, capsys):
    assert cli.main(["listen"]) == 2
    assert cli.main(["listen", "a.wav", "--microphone"]) == 2
    assert "not both" in capsys.readouterr().err
    assert cli.main(["listen", str(tmp_path / "none.wav"), "--model", str(folder), "--threshold", "7"]) == 2
    assert "a threshold is a probability" in capsys.readouterr().err
