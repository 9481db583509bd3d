"""Opens the run of a recipe with changes, for ``edgekws run`` and ``edgekws.run``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgekws import recipe as recipes
from edgekws import workspace, zoo
from edgekws.corpus import sources
from edgekws.recipe import Recipe
from edgekws.train import earlier
from edgekws.workspace import Run


def chosen(path: Path | None, changes: Mapping[str, Any], origin: str = "command line") -> Recipe:
    """The recipe in a TOML file, or without ``path`` the embedded default, with these changes ({"training.epochs": 3}).

    Missing keys that an earlier run decides are taken from it. ``origin`` names the source of the changes in messages.
    """
    tables = recipes.read_tables(recipes.find(path)) if path else {}
    origin = str(path) if path and not changes else origin
    tables = recipes.with_changes(tables, changes, origin)
    filled = earlier.completed(tables, path.parent if path else Path())
    return recipes.from_tables(filled if path else recipes.over_default(filled), origin)


def opened(
    path: Path | None,
    changes: Mapping[str, Any],
    *,
    runs: Path = zoo.RUNS,
    folder: Path | None = None,
    origin: str = "command line",
) -> Run:
    """The run of a recipe file or of a run's folder; without ``path``, of the embedded default.

    Its folder is ``folder``, or else the recipe's name in ``runs``. The recipe's paths become absolute. Raises
    UserError for a mistake in the recipe, and if the folder belongs to another recipe.
    """
    if path and not path.is_file() and path.suffix != ".toml":
        there = zoo.place(path, runs=runs)
        return workspace.open_run(there, sources.anchored(chosen(there / "recipe.toml", changes, origin), Path()))
    recipe = sources.anchored(chosen(path, changes, origin), path.parent if path else Path())
    return workspace.open_run(folder or runs / recipe.name, recipe)
