"""The command that makes a run again gives its very recipe."""

import shlex
from importlib.resources import files
from pathlib import Path

import pytest

from edgekws import cli, recipe, workspace
from edgekws.cli import runs
from edgekws.publish import comparison
from edgekws.recipe import Recipe
from edgekws.report import reproduce
from edgekws.sweep import results


def given(command, monkeypatch):
    """The recipe that a command line of ``edgekws run`` trains by."""
    found = []
    monkeypatch.chdir(Path(__file__).parents[3])
    monkeypatch.setattr(workspace, "open_run", lambda folder, recipe: found.append(recipe))
    monkeypatch.setattr(runs, "_run", lambda args: runs._open(args) or 0)
    words = shlex.split(command)
    assert words[0] == "edgekws"
    assert cli.main(words[1:]) == 0
    return found[0]


CHANGED = {
    "name": "mine 2", "seed": 7, "data.words": ["yes", "no"], "model.architecture": "custom-32/8",
    "model.batch_norm": False, "training.start_from": "runs/a b", "training.teacher": "2024",
    "training.learning_rate": 0.03,
}  # fmt: skip
SOURCES = {"espeak": "espeak", "speech_commands_v0.01": "speech_commands_v0.01", "my recordings": "FOLDER"}


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("base", [*reproduce.bundled("espeak")], ids=lambda path: path or "default")
@pytest.mark.parametrize("changes", [{}, {"seed": 33, "name": "b"}, CHANGED], ids=["none", "seed", "many"])
def test_the_command_gives_the_recipe(base, changes, source, monkeypatch):
    wanted = recipe.replace(reproduce.bundled(source)[base], changes | {"data.source": source})
    command = reproduce.command(wanted)
    if changes is not CHANGED:  # which may be nearer to another one
        assert f"edgekws run {base}".strip() in command
        assert command.count("--set") == len(set(changes) - {"name"})
    assert given(command, monkeypatch) == recipe.replace(wanted, {"data.source": SOURCES[source]})


def test_the_default_is_a_command_alone():
    assert reproduce.command(recipe.from_tables(recipe.over_default({}))) == "edgekws run"


def test_no_path_of_this_machine_is_in_it():
    mine = {"data.source": "/home/me/recordings", "data.unknown_from": ["/home/me/talk"]}
    others = {"training.start_from": "/home/me/runs/a", "training.teacher": "/home/me/b"}
    command = reproduce.command(recipe.replace(Recipe(), mine | others))
    assert "/home" not in command
    assert "training.start_from=runs/a" in command
    assert "--data FOLDER" in command


SHIPPED = Path(str(files("firmware_assets") / "pretrained"))
ROWS = {row["run"]: row for row in comparison.read(SHIPPED / "results.csv")}


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_a_published_command_gives_what_its_row_says(row, monkeypatch):
    """Also after a recipe that it names was changed."""
    found = given(row["command"], monkeypatch)
    assert found.name == row["run"]
    assert (found.model.architecture, found.model.coding) == (row["architecture"], row["coding"])
    assert (results.variant(found), str(found.seed)) == (row["variant"], row["seed"])
    assert results.augmented(found) == (row["augmented"] == "yes")


@pytest.mark.parametrize("name", [path.parent.name for path in SHIPPED.glob("*/recipe.toml")])
def test_the_command_of_a_model_that_ships_gives_its_recipe(name, monkeypatch):
    wanted = recipe.load(SHIPPED / name / "recipe.toml")
    command = ROWS[wanted.name]["command"] if wanted.name in ROWS else reproduce.command(wanted)
    assert given(command, monkeypatch) == recipe.replace(wanted, {"data.source": "FOLDER"})


@pytest.mark.parametrize(
    ("source", "command"),
    [
        ("espeak", "edgekws run recipe.toml"),
        ("speech_commands_v0.02", "edgekws run recipe.toml"),
        ("recordings", "edgekws run recipe.toml --data FOLDER"),
    ],
)
def test_the_command_of_the_model_card_finds_the_recordings(source, command):
    made = recipe.replace(recipe.Recipe(), {"data.source": source})
    assert reproduce.beside_its_recipe(recipe.to_tables(made)) == command
