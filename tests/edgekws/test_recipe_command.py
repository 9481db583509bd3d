"""The command that makes a run again gives its very recipe."""

import dataclasses
import shlex
from pathlib import Path

import pytest

from edgekws import cli, recipe, recipe_command, workspace
from edgekws.cli import runs
from edgekws.recipe import Recipe


def given(command, monkeypatch):
    """The recipe that a command line of ``edgekws run`` trains by."""
    found = []
    monkeypatch.chdir(Path(__file__).parents[2])
    monkeypatch.setattr(workspace, "open_run", lambda folder, recipe: found.append(recipe))
    monkeypatch.setattr(runs, "_run", lambda args: runs._open(args) or 0)
    words = shlex.split(command)
    assert words[0] == "edgekws"
    assert cli.main(words[1:]) == 0
    return found[0]


CHANGED = {
    "name": "mine 2", "seed": 7, "data.words": ["yes", "no"], "model.architecture": "custom-32/8",
    "model.batch_norm": False, "training.start_from": "runs/a b", "training.learning_rate": 0.03,
}  # fmt: skip


@pytest.mark.parametrize("base", [*recipe_command.bundled()], ids=lambda path: path or "default")
@pytest.mark.parametrize("changes", [{}, {"seed": 3, "name": "b"}, CHANGED], ids=["none", "seed", "many"])
def test_the_command_gives_the_recipe(base, changes, monkeypatch):
    wanted = recipe.replace(recipe_command.bundled()[base], changes)
    command = recipe_command.command(wanted)
    if changes is not CHANGED:  # which may be nearer to another one
        assert f"edgekws run {base}".strip() in command
        assert command.count("--set") == len(set(changes) - {"name"})
    found = given(command, monkeypatch)
    source = "espeak" if wanted.data.source == "espeak" else "FOLDER"
    assert found == dataclasses.replace(wanted, data=dataclasses.replace(wanted.data, source=source))


def test_no_path_of_this_machine_is_in_it():
    mine = recipe.replace(Recipe(), {"data.source": "/home/me/recordings"})
    assert recipe_command.command(mine) == "edgekws run --data FOLDER"
    downloaded = recipe.replace(Recipe(), {"data.source": "speech_commands_v0.01"})
    assert recipe_command.command(downloaded) == "edgekws run --data speech_commands_v0.01"
