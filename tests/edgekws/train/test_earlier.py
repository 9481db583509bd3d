"""What a recipe takes from the runs that it names."""

import pytest

from edgekws import cli, recipe
from edgekws.corpus.sources import labels_of
from edgekws.errors import UserError
from edgekws.recipe import Recipe
from edgekws.train import earlier


@pytest.fixture
def origin(tmp_path, monkeypatch):
    """A trained run of another architecture and coding, by its folder."""
    monkeypatch.chdir(tmp_path)
    made = recipe.replace(
        Recipe(), {"model.architecture": "small", "model.coding": "mu_law", "model.batch_norm": False}
    )
    folder = tmp_path / "runs" / "first"
    folder.mkdir(parents=True)
    (folder / "recipe.toml").write_text(recipe.to_toml(made))
    (folder / "float.keras").write_bytes(b"not read here")
    return folder


def completed(tables, beside):
    return recipe.from_tables(earlier.completed(tables, beside)).model


@pytest.mark.parametrize("named", ["first", "runs/first", "../runs/first"])
def test_the_network_is_that_of_start_from_unless_it_is_set(origin, named):
    beside = origin.parents[1] / "recipes"
    beside.mkdir()
    found = completed({"training": {"start_from": named}}, beside)
    assert (found.architecture, found.coding, found.batch_norm) == ("small", "mu_law", False)
    found = completed({"training": {"start_from": named}, "model": {"coding": "linear"}}, beside)
    assert (found.architecture, found.coding) == ("small", "linear")


def test_a_teacher_says_how_samples_are_heard_and_no_more(origin):
    found = completed({"training": {"teacher": "first"}}, origin)
    assert (found.architecture, found.coding) == ("nano", "mu_law")


@pytest.mark.parametrize("tables", [{}, {"training": 3}, {"model": 3}, {"training": {"start_from": "nowhere"}}])
def test_what_names_nothing_stays_as_it_is(origin, tables):
    assert earlier.completed(tables, origin) == tables


def test_a_wrong_combination_is_refused_before_the_folder_is_made(origin, capsys):
    call = ["train", "--name", "second", "--set", "training.start_from=first", "--set", "model.coding=linear"]
    assert cli.main(call) == 2
    error = capsys.readouterr().err
    assert "has model.coding = mu_law, this recipe linear; leave model.coding out, and it is taken from there" in error
    assert "from there, or leave training.start_from out" in error
    assert not (origin.parent / "second").exists()


def test_weights_may_learn_level_control_where_a_teacher_must_hear_the_same(origin):
    tables = {"training": {"start_from": "first"}}
    assert not completed(tables, origin).level_control
    wanted = recipe.replace(recipe.from_tables(earlier.completed(tables, origin)), {"model.level_control": True})
    assert earlier.find(wanted, "start_from")
    taught = recipe.replace(wanted, {"training.start_from": "", "training.teacher": "first"})
    with pytest.raises(UserError, match="training.teacher: .* has model.level_control = False, this recipe True"):
        earlier.find(taught, "teacher")


def test_a_new_recipe_has_what_its_origin_dictates(origin, capsys):
    assert cli.main(["new", "mine.toml", "--set", "training.start_from=first"]) == 0
    assert recipe.load(origin.parents[1] / "mine.toml").model.architecture == "small"


def test_an_untrained_run_is_told(origin):
    (origin / "float.keras").unlink()
    found = recipe.replace(recipe.load(origin / "recipe.toml"), {"training.start_from": "first"})
    with pytest.raises(UserError, match="training.start_from: .*first has no float.keras"):
        earlier.find(found, "start_from")


def test_a_model_that_ships_can_be_the_start(tmp_path):
    made = recipe.from_tables(earlier.completed({"training": {"start_from": "nano"}}, tmp_path))
    origin = earlier.find(made, "start_from")
    assert origin is not None
    assert origin.folder.name == "nano"
    assert len(labels_of(origin.recipe)) == 16
