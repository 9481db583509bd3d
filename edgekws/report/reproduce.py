"""The command that makes a run again: the nearest recipe of edgekws with changes, or the run's own recipe.toml."""

from __future__ import annotations

import contextlib
import shlex
import tomllib
from functools import cache
from importlib.resources import as_file, files
from typing import Any

from edgekws import recipe as recipes
from edgekws import recipe_text, zoo
from edgekws.corpus import sources
from edgekws.recipe import Recipe

FOLDER = "FOLDER"  # stands for where the recordings are


def command(private: Recipe) -> str:
    """``edgekws run RECIPE --data SOURCE --name NAME --set KEY=VALUE ...``, without what is as in the recipe named.

    The embedded default has no RECIPE. SOURCE is FOLDER where the recordings are in a folder. No path of this machine
    is in it: runs that come first are expected as runs/NAME.
    """
    recipe = zoo.public(private)
    base = min(bundled(), key=lambda path: (len(_changes(bundled()[path], recipe)), path))
    parts = ["edgekws", "run", *filter(None, [base])]
    if recipe.data.source != bundled()[base].data.source or _source(recipe.data.source) == FOLDER:
        parts += ["--data", _source(recipe.data.source)]
    if recipe.name != bundled()[base].name:
        parts += ["--name", recipe.name]
    for key, value in _changes(bundled()[base], recipe).items():
        parts += ["--set", f"{key}={_text(value)}"]
    return shlex.join(parts)


def beside_its_recipe(tables: dict[str, Any]) -> str:
    """The command where recipe.toml, given as plain tables, lies at hand: a folder of recordings may be elsewhere."""
    return "edgekws run recipe.toml" + (f" --data {FOLDER}" if _source(tables["data"]["source"]) == FOLDER else "")


def earlier_runs(recipe: dict[str, Any]) -> list[str]:
    """The runs that must be there before this recipe, given as plain tables, can be trained."""
    named = dict.fromkeys(recipe["training"].get(key) for key in ("start_from", "teacher"))
    return [name for name in named if name and name not in zoo.folders()]


@cache
def bundled() -> dict[str, Recipe]:
    """The recipes that come with edgekws by path; the default, which has none, by ""."""
    with as_file(files("edgekws") / "recipes") as folder:
        return {"": Recipe()} | {f"edgekws/recipes/{path.name}": recipes.load(path) for path in folder.glob("*.toml")}


def _source(source: str) -> str:
    return source if source in sources.NAMED else FOLDER


def _changes(base: Recipe, recipe: Recipe) -> dict[str, Any]:
    before = recipes.flat(base)
    own = ("name", "data.source")  # arguments of their own
    return {key: value for key, value in recipes.flat(recipe).items() if value != before[key] and key not in own}


def _text(value: Any) -> str:
    """A value for ``--set``: a string without quotes, but where it would be read as something else."""
    if isinstance(value, str):
        with contextlib.suppress(tomllib.TOMLDecodeError):
            tomllib.loads(f"value = {value}")
            return recipe_text.toml_value(value)
        return value
    return recipe_text.toml_value(value)
