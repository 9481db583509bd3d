"""Finds the command that makes a run again: the nearest recipe of edgekws with changes, or the run's recipe.toml."""

from __future__ import annotations

import contextlib
import shlex
import tomllib
from functools import cache
from importlib.resources import as_file, files
from typing import Any

from edgekws import recipe as recipes
from edgekws import zoo
from edgekws.corpus import sources
from edgekws.recipe import Data, Recipe, toml_text

FOLDER = "FOLDER"  # stands for the place of the recordings


def command(private: Recipe) -> str:
    """``edgekws run RECIPE --data SOURCE --name NAME --set KEY=VALUE ...``, with only what differs from RECIPE.

    There is no RECIPE for the embedded default. SOURCE is FOLDER if the recordings are in a folder. The command names
    no path of this machine; runs that it needs are expected as runs/NAME.
    """
    recipe = zoo.public(private)
    bases = bundled(recipe.data.source)
    base = min(bases, key=lambda path: (len(_changes(bases[path], recipe)), path))
    parts = ["edgekws", "run", *filter(None, [base])]
    own = bases[base].data.source if base else Data.source
    if recipe.data.source != own or _source(recipe.data.source) == FOLDER:
        parts += ["--data", _source(recipe.data.source)]
    if recipe.name != bases[base].name:
        parts += ["--name", recipe.name]
    for key, value in _changes(bases[base], recipe).items():
        parts += ["--set", f"{key}={_text(value)}"]
    return shlex.join(parts)


def beside_its_recipe(tables: dict[str, Any]) -> str:
    """The command beside a recipe.toml, given as plain tables. A folder of recordings may have another place there."""
    return "edgekws run recipe.toml" + (f" --data {FOLDER}" if _source(tables["data"]["source"]) == FOLDER else "")


def earlier_runs(recipe: dict[str, Any]) -> list[str]:
    """The runs that must exist before this recipe, given as plain tables, can be trained."""
    return [name for name in _taken_up(recipe) if name not in zoo.folders()]


def shipped_models(recipe: dict[str, Any]) -> list[str]:
    """The models that ship from which this recipe, given as plain tables, learns."""
    return [name for name in _taken_up(recipe) if name in zoo.folders()]


def _taken_up(recipe: dict[str, Any]) -> list[str]:
    training = recipe["training"]
    named = dict.fromkeys([*(training.get(key) for key in recipes.EARLIER), *training.get("averaged_with", ())])
    return list(filter(None, named))


@cache
def bundled(source: str) -> dict[str, Recipe]:
    """The recipes that come with edgekws by path. The path of the default for this source of clips is ""."""
    found = {"": recipes.from_tables(recipes.over_default({"data": {"source": source}}))}
    with as_file(files("edgekws") / "recipes") as folder:
        others = [path for path in folder.rglob("*.toml") if path.parent.name != "sweeps"]
        named = {path.relative_to(folder).as_posix(): path for path in others if path.name != recipes.EMBEDDED.name}
        return found | {f"edgekws/recipes/{name}": recipes.load(path) for name, path in named.items()}


def _source(source: str) -> str:
    return source if source in sources.NAMED else FOLDER


def _changes(base: Recipe, recipe: Recipe) -> dict[str, Any]:
    before = recipes.flat(base)
    own = ("name", "data.source")  # these have their own arguments
    return {key: value for key, value in recipes.flat(recipe).items() if value != before[key] and key not in own}


def _text(value: Any) -> str:
    """A value for ``--set``. A string has no quotes, unless it would be read as something else."""
    if isinstance(value, str):
        with contextlib.suppress(tomllib.TOMLDecodeError):
            tomllib.loads(f"value = {value}")
            return toml_text.literal(value)
        return value
    return toml_text.literal(value)
