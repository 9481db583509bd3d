"""A recipe: one TOML file with everything that a run depends on, as frozen dataclasses.

``keys`` describes every key; add one there. ``reading`` checks a file against it and ``writing`` makes the file, with a
comment for each key. ``dotted`` changes single keys, and ``toml_text`` reads TOML as people write it.
Used by every room that makes, trains or reports a run.
"""

from edgekws.recipe.dotted import flat, kind, replace, with_changes
from edgekws.recipe.keys import (
    EARLIER,
    EMBEDDED,
    MADE_ROOMS,
    MOST_NATS,
    TEACHERS,
    Augment,
    Data,
    Detector,
    Model,
    Parity,
    Quantization,
    Recipe,
    Training,
)
from edgekws.recipe.reading import find, from_tables, load, over_default, read_tables
from edgekws.recipe.writing import to_tables, to_toml

__all__ = [
    "EARLIER", "EMBEDDED", "MADE_ROOMS", "MOST_NATS", "TEACHERS", "Augment", "Data", "Detector", "Model", "Parity",
    "Quantization", "Recipe", "Training", "find", "flat", "from_tables", "kind", "load", "over_default", "read_tables",
    "replace", "to_tables", "to_toml", "with_changes",
]  # fmt: skip
