"""Keys as the command line and sweeps write them, such as ``training.epochs``: their types, values and changes."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, get_origin, get_type_hints

from edgekws.errors import UserError
from edgekws.recipe.keys import Recipe
from edgekws.recipe.reading import from_tables
from edgekws.recipe.writing import to_tables


def kind(dotted: str) -> Any:
    """The type of a key, with ``tuple`` for a list of strings; None if there is no such key."""
    cls: Any = Recipe
    for part in dotted.split("."):
        cls = get_type_hints(cls).get(part) if dataclasses.is_dataclass(cls) else None
    return get_origin(cls) or cls


def flat(recipe: Recipe) -> dict[str, Any]:
    """Every value by its dotted key, as ``replace`` accepts them: ``{"training.epochs": 3, ...}``."""
    found: dict[str, Any] = {}
    for key, value in to_tables(recipe).items():
        found |= {f"{key}.{k}": v for k, v in value.items()} if isinstance(value, dict) else {key: value}
    return found


def with_changes(tables: Mapping[str, Any], changes: Mapping[str, Any], origin: str = "command line") -> dict[str, Any]:
    """A copy of nested tables with dotted keys changed, such as ``{"training.epochs": 3}``."""
    made = {key: dict(value) if isinstance(value, Mapping) else value for key, value in tables.items()}
    for dotted, value in changes.items():
        *section, key = dotted.split(".")
        table = made
        for part in section:
            known = kind(part)
            table = table.setdefault(part, {})
            if not isinstance(table, dict) or (known and not dataclasses.is_dataclass(known)):
                raise UserError(f"{origin}: '{dotted}' is no key of a recipe: '{part}' is not a table")
        table[key] = value
    return made


def replace(recipe: Recipe, changes: Mapping[str, Any], origin: str = "command line") -> Recipe:
    """A copy with dotted keys changed, such as ``{"training.epochs": 3}``, checked like a file."""
    return from_tables(with_changes(to_tables(recipe), changes, origin), origin)
