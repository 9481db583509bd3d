"""Recipes from files and tables: where they are found, defaults, and one clear error for each mistake."""

from importlib.resources import files
from pathlib import Path

import pytest

from edgekws import recipe, zoo
from edgekws.errors import UserError
from edgekws.recipe import Recipe

RECIPES = sorted(
    path for path in (Path(str(files("edgekws"))) / "recipes").rglob("*.toml") if path.parent.name != "sweeps"
)


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_a_recipe_that_ships_is_named_as_its_file_and_takes_up_only_what_others_make(path):
    made = recipe.load(path)
    assert made.name == path.stem
    others = [f"runs/{other.stem}" for other in RECIPES if other != path]
    training = made.training
    for earlier in (training.start_from, training.teacher, training.second_teacher, *training.averaged_with):
        assert earlier in ("", *others, *zoo.folders())


def test_the_default_for_spoken_words_has_a_recipe_of_its_own():
    spoken = recipe.from_tables(recipe.over_default({"training": {"epochs": 3}}))
    assert spoken == recipe.replace(recipe.load(recipe.find(recipe.EMBEDDED)), {"training.epochs": 3})
    assert spoken.name == Recipe().name
    assert spoken.data.words == Recipe().data.words
    assert spoken != recipe.replace(Recipe(), {"training.epochs": 3})


@pytest.mark.parametrize(
    ("model", "start"),
    [
        ({}, "nano-listen"),
        ({"architecture": "nano", "coding": "mu_law", "batch_norm": True}, "nano-listen"),
        ({"level_control": False, "window_seconds": 1.5, "dropout": 0.1}, "nano-listen"),
        ({"architecture": "small"}, ""),
        ({"coding": "linear"}, ""),
        ({"batch_norm": False}, ""),
    ],
)
def test_the_default_starts_from_what_people_said_where_the_network_is_the_same(model, start):
    made = recipe.from_tables(recipe.over_default({"model": model})).training
    assert (made.start_from, made.frozen) == (start, 4 if start else 0)


@pytest.mark.parametrize(
    ("training", "start", "frozen"),
    [({}, "nano-listen", 4), ({"start_from": ""}, "", 0), ({"start_from": "nano"}, "nano", 4),
     ({"start_from": "nano", "frozen": 2}, "nano", 2), ({"frozen": 0}, "nano-listen", 0)],
)  # fmt: skip
def test_nothing_is_frozen_without_a_start(training, start, frozen):
    made = recipe.from_tables(recipe.over_default({"training": training})).training
    assert (made.start_from, made.frozen) == (start, frozen)


def test_another_start_counts_whatever_the_network():
    tables = {"model": {"architecture": "small"}, "training": {"start_from": "small"}}
    assert recipe.from_tables(recipe.over_default(tables)).training.start_from == "small"


def test_higher_thresholds_after_talk_need_a_class_of_no_word():
    with pytest.raises(UserError, match="detector.alone needs a class of no word; add some, such as data.unknown_"):
        recipe.from_tables({"detector": {"alone": 0.3}})
    tables = {"detector": {"alone": 0.3}, "data": {"unknown_spoken": 500}}
    assert recipe.from_tables(tables).detector.alone == 0.3


@pytest.mark.parametrize("data", [{"source": "recordings"}, {"source": 3}])
def test_recordings_have_the_plain_default(data):
    assert recipe.over_default({"data": data, "seed": 2}) == {"data": data, "seed": 2}


@pytest.mark.parametrize(
    ("tables", "message"),
    [
        ({"sed": 1}, "unknown key 'sed'; did you mean 'seed'"),
        ({"training": {"epoch": 3}}, "'training.epoch'; did you mean 'training.epochs'"),
        ({"training": {"epochs": "3"}}, "training.epochs must be of type int, got '3'"),
        ({"training": {"epochs": True}}, "training.epochs must be of type int"),
        ({"training": {"epochs": 0}}, "training.epochs must be at least 1, got 0"),
        ({"training": {"learning_rate": float("nan")}}, "training.learning_rate must be from"),
        ({"training": 3}, r"must be a table \[training\]"),
        ({"model": {"coding": "a_law"}}, "model.coding must be one of linear, mu_law"),
        ({"model": {"architecture": "custom-33/8"}}, "did you mean custom-32/8"),
        ({"data": {"words": ["one", "one"]}}, "two or more different words"),
        ({"data": {"words": "one two"}}, "must be a list of strings"),
        ({"data": {"words": ["é", "e\u0301"]}}, "two or more different words"),
        ({"data": {"words": ["yes", "no"], "unknown": ["x "]}}, "data.unknown: 'x ' cannot be a word"),
        ({"data": {"source": "C:\temp"}}, r"data.source holds U\+0009.*write a path in single quotes"),
        ({"data": {"source": "caf\udce9"}}, r"data.source holds U\+DCE9.*rename it"),
        ({"name": "../up"}, "not usable as a folder name"),
        ({"augment": {"snr_db_low": 30.0, "snr_db_high": 5.0}}, "swap them"),
        ({"training": {"frozen": 2}}, "training.frozen needs training.start_from"),
        ({"training": {"frozen": 9, "start_from": "nano"}}, r"training.frozen must be at most 6, the conv.* of nano"),
    ],
)
def test_mistakes_are_told(tables, message):
    with pytest.raises(UserError, match=message):
        recipe.from_tables(tables)


def test_missing_and_broken_files(tmp_path):
    with pytest.raises(UserError, match="cannot read the recipe"):
        recipe.load(tmp_path / "none.toml")
    (tmp_path / "bad.toml").write_text("name = ")
    with pytest.raises(UserError, match="not valid TOML"):
        recipe.load(tmp_path / "bad.toml")
    (tmp_path / "latin.toml").write_bytes(b'name = "\xe9"')
    with pytest.raises(UserError, match="latin.toml is not text in UTF-8 .byte 8 is 0xe9.; save it as UTF-8"):
        recipe.load(tmp_path / "latin.toml")


def test_a_recipe_extends_another_key_by_key(tmp_path):
    (tmp_path / "deeper").mkdir()
    (tmp_path / "first.toml").write_text("seed = 7\n[training]\nepochs = 5\nbatch_size = 32\n")
    (tmp_path / "deeper/second.toml").write_text('extends = "../first.toml"\n[training]\nepochs = 9\n')
    (tmp_path / "deeper/third.toml").write_text('extends = "second.toml"\nname = "third"\n')
    made = recipe.load(tmp_path / "deeper/third.toml")
    changes = {"name": "third", "seed": 7, "training.epochs": 9, "training.batch_size": 32}
    assert made == recipe.replace(Recipe(), changes)


def test_a_recipe_extends_one_of_our_own_from_any_folder(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('extends = "edgekws/recipes/gsc16-small.toml"\nname = "mine"\n')
    theirs = recipe.load(recipe.find(Path("edgekws/recipes/gsc16-small.toml")))
    assert recipe.load(path) == recipe.replace(theirs, {"name": "mine"})


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("3", "extends must be the path of a recipe, from this file's folder; got 3"),
        ('""', "extends must be the path of a recipe"),
        ('"mine.toml"', "extends: mine.toml extends this recipe in turn"),
        ('"other.toml"', "other.toml: extends: mine.toml extends this recipe in turn"),
        ('"missing.toml"', "missing.toml: cannot read the recipe"),
    ],
)
def test_what_cannot_be_extended_is_told(written, message, tmp_path):
    (tmp_path / "mine.toml").write_text(f"extends = {written}\n")
    (tmp_path / "other.toml").write_text('extends = "mine.toml"\n')
    with pytest.raises(UserError, match=message):
        recipe.load(tmp_path / "mine.toml")


def test_integers_are_taken_for_numbers():
    assert recipe.from_tables({"model": {"dropout": 0}}).model.dropout == 0.0


@pytest.mark.parametrize("name", ["gsc16-nano.toml", "sweeps/report.toml"])
def test_recipes_that_ship_are_found_from_any_folder_and_one_that_lies_there_goes_first(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = Path("edgekws/recipes") / name
    assert recipe.find(path).read_text() == (Path(str(files("edgekws"))) / "recipes" / name).read_text()
    path.parent.mkdir(parents=True)
    path.write_text("mine")
    assert recipe.find(path) == path
    assert recipe.find(Path("edgekws/recipes/none.toml")) == Path("edgekws/recipes/none.toml")


@pytest.mark.parametrize(
    "word",
    [
        "a\nb",
        "a\x0b",
        "a\x1e",
        "a\x85b",
        "a\u2028b",
        "a\u2029b",
        "\udce9",
        "\ufeffa",
        "a\u202eb",
        " a",
        "a\xa0",
        "a ",
        "",
    ],
)
def test_words_that_no_later_step_could_read_back_are_refused(word):
    with pytest.raises(UserError, match="data.words"):
        recipe.from_tables({"data": {"words": [word, "no"]}})


def test_what_opens_a_detector_is_one_of_the_words_and_says_for_how_long():
    changes = {"data.words": ["Computer", "on", "off"], "detector.opened_by": ["Computer"], "detector.open_seconds": 5}
    made = recipe.replace(Recipe(), changes)
    assert made.detector == recipe.Detector(("Computer",), 5.0)
    with pytest.raises(UserError, match=r"detector.opened_by: jarvis is not in data.words"):
        recipe.replace(made, {"detector.opened_by": ["jarvis"]})
    with pytest.raises(UserError, match=r"needs detector.open_seconds, such as 5"):
        recipe.replace(made, {"detector.open_seconds": 0.0})
