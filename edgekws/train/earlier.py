"""Handles the earlier runs that a recipe names: checks that they fit, and takes keys of the recipe from them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgekws import recipe as recipes
from edgekws import workspace, zoo
from edgekws.corpus.sources import labels_of
from edgekws.errors import UserError
from edgekws.recipe import Recipe
from edgekws.workspace import Run

_HEARD = ("coding", "level_control", "window_seconds")
# keys of [model] to take
_SAME = ("architecture", "batch_norm", *_HEARD)
_SHARED = {"start_from": _SAME, "averaged_with": _SAME} | dict.fromkeys(recipes.TEACHERS, _HEARD)
# weights can learn another level; with another window only the convolutions' are used. A teacher cannot change.
_MAY_DIFFER = {"start_from": ("level_control", "window_seconds")}


def completed(tables: Mapping[str, Any], beside: Path) -> Mapping[str, Any]:
    """A recipe's tables, with missing keys of [model] taken from an earlier run that must share them.

    The run is looked for in the working directory, then in ``beside``. If it is not there, nothing is added.
    """
    training, model = (tables.get(key, {}) for key in ("training", "model"))
    if not isinstance(training, Mapping) or not isinstance(model, Mapping):
        return tables
    filled: dict[str, Any] = {}
    for key, shared in _SHARED.items():
        if other := _recipe_of(training.get(key), beside):
            filled = {name: getattr(other.model, name) for name in shared if name not in model} | filled
    return recipes.with_changes(tables, {f"model.{name}": value for name, value in filled.items()})


def find(recipe: Recipe, key: str) -> Run | None:
    """The run that ``training.KEY`` names, or None. A UserError if it is not trained or does not fit this recipe."""
    named = getattr(recipe.training, key)
    return _checked(recipe, key, named) if named else None


def all_of(recipe: Recipe) -> list[Run]:
    """All runs that a recipe names, checked as by ``find``."""
    return [*filter(None, (find(recipe, key) for key in recipes.EARLIER)), *averaged(recipe)]


def averaged(recipe: Recipe) -> list[Run]:
    """The runs of ``training.averaged_with``, checked as by ``find``."""
    return [_checked(recipe, "averaged_with", named) for named in recipe.training.averaged_with]


def _checked(recipe: Recipe, key: str, named: str) -> Run:
    try:
        other = workspace.load_run(zoo.place(named))
    except UserError as error:
        raise UserError(f"training.{key}: {error}") from None
    if not other.float_model.exists():
        raise UserError(f"training.{key}: {other.folder} has no {other.float_model.name}; 'edgekws train' makes it")
    for name in _SHARED[key]:
        ours, theirs = (getattr(one.model, name) for one in (recipe, other.recipe))
        if ours != theirs and name not in _MAY_DIFFER.get(key, ()):
            raise UserError(
                f"training.{key}: {other.folder} has model.{name} = {theirs}, this recipe {ours}; leave model.{name} "
                f"out, and it is taken from there, or leave training.{key} out"
            )
    if key == "averaged_with" and labels_of(other.recipe) != labels_of(recipe):
        raise UserError(f"training.averaged_with: {other.folder} knows other words; expected the same ones")
    return other


def _recipe_of(named: Any, beside: Path) -> Recipe | None:
    if not isinstance(named, str) or not named:
        return None
    for place in (named, beside / named):
        try:
            return workspace.load_run(zoo.place(place)).recipe
        except UserError:
            continue
    return None
