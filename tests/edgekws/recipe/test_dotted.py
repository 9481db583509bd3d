"""Keys with dots: their types, the values of a recipe by them, and changes."""

import pytest

from edgekws import recipe
from edgekws.errors import UserError
from edgekws.recipe import Recipe


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        ("seed", int),
        ("data.words", tuple),
        ("model.batch_norm", bool),
        ("training", recipe.Training),
        ("training.none", None),
        ("seed.epochs", None),
    ],
)
def test_a_key_has_the_type_of_its_value(key, kind):
    assert recipe.kind(key) is kind


def test_all_values_by_their_keys_make_the_same_recipe():
    made = recipe.replace(Recipe(), {"training.epochs": 3, "seed": 7, "data.words": ["ja", "nein"]})
    values = recipe.flat(made)
    assert (values["training.epochs"], values["seed"], values["data.words"]) == (3, 7, ("ja", "nein"))
    assert recipe.replace(Recipe(), values) == made


def test_a_change_leaves_the_tables_as_they_were():
    tables = {"training": {"epochs": 3}}
    assert recipe.with_changes(tables, {"training.epochs": 5, "seed": 2}) == {"training": {"epochs": 5}, "seed": 2}
    assert tables == {"training": {"epochs": 3}}


def test_a_key_under_what_is_no_table_is_refused():
    with pytest.raises(UserError, match=r"command line: 'seed.first' is no key of a recipe: 'seed' is not a table"):
        recipe.with_changes({}, {"seed.first": 2})
