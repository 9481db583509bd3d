"""From TOML to a recipe: where its file is, the types and limits of its values, and what they must be together."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

from edgekws import text, words
from edgekws.errors import UserError, nearest
from edgekws.model import catalogue
from edgekws.recipe import toml_text
from edgekws.recipe.keys import EMBEDDED, Data, Model, Recipe

EXTENDS = "extends"
_OF_WEIGHTS = ("architecture", "batch_norm", "coding")  # keys of [model] that weights to start from must share


def find(path: Path) -> Path:
    """The path itself if it exists; else the same path among edgekws's own recipes and sweeps (edgekws/recipes/...)."""
    own = Path(str(files("edgekws"))).parent / path
    return own if path.parts[:2] == ("edgekws", "recipes") and not path.exists() and own.exists() else path


def load(path: Path) -> Recipe:
    """The recipe in a TOML file. A UserError for a missing file, bad TOML, an unknown key or a wrong value."""
    return from_tables(read_tables(path), str(path))


def read_tables(path: Path) -> dict[str, Any]:
    """The tables of a recipe's file, without defaults, over those of the recipe that its ``extends`` names.

    A UserError if a file is missing or not TOML, or if it extends itself.
    """
    return _read_over(path, ())


def _read_over(path: Path, inner: tuple[Path, ...]) -> dict[str, Any]:
    """The tables of ``path``, which the files ``inner`` extend, each the next."""
    tables = toml_text.read(path, "recipe", "; 'edgekws new' writes one")
    if EXTENDS not in tables:
        return tables
    other = tables.pop(EXTENDS)
    if not isinstance(other, str) or not other:
        raise UserError(f"{path}: {EXTENDS} must be the path of a recipe, from this file's folder; got {other!r}")
    below, chain = _beside(path, other), (*inner, path.resolve())
    if below.resolve() in chain:
        raise UserError(f"{path}: {EXTENDS}: {other} extends this recipe in turn; leave it out in one of them")
    return _laid_over(_read_over(below, chain), tables)


def _beside(path: Path, other: str) -> Path:
    """The recipe that a recipe's file names: beside it, or one of edgekws's own."""
    beside = path.parent / other
    return beside if beside.exists() else find(Path(other))


def _laid_over(below: Mapping[str, Any], tables: Mapping[str, Any]) -> dict[str, Any]:
    """Tables over others, key by key."""
    made = dict(below)
    for key, value in tables.items():
        under = made.get(key)
        made[key] = {**under, **value} if isinstance(value, Mapping) and isinstance(under, Mapping) else value
    return made


def over_default(tables: Mapping[str, Any]) -> dict[str, Any]:
    """These tables, over those of ``EMBEDDED`` where eSpeak speaks the words.

    Its ``training.start_from`` is left out if the tables ask for another network than that of its weights, and
    ``frozen`` with it; that also if they ask for no start.
    """
    data, model = tables.get("data", {}), tables.get("model", {})
    if isinstance(data, Mapping) and data.get("source", Data.source) != Data.source:
        return dict(tables)
    made = read_tables(find(EMBEDDED))
    own = {key: made["model"].get(key, getattr(Model, key)) for key in _OF_WEIGHTS}
    if isinstance(model, Mapping) and any(model.get(key, mine) != mine for key, mine in own.items()):
        del made["training"]["start_from"]
    asked = tables.get("training", {})
    start = made["training"].get("start_from", "")
    if not (asked.get("start_from", start) if isinstance(asked, Mapping) else start):
        del made["training"]["frozen"]  # there is nothing to keep
    return _laid_over(made, tables)


def from_tables(tables: Mapping[str, Any], origin: str = "recipe") -> Recipe:
    """The recipe that these nested tables describe, checked, with defaults for missing keys.

    Words come in Unicode's normal form. Raises UserError, which begins with ``origin``, for an unknown key or a wrong
    value.
    """
    recipe = _normal(_build(Recipe, tables, origin, ""))
    _check_together(recipe, origin)
    return recipe


def _normal(recipe: Recipe) -> Recipe:
    """The recipe with its words in Unicode's normal form, as folders and labels have them."""
    spoken, unknown, opened_by = (
        tuple(map(text.normal, found)) for found in (recipe.data.words, recipe.data.unknown, recipe.detector.opened_by)
    )
    return dataclasses.replace(
        recipe,
        data=dataclasses.replace(recipe.data, words=spoken, unknown=unknown),
        detector=dataclasses.replace(recipe.detector, opened_by=opened_by),
    )


def _check_together(recipe: Recipe, origin: str) -> None:
    """Raise UserError for values that are right one by one, but not with one another."""
    data, detector = recipe.data, recipe.detector
    if recipe.augment.snr_db_low > recipe.augment.snr_db_high:
        raise UserError(f"{origin}: augment.snr_db_low is above augment.snr_db_high; swap them")
    words.check_all(data.words, f"{origin}: data.words", least=1 if data.rejects else 2)
    if strange := sorted(set(detector.opened_by) - set(data.words)):
        raise UserError(f"{origin}: detector.opened_by: {', '.join(strange)} is not in data.words; add it there")
    if detector.opened_by and not detector.open_seconds:
        raise UserError(f"{origin}: detector.opened_by needs detector.open_seconds, such as 5")
    if detector.alone and not data.rejects:
        raise UserError(
            f"{origin}: detector.alone needs a class of no word; add some, such as data.unknown_spoken = 500"
        )
    for word in data.unknown:
        words.check(word, f"{origin}: data.unknown")
    if both := sorted(set(data.unknown) & set(data.words)):
        raise UserError(f"{origin}: data.unknown and data.words both hold {', '.join(both)}; leave it in one of them")
    if not recipe.name or recipe.name.startswith(".") or any(c in recipe.name for c in '/\\:*?"<>|\0'):
        raise UserError(f"{origin}: name '{recipe.name}' is not usable as a folder name; use letters, digits, - and _")
    convolutions = catalogue.find(recipe.model.architecture).architecture.convolutions
    if recipe.training.frozen and not recipe.training.start_from:
        raise UserError(f"{origin}: training.frozen needs training.start_from, whose weights are kept")
    if recipe.training.frozen > len(convolutions):
        raise UserError(
            f"{origin}: training.frozen must be at most {len(convolutions)}, the convolutions of "
            f"{recipe.model.architecture}; got {recipe.training.frozen}"
        )


def _build(cls: type, table: Mapping[str, Any], origin: str, prefix: str) -> Any:
    hints = get_type_hints(cls)
    fields = {f.name: f for f in dataclasses.fields(cls)}
    values = {}
    for key, value in table.items():
        if key not in fields:
            hint = nearest(key, fields, f"valid here: {', '.join(fields)}", shown=f"'{prefix}{{}}'")
            raise UserError(f"{origin}: unknown key '{prefix}{key}'; {hint}")
        if dataclasses.is_dataclass(hints[key]):
            if not isinstance(value, Mapping):
                raise UserError(f"{origin}: '{prefix}{key}' must be a table [{prefix}{key}], got {value!r}")
            values[key] = _build(hints[key], value, origin, f"{prefix}{key}.")
        else:
            values[key] = _value(hints[key], value, fields[key].metadata, f"{origin}: {prefix}{key}")
    return cls(**values)


def _value(hint: Any, value: Any, meta: Mapping[str, Any], where: str) -> Any:
    if get_origin(hint) is tuple:
        if not isinstance(value, list | tuple) or not all(isinstance(v, get_args(hint)[0]) for v in value):
            raise UserError(f"{where} must be a list of strings, got {value!r}")
        for item in value:
            _check_text(item, where)
        return tuple(value)
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if not isinstance(value, hint) or (hint is int and isinstance(value, bool)):
        raise UserError(f"{where} must be of type {hint.__name__}, got {value!r}")
    if isinstance(value, str):
        _check_text(value, where)
    if meta["choices"] and value not in meta["choices"]:
        raise UserError(f"{where} must be one of {', '.join(map(str, meta['choices']))}; got {value!r}")
    low, high = meta["low"], meta["high"]
    if (low is not None and not value >= low) or (high is not None and not value <= high):
        bound = f"at least {low}" if high is None else f"from {low} to {high}"
        raise UserError(f"{where} must be {bound}, got {value!r}")
    return value


def _check_text(value: str, where: str) -> None:
    if code := text.unprintable(value):
        raise UserError(f"{where} holds {code}, which cannot be kept, got {value!r}{toml_text.control_hint(value)}")
