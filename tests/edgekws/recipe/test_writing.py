"""TOML that is written: it reads back as it was, and explains every key."""

import tomllib

from hypothesis import given
from hypothesis import strategies as st

from edgekws import recipe
from edgekws.errors import UserError
from edgekws.recipe import Recipe


def test_toml_round_trip(tmp_path):
    changed = recipe.replace(Recipe(), {"model.dropout": 0.5, "data.words": ["ja", "nein", 'ü"x'], "seed": 7})
    for comments in (False, True):
        path = tmp_path / "r.toml"
        path.write_text(recipe.to_toml(changed, comments=comments), encoding="utf-8")
        assert recipe.load(path) == changed


def test_every_key_is_explained():
    text = recipe.to_toml(Recipe(), comments=True)
    keys = [line for line in text.splitlines() if " = " in line and not line.startswith("#")]
    comments = [line for line in text.splitlines() if line.startswith("#")]
    assert len(comments) >= len(keys)


@given(st.lists(st.text(min_size=1, max_size=8), min_size=2, max_size=4))
def test_words_that_are_taken_come_back_from_a_list_of_them_and_from_toml(words):
    try:
        made = recipe.from_tables({"data": {"words": words}})
    except UserError:
        return
    assert "".join(f"{word}\n" for word in made.data.words).splitlines() == list(made.data.words)
    assert recipe.from_tables(tomllib.loads(recipe.to_toml(made))) == made
