"""From a recipe to plain tables and to TOML."""

from __future__ import annotations

import dataclasses
from typing import Any

from edgekws.recipe import toml_text
from edgekws.recipe.keys import Recipe


def to_tables(recipe: Recipe) -> dict[str, Any]:
    """The recipe as nested plain tables: the inverse of ``from_tables``."""
    return dataclasses.asdict(recipe)


def to_toml(recipe: Recipe, *, comments: bool = False) -> str:
    """The recipe as TOML with every key; with ``comments``, each key's help text is above it."""
    return "\n".join(_toml_lines(recipe, "", comments)) + "\n"


def _toml_lines(section: Any, heading: str, comments: bool) -> list[str]:
    lines = ["", f"[{heading}]"] if heading else []
    if comments and section.__doc__:
        lines.append(f"# {section.__doc__}")
    nested = []
    for f in dataclasses.fields(section):
        value = getattr(section, f.name)
        if dataclasses.is_dataclass(value):
            nested += _toml_lines(value, f.name, comments)
            continue
        if comments:
            choices = f.metadata["choices"]
            lines.append(f"# {f.metadata['help']}" + (f" ({' | '.join(map(str, choices))})" if choices else ""))
        lines.append(f"{f.name} = {toml_text.literal(value)}")
    return lines + nested
