"""Runs whose recordings lie elsewhere now: --data and --unknown-from of check and tune."""

import dataclasses

import numpy as np
import pytest
import soundfile
import tone_corpus

from convert import pipeline
from edgekws import cli, recipe, workspace
from edgekws.cli import arguments
from edgekws.corpus import sources
from edgekws.errors import UserError
from edgekws.recipe import Recipe


def run_of(folder, **changes):
    return workspace.Run(folder, recipe.replace(Recipe(), {f"data.{key}": value for key, value in changes.items()}))


def test_recordings_are_taken_from_where_they_are_now(tmp_path):
    run = run_of(tmp_path, source="words", unknown_from=["/old/talk", "music", "~/radio"])
    assert arguments.moved(run, None, []) == run
    found = arguments.moved(run, "elsewhere", ["new/radio", "/new/talk/"]).recipe
    assert found.data.source == "elsewhere"
    assert found.data.unknown_from == ("/new/talk/", "music", "new/radio")
    assert arguments.moved(run, None, ["b/music"]).recipe.data.source == "words"


@pytest.mark.parametrize(("named", "told"), [(["a/talk", "radio"], "talk or radio"), ([], "none: leave it out")])
def test_a_folder_of_another_name_is_told(tmp_path, named, told):
    with pytest.raises(UserError, match=f"no folder called songs; expected {told}"):
        arguments.moved(run_of(tmp_path, unknown_from=named), None, ["new/songs"])


def test_two_folders_of_one_name_are_told(tmp_path):
    with pytest.raises(UserError, match="two folders have the same name"):
        arguments.moved(run_of(tmp_path, unknown_from=["talk"]), None, ["a/talk", "b/talk"])


@pytest.mark.parametrize("command", ["check", "tune"])
def test_a_run_is_taken_up_with_its_folders_where_they_are_now(command, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EDGEKWS_CACHE", str(tmp_path / "cache"))
    tone_corpus.write(tmp_path / "tones", clips=30)
    (tmp_path / "talk").mkdir()
    for number in range(40):
        soundfile.write(tmp_path / "talk" / f"{number}.wav", np.full(20_000, number, np.int16), 16_000)
    changes = {
        "name": "a", "data.source": "tones", "data.words": ["low", "high"], "data.unknown_from": ["talk"],
        "data.unknown_spoken": 10,
    }  # fmt: skip
    pipeline.load_corpus(workspace.open_run(tmp_path / "a", recipe.replace(Recipe(), changes)))
    for name in ("tones", "talk"):
        (tmp_path / "new").mkdir(exist_ok=True)
        (tmp_path / name).rename(tmp_path / "new" / name)

    def error(*options):
        assert cli.main([command, "a", *options]) == 2
        return capsys.readouterr().err

    assert "there is no folder tones" in error()
    assert "talk is not a folder; expected one of recordings. If it has moved" in error("--data", "new/tones")
    assert "'edgekws convert' first" in error("--data", "new/tones", "--unknown-from", "new/talk")


def test_paths_of_a_recipe_are_absolute_in_the_run_and_found_beside_it(tmp_path, monkeypatch):
    (tmp_path / "mine" / "words").mkdir(parents=True)
    (tmp_path / "talk").mkdir()
    monkeypatch.chdir(tmp_path)
    made = recipe.replace(Recipe(), {"data.source": "words", "data.unknown_from": ["talk", "gone"]})
    found = sources.anchored(made, tmp_path / "mine").data
    assert found.source == str(tmp_path / "mine" / "words")
    assert found.unknown_from == (str(tmp_path / "talk"), "gone")
    (tmp_path / "espeak").mkdir()
    assert sources.anchored(Recipe(), tmp_path).data.source == "espeak"
    again = dataclasses.replace(run_of(tmp_path / "mine" / "runs" / "a"), recipe=made)
    assert arguments.moved(again, None, []).recipe.data.source == str(tmp_path / "mine" / "words")
