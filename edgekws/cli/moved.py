"""Arguments that several commands share: RUN, the places of recordings that moved, and thresholds."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

from edgekws.errors import UserError

if TYPE_CHECKING:
    from edgekws.workspace import Run


RUN = "a run's folder or its name under runs/, the name of a model that ships, or a .tflite file"
CODING = "for a .tflite file without its run: how samples become its int8 input, linear (default) or mu_law"


def add(parser: argparse.ArgumentParser) -> None:
    """Describe ``--data`` and ``--unknown-from``."""
    parser.add_argument("--data", metavar="DIR", help="where the recordings of the words are now, if they have moved")
    parser.add_argument("--unknown-from", action="append", default=[], metavar="DIR", help="where a folder of the "
                        "recipe's data.unknown_from is now, if it has moved: a folder of the same name (may be "
                        "repeated)")  # fmt: skip


def add_thresholds(parser: argparse.ArgumentParser) -> None:
    """Describe ``--threshold`` and ``--false-accepts-per-hour``; only one may be given."""
    either = parser.add_mutually_exclusive_group()
    either.add_argument("--threshold", type=float, metavar="P", help="one threshold for every word, from 0 to 1, in "
                        "place of the model's own")  # fmt: skip
    either.add_argument("--false-accepts-per-hour", type=float, metavar="N", dest="per_hour", help="the thresholds for "
                        "at most N false accepts an hour, as the model was tuned (default: the model's "
                        "own)")  # fmt: skip


def add_opened(parser: argparse.ArgumentParser, *, models: bool = False) -> None:
    """Describe ``--opened-by`` and ``--open-seconds``; ``models``: another model may open this one."""
    if models:
        opener, alone = "a word of the model that opens the others, or another model (such as wake)", ""
    else:
        opener, alone = "a word of the model that opens the others", "; alone: after the program says so"
    parser.add_argument("--opened-by", action="append", default=[], metavar="PHRASE", help=f"{opener}: words count "
                        "only for some seconds after it (may be repeated)")  # fmt: skip
    parser.add_argument("--open-seconds", type=float, metavar="S", help=f"for how long (default: 5){alone}")


def found(run: Run, data: str | None, unknown_from: Sequence[str]) -> Run:
    """The run with the present places of its recordings: ``data`` has the words, and each folder of ``unknown_from``
    replaces the recipe's folder of the same name. Raises UserError if the recipe has no folder of that name."""
    from edgekws import recipe
    from edgekws.corpus import sources
    from edgekws.files import folder_name

    now = {folder_name(folder): folder for folder in unknown_from}
    if len(now) < len(unknown_from):
        raise UserError(
            "--unknown-from: two folders have the same name; expected one folder for each in data.unknown_from"
        )
    names = {folder: folder_name(folder) for folder in run.recipe.data.unknown_from}
    if strange := sorted(now.keys() - names.values()):
        raise UserError(
            f"--unknown-from: data.unknown_from of {run.folder} names no folder called {', '.join(strange)}; "
            f"expected {' or '.join(names.values()) or 'none: leave it out'}"
        )
    changes = {"data.unknown_from": [now.get(name, folder) for folder, name in names.items()]}
    changed = recipe.replace(run.recipe, changes | ({"data.source": data} if data else {}))
    # older runs have relative paths, from the folder that contains runs/
    return dataclasses.replace(run, recipe=sources.anchored(changed, run.folder.absolute().parent.parent))
