"""Sweep files: what they say, and one clear line for what is wrong in them."""

from importlib.resources import files
from pathlib import Path

import pytest

from edgekws.errors import UserError
from edgekws.model import catalogue
from edgekws.sweep import grid, results


def load(tmp_path, text, source=None):
    path = tmp_path / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return grid.load(path, source)


def test_a_grid_is_every_combination_and_each_run_has_a_name_of_its_own(tmp_path):
    sweep = load(
        tmp_path,
        '[set]\ntraining.epochs = 3\n[grid]\nmodel.architecture = ["only-conv/4", "nano"]\n'
        "model.batch_norm = [true, false]\nseed = [1, 2, 3]\n",
    )
    assert (sweep.name, sweep.testing, len(sweep.recipes)) == ("mine", True, 12)
    assert sweep.recipes[0].name == "only-conv-4_batch_norm-true_seed-1"
    assert len({recipe.name for recipe in sweep.recipes}) == 12
    assert {recipe.training.epochs for recipe in sweep.recipes} == {3}
    assert [recipe.seed for recipe in sweep.recipes[:3]] == [1, 2, 3]


def test_runs_are_combined_with_the_grid_and_begin_with_the_recipe_named(tmp_path):
    (tmp_path / "base.toml").write_text('seed = 7\n[data]\nwords = ["a", "b"]\n')
    sweep = load(
        tmp_path,
        'name = "s"\nrecipe = "base.toml"\ntesting = false\n[grid]\n"model.dropout" = [0.0, 0.5]\n'
        '[[run]]\nname = "plain"\n[run.augment]\ngain_db = 0\n[[run]]\naugment.gain_db = 9.5\n',
        source="elsewhere",
    )
    assert [recipe.name for recipe in sweep.recipes] == [
        "plain_dropout-0.0", "plain_dropout-0.5", "gain_db-9.5_dropout-0.0", "gain_db-9.5_dropout-0.5"
    ]  # fmt: skip
    assert [recipe.augment.gain_db for recipe in sweep.recipes] == [0.0, 0.0, 9.5, 9.5]
    assert {(recipe.seed, recipe.data.words, recipe.data.source) for recipe in sweep.recipes} == {
        (7, ("a", "b"), "elsewhere")
    }
    assert not sweep.testing


def test_a_run_may_have_lists_of_its_own(tmp_path):
    text = '[grid]\nseed = [1, 2]\n[[run]]\nname = "a"\n[run.grid]\nmodel.dropout = [0.0, 0.5]\n[[run]]\nname = "b"\n'
    assert [recipe.name for recipe in load(tmp_path, text).recipes] == [
        "a_seed-1_dropout-0.0", "a_seed-1_dropout-0.5", "a_seed-2_dropout-0.0", "a_seed-2_dropout-0.5",
        "b_seed-1", "b_seed-2",
    ]  # fmt: skip


def test_the_sweep_that_ships_has_every_accuracy_of_the_report_once():
    path = Path(str(files("edgekws"))) / "recipes" / "sweeps" / "report.toml"
    recipes = grid.load(path, "recordings").recipes
    reported = [(name, cell) for name, entry in catalogue.entries().items() for cell in entry.reported_accuracy]
    assert len(reported) == 236
    assert sorted((recipe.model.architecture, results.variant(recipe)) for recipe in recipes) == sorted(reported)
    assert not any(results.augmented(recipe) for recipe in recipes)


def test_the_sweep_of_the_best_rows_has_the_reports_highest_accuracy_of_each_family():
    path = Path(str(files("edgekws"))) / "recipes" / "sweeps" / "report-best.toml"
    highest: dict[str, float] = {}
    for entry in catalogue.entries().values():
        for accuracy in entry.reported_accuracy.values():
            highest[entry.table] = max(accuracy, highest.get(entry.table, 0.0))
    found = {}
    for made in grid.load(path, "recordings").recipes:
        entry = catalogue.find(made.model.architecture)
        found[entry.table] = entry.reported_accuracy[results.variant(made)]
        assert not results.augmented(made)
    assert {"base", "kernel-5", "channel-32", "channel-128", "custom-64", "custom-128", "vgg-64"} <= set(found)
    assert found == {family: highest[family] for family in found}


def test_lists_as_values_and_no_table_at_all(tmp_path):
    sweep = load(tmp_path, '[grid]\ndata.words = [["a", "b"], ["c", "d"]]\n')
    assert [recipe.data.words for recipe in sweep.recipes] == [("a", "b"), ("c", "d")]
    assert [recipe.name for recipe in load(tmp_path, "").recipes] == ["mine"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[gird]\nseed = [1]", "did you mean 'grid'"),
        ("[grid]\ntraining.epoch = [1]", "did you mean 'training.epochs'"),
        ("[set]\nmodel.architecture = 'nanno'", "did you mean nano"),
        ("[grid]\nseed = 1", "must be a list of values to try, got 1"),
        ("[grid]\nseed = []", "must be a list of values to try"),
        ("[grid]\nseed.x = [1]", "'seed' is not a table"),
        ("[run]\nseed = 1", "expected each run as a table [[run]], not [run]"),
        ("[grid]\nseed = [1]\n[[run]]\nseed = 2", "seed is in two of [grid], [[run]] and [run.grid]"),
        ("[grid]\nseed = [1]\n[[run]]\ngrid.seed = [2]", "seed is in two of [grid], [[run]] and [run.grid]"),
        ("[[run]]\nseed = 3\ngrid.seed = [2]", "seed is in two of [grid], [[run]] and [run.grid]"),
        ("[[run]]\ngrid.seed = 2", "[run.grid] seed must be a list of values to try, got 2"),
        ("[[run]]\ngrid.sed = [2]", "did you mean 'seed'"),
        ("[[run]]\ngrid = 2", "unknown key 'grid'"),
        ("run = [3]", "[[run]] must be a table of recipe keys"),
        ("[[run]]\nname = 'a'\n[[run]]\nname = 'a'", "two runs are called 'a'"),
        ("[[run]]\nname = 'a'\n[[run]]\nname = 'A'", "two runs are called 'a'"),
        ("[grid]\nseed = [1, 1]", "and each value once"),
        ("[grid]\nname = ['a', 'b']", "name cannot be in a grid"),
        ("run = []", "write one or more, or none"),
        ("[[run]]\nname = 'a.log'", "cannot be called 'a.log'"),
        ("[[run]]\nname = 'results.csv'", "cannot be called 'results.csv'"),
        ("[[run]]\nname = '../x'", "not usable as a folder name"),
        ("name = 1", "name must be a string"),
        ("recipe = 'none.toml'", "cannot read the recipe"),
        ("set = 3", "must be a table of recipe keys"),
        ("[set", "not valid TOML"),
    ],
)
def test_mistakes_are_named(tmp_path, text, told):
    with pytest.raises(UserError) as error:
        load(tmp_path, text)
    assert told in str(error.value)
    assert "mine.toml" in str(error.value) or "none.toml" in str(error.value) or "architecture" in str(error.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UserError, match="cannot read the sweep"):
        grid.load(tmp_path / "none.toml")
