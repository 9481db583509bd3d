"""Reads a sweep file and makes the recipe of each of its runs.

name = "tables"              # run folders go to runs/NAME/ (the file's name)
recipe = "good.toml"         # what all runs begin with, beside this file (every key as it is by default)
testing = true               # false: as a search must, stop before the testing split is read

[set]                        # changes for every run
training.epochs = 40
[grid]                       # every combination of these lists
model.architecture = ["only-conv/4", "custom-32/8"]
seed = [1, 2, 3]
[[run]]                      # each combined with the grid; without any, the grid alone
name = "plain"
augment.gain_db = 0.0
[run.grid]                   # lists for this run alone
model.dropout = [0.25, 0.5]
"""

from __future__ import annotations

import hashlib
import itertools
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgekws import recipe as recipes
from edgekws.corpus import sources
from edgekws.errors import UserError, nearest
from edgekws.recipe import Recipe, toml_text
from edgekws.train import earlier

KEYS = ("name", "recipe", "testing", "set", "grid", "run")
RESERVED = ("results.csv", "results.html")


@dataclass(frozen=True)
class Sweep:
    """Recipes with different names, and whether their runs may read the testing split."""

    name: str
    testing: bool
    recipes: tuple[Recipe, ...]


def load(path: Path, source: str | None = None) -> Sweep:
    """The sweep in a TOML file. ``source`` replaces data.source. A UserError says what is wrong."""
    tables = toml_text.read(path, "sweep")
    for key in tables:
        if key not in KEYS:
            hint = nearest(key, KEYS, f"valid here: {', '.join(KEYS)}", shown="'{}'")
            raise UserError(f"{path}: unknown key '{key}'; {hint} (a recipe's keys: in [set], [grid], [[run]])")
    name, testing = tables.get("name", path.stem), tables.get("testing", True)
    if not isinstance(name, str) or not isinstance(testing, bool):
        raise UserError(f"{path}: name must be a string, testing true or false; got {name!r} and {testing!r}")
    base = recipes.read_tables(path.parent / str(tables["recipe"])) if "recipe" in tables else {}
    base = recipes.with_changes(base, {"name": name} | ({"data.source": source} if source else {}), str(path))
    recipes.from_tables(base, str(path))
    fixed = _flat(tables.get("set", {}), f"{path}: [set]")
    everywhere = _grid(tables.get("grid", {}), f"{path}: [grid]")
    singles = tables.get("run", [{}])
    if not isinstance(singles, list) or not singles:
        raise UserError(
            f"{path}: expected each run as a table [[run]], not [run] or an empty list; write one or more, or none"
        )
    made = []
    for single in singles:
        changes = _flat(single, f"{path}: [[run]]")
        own = {key: changes.pop(key) for key in list(changes) if key.startswith("grid.")}
        own = _grid({key.removeprefix("grid."): values for key, values in own.items()}, f"{path}: [run.grid]")
        if twice := set(changes) & set(own) | (set(changes) | set(own)) & set(everywhere):
            raise UserError(
                f"{path}: {', '.join(sorted(twice))} is in two of [grid], [[run]] and [run.grid]; keep it in one"
            )
        grid = everywhere | own
        if "name" in grid:
            raise UserError(f"{path}: name cannot be in a grid, which names its runs itself; leave it out")
        called = changes.pop("name", None)
        for values in itertools.product(*grid.values()):
            drawn = dict(zip(grid, values, strict=True))
            named = [str(called)] if called is not None else [_part(*pair) for pair in changes.items()]
            parts = [*named, *(_part(*pair) for pair in drawn.items())]
            full = fixed | changes | drawn | {"name": "_".join(parts) or name}
            chosen = earlier.completed(recipes.with_changes(base, full, str(path)), path.parent)
            made.append(sources.anchored(recipes.from_tables(chosen, str(path)), path.parent))
    _check_names(path, [recipe.name for recipe in made])
    return Sweep(name, testing, tuple(made))


def _grid(tables: Any, where: str) -> dict[str, list[Any]]:
    grid = _flat(tables, where)
    for key, values in grid.items():
        if not isinstance(values, list) or not values:
            raise UserError(f"{where} {key} must be a list of values to try, got {values!r}")
    return grid


def _flat(tables: Any, where: str, prefix: str = "") -> dict[str, Any]:
    """Nested tables with dotted keys: {"training": {"epochs": 3}} → {"training.epochs": 3}."""
    if not isinstance(tables, Mapping):
        raise UserError(f"{where} must be a table of recipe keys, got {tables!r}")
    flat: dict[str, Any] = {}
    for key, value in tables.items():
        flat |= _flat(value, where, f"{prefix}{key}.") if isinstance(value, Mapping) else {prefix + key: value}
    return flat


def _part(key: str, value: Any) -> str:
    """The part of a run's name for one key: an architecture alone, else the key's last word with its value."""
    text = value if isinstance(value, str) else json.dumps(value)
    if isinstance(value, list):
        text = hashlib.sha256(text.encode()).hexdigest()[:8]
    last = key.rpartition(".")[2]
    return re.sub(r"[^\w.+-]+", "-", text if last == "architecture" else f"{last}-{text}")


def _check_names(path: Path, names: list[str]) -> None:
    folded = [name.casefold() for name in names]  # some file systems ignore case
    for name in names:
        if folded.count(name.casefold()) > 1:
            raise UserError(
                f"{path}: two runs are called '{name}'; give each [[run]] a name of its own, and each value once"
            )
        if name in RESERVED or name.endswith(".log"):
            raise UserError(f"{path}: a run cannot be called '{name}'; choose another name")
