"""Talk by name in the commands that take folders of sound."""

import json

import numpy as np
import pytest
import soundfile

from convert import pipeline
from edgekws import recipe
from edgekws.cli import main
from edgekws.errors import UserError


@pytest.fixture
def talk(tmp_path, monkeypatch):
    """What was downloaded before lies in the cache."""
    (tmp_path / "cache/librispeech").mkdir(parents=True)
    monkeypatch.setenv("EDGEKWS_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    sound = np.random.default_rng(1).integers(-999, 999, 48_000).astype(np.int16)
    soundfile.write(tmp_path / "cache/librispeech/84_nohash_7-0000.flac", sound, 16_000)


def test_talk_that_was_downloaded_is_measured_by_its_name(talk, capsys):
    assert main(["measure", "small-listen", "--negatives", "librispeech"]) == 0
    assert "librispeech (speech): 0" in capsys.readouterr().out


def test_the_recipe_of_a_phrase_keeps_the_name(talk, tmp_path):
    assert main(["new", "hey.toml", "--wake", "hey edge", "--negatives", "librispeech"]) == 0
    assert recipe.load(tmp_path / "hey.toml").data.unknown_from == ("included-talk", "librispeech")


def test_what_is_of_a_phrase_needs_one(capsys):
    assert main(["new", "my.toml", "--negatives", "talk"]) == 2
    assert "give it with --wake PHRASE" in capsys.readouterr().err


@pytest.mark.parametrize("wrong", [["--hours", "0"], ["--false-accepts-per-hour", "0"]])
def test_a_goal_that_makes_no_sense_is_refused_before_training(monkeypatch, capsys, wrong):
    monkeypatch.setattr(pipeline, "load_corpus", lambda *_: pytest.fail("it began"))
    assert main(["wake", "hey edge", *wrong]) == 2
    assert "--false-accepts-per-hour must be above 0" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "noted"),
    [([], True), (["--negatives", "librispeech"], False), (["--set", "data.unknown_from=[]"], False)],
)
def test_what_talk_is_worth_is_told_before_anything_is_made(talk, monkeypatch, capsys, given, noted):
    def begun(*_):
        raise UserError("it began")

    monkeypatch.setattr(pipeline, "load_corpus", begun)
    assert main(["wake", "hey edge", *given]) == 2
    said = capsys.readouterr()
    assert "it began" in said.err
    assert ("the hour and a half of English that comes with edgekws" in said.out) == noted


@pytest.mark.parametrize("option", ["--out", "--save-accepts"])
def test_a_file_in_place_of_a_folder_is_told_before_measuring(talk, tmp_path, capsys, option):
    (tmp_path / "taken").write_text("mine")
    assert main(["measure", "small-listen", "--negatives", "librispeech", option, "taken"]) == 2
    assert "taken is a file; expected a folder" in capsys.readouterr().err
    assert (tmp_path / "taken").read_text() == "mine"


def test_a_pause_between_recordings_takes_no_time_of_theirs(talk, tmp_path, capsys):
    heard = []
    for pause in ([], ["--pause", "1"]):
        assert main(["measure", "small-listen", "--negatives", "librispeech", "--json", *pause]) == 0
        heard.append(json.loads(capsys.readouterr().out))
    assert [one["pause_seconds"] for one in heard] == [0.0, 1.0]
    assert heard[0]["negatives"][0]["hours"] == heard[1]["negatives"][0]["hours"]
    assert main(["measure", "small-listen", "--negatives", "librispeech", "--pause", "-1"]) == 2
    assert "--pause is from 0 to 10 seconds, got -1" in capsys.readouterr().err
