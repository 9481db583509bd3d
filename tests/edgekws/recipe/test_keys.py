"""Every key of a recipe: its help, its default and its limits."""

import dataclasses

import pytest

from edgekws import recipe
from edgekws.errors import UserError
from edgekws.recipe import Recipe

KEYS = {
    f"{table.name}.{key.name}": key.metadata
    for table in dataclasses.fields(Recipe)
    if not table.metadata
    for key in dataclasses.fields(table.default_factory)
}
LIMITED = [key for key, meta in KEYS.items() if meta["low"] is not None]


def test_the_defaults_are_a_recipe_and_every_key_has_help():
    assert set(KEYS) | {"name", "seed"} == set(recipe.flat(Recipe()))
    assert recipe.from_tables(recipe.to_tables(Recipe())) == Recipe()
    assert all(len(meta["help"]) > 10 for meta in KEYS.values())


@pytest.mark.parametrize("key", LIMITED)
def test_a_limit_is_taken_and_what_is_beyond_it_is_refused(key):
    low, high = KEYS[key]["low"], KEYS[key]["high"]
    beside = {
        "augment.snr_db_low": {"augment.snr_db_high": 60},
        "augment.snr_db_high": {"augment.snr_db_low": -20},
        "detector.alone": {"data.unknown_spoken": 500},
    }
    for limit, beyond in [(low, low - 1), *([(high, high + 1)] if high is not None else [])]:
        assert recipe.flat(recipe.replace(Recipe(), beside.get(key, {}) | {key: limit}))[key] == limit
        with pytest.raises(UserError, match=f"{key} must be"):
            recipe.replace(Recipe(), {key: beyond})


@pytest.mark.parametrize("key", ["teacher", "weight_decay", "patience", "label_smoothing"])
def test_what_quantization_aware_training_does_not_use_is_said(key):
    assert KEYS[f"training.{key}"]["help"].endswith("not in quantization-aware training")
