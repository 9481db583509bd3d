"""The recipe behind `edgekws wake`, and what cannot be a phrase, in one line."""

import numpy as np
import pytest
import soundfile

from edgekws import cli, recipe, wake_phrase
from edgekws.errors import UserError


def test_a_phrase_has_a_window_that_it_fits_into():
    assert wake_phrase.window(["hey edge"], "en") == 1.5
    assert wake_phrase.window(["good morning my computer"], "en") == 2.0


def test_one_that_fits_into_none_is_refused_with_its_length():
    with pytest.raises(UserError, match=r"lasts \d\.\d s, and a network hears 2 s at most"):
        wake_phrase.of(["supercalifragilisticexpialidocious extraordinary day"])


def test_the_recipe_is_whole_and_begins_with_what_ships():
    made = wake_phrase.of(["hey edge"])
    assert made.name == "hey-edge"
    assert made.data.words == ("hey edge",)
    assert made.training.start_from in ("wake", "small-listen")
    assert made.training.frozen == 5
    assert made.detector.alone == 0.05
    assert made.data.rejects
    assert recipe.from_tables(recipe.to_tables(made)) == made


def test_it_learns_the_talk_that_comes_with_edgekws_beside_what_is_given():
    assert wake_phrase.of(["hey edge"]).data.unknown_from == ("included-talk",)
    made = wake_phrase.of(["hey edge"], negatives=["radio", "included-talk"])
    assert made.data.unknown_from == ("included-talk", "radio")


@pytest.mark.parametrize(("number", "cuts"), [(5, 60), (200, 8)])
def test_takes_get_their_share_of_the_clips_however_few_they_are(tmp_path, number, cuts):
    (tmp_path / "hey edge").mkdir()
    for i in range(number):
        soundfile.write(tmp_path / "hey edge" / f"{i}.wav", np.resize([5_000, -5_000], 2_000).astype(np.int16), 16_000)
    made = wake_phrase.of(["hey edge"], takes=str(tmp_path))
    assert made.data.cuts == cuts
    assert str(tmp_path) in made.data.sources
    assert made.name == "hey-edge-takes"
    assert made.training.frozen == 5


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([""], "'' cannot be a word"),
        (["!!!"], "cannot say this in en"),
        (["hey edge", "hay edge"], "sound the same"),
        (["hey edge", "--language", "xx"], "does not speak the language 'xx'"),
        (["hey edge", "--data", "nothing"], "there are no recordings in nothing/hey edge"),
        (["hey edge", "--data", "silent"], "none of the 3 recordings in silent/hey edge holds any sound"),
    ],
)
def test_what_cannot_be_a_wake_phrase_is_told_in_a_line(arguments, told, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "silent" / "hey edge").mkdir(parents=True)
    for i in range(3):
        soundfile.write(tmp_path / "silent" / "hey edge" / f"{i}.wav", np.zeros(9_000, np.int16), 16_000)
    assert cli.main(["wake", *arguments]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert told in line
    assert not (tmp_path / "runs").exists()


def test_the_command_writes_the_recipe_that_it_would_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["new", "hey.toml", "--wake", "hey edge", "--set", "training.epochs=3"]) == 0
    written = recipe.load(tmp_path / "hey.toml")
    assert written == recipe.replace(wake_phrase.of(["hey edge"], name="hey"), {"training.epochs": 3})
