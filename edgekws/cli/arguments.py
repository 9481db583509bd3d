"""Arguments that several commands share: ``add_…`` describes them, and the other functions read them."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgekws.errors import UserError

if TYPE_CHECKING:
    from edgekws.listen.hearing import Texts
    from edgekws.workspace import Run


RUN = "a run's folder or its name under runs/, the name of a model that ships, or a .tflite file"
TALK = (
    "; included-talk is an hour and a half of learners of English that comes with edgekws; librispeech downloads 5 "
    "hours of people reading (338 MB)"
)
CODING = "for a .tflite file without its run: how samples become its int8 input, linear (default) or mu_law"


def add_model(parser: argparse.ArgumentParser, **options: Any) -> None:
    """Describe the arguments that name a model."""
    parser.add_argument("run", type=Path, metavar="RUN", **options, help=RUN)
    parser.add_argument("--coding", help=CODING)
    parser.add_argument("--level-control", action="store_true", default=None, help="for a .tflite file without its "
                        "run: the model was trained with level control")  # fmt: skip


def add_changes(parser: argparse.ArgumentParser) -> None:
    """Describe ``--set``."""
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", dest="changes", help="change one "
                        "key of the recipe, such as training.epochs=5 (may be repeated)")  # fmt: skip


def add_moved(parser: argparse.ArgumentParser) -> None:
    """Describe ``--data`` and ``--unknown-from``."""
    parser.add_argument("--data", metavar="DIR", help="where the recordings of the words are now, if they have moved")
    parser.add_argument("--unknown-from", action="append", default=[], metavar="DIR", help="where a folder of the "
                        "recipe's data.unknown_from is now, if it has moved: a folder of the same name (may be "
                        "repeated)")  # fmt: skip


def add_thresholds(parser: argparse.ArgumentParser) -> None:
    """Describe ``--threshold`` and ``--false-accepts-per-hour``; only one may be given."""
    either = parser.add_mutually_exclusive_group()
    either.add_argument("--threshold", type=float, metavar="P", help="one threshold for every word, from 0 to 1, in "
                        "place of the model's own; after talk up to --alone more is needed")  # fmt: skip
    either.add_argument("--false-accepts-per-hour", type=float, metavar="N", dest="per_hour", help="the thresholds for "
                        "at most N false accepts an hour, as the model was tuned (default: the model's "
                        "own)")  # fmt: skip
    add_alone(parser)


def add_alone(parser: argparse.ArgumentParser) -> None:
    """Describe ``--alone``."""
    parser.add_argument("--alone", type=float, metavar="P", help="by how much, 0 to 1, a threshold is higher at "
                        "most for a word that follows talk (default: as the model was tuned)")  # fmt: skip


def add_opened(parser: argparse.ArgumentParser, *, models: bool = False) -> None:
    """Describe ``--opened-by`` and ``--open-seconds``; ``models``: another model may open this one."""
    if models:
        opener, alone = "a word of the model that opens the others, or another model (such as wake)", ""
    else:
        opener, alone = "a word of the model that opens the others", "; alone: after the program says so"
    parser.add_argument("--opened-by", action="append", default=[], metavar="PHRASE", help=f"{opener}: words count "
                        "only for some seconds after it (may be repeated)")  # fmt: skip
    parser.add_argument("--open-seconds", type=float, metavar="S", help=f"for how long (default: 5){alone}")


def add_transcripts(parser: argparse.ArgumentParser) -> None:
    """Describe ``--transcripts`` and ``--said``."""
    parser.add_argument("--transcripts", type=Path, metavar="CSV", help="a table of what is said, with the columns "
                        'file, transcript and, where times are known, words ("yes:0.41-0.80 please:0.85-1.20"); '
                        "FOLDER.csv and FOLDER/transcripts.csv are read without being named")  # fmt: skip
    parser.add_argument("--said", default="times", choices=("times", "text", "cut"), help="what counts where a "
                        "transcript has one of the words, or one that sounds like it: hearing it is right at that time "
                        "(times), or anywhere in that recording (text), or that part is cut out (cut) (default: "
                        "times)")  # fmt: skip


def changes_of(assignments: Sequence[str]) -> dict[str, Any]:
    """The recipe's keys with the values from ``--set``."""
    from edgekws import recipe
    from edgekws.recipe import toml_text

    changes: dict[str, Any] = {}
    for text in assignments:
        key, equals, value = text.partition("=")
        if not equals:
            raise UserError(f"--set expects KEY=VALUE, got '{text}'; for example --set training.epochs=5")
        changes[key.strip()] = toml_text.value(value, recipe.kind(key.strip()))
    return changes


def moved(run: Run, data: str | None, unknown_from: Sequence[str]) -> Run:
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


def check_tuning(args: argparse.Namespace) -> None:
    """A UserError for a goal or hours with which nothing can be tuned."""
    if not (0 < args.per_hour < 1e6 and 0.01 <= args.hours <= 1000):
        raise UserError(
            f"--false-accepts-per-hour must be above 0, got {args.per_hour:g}, and --hours from 0.01 to 1000, got "
            f"{args.hours:g}"
        )


def texts_of(args: argparse.Namespace, folders: Sequence[Path], labels: Sequence[str]) -> Texts:
    """The transcripts of the folders, from beside them and from ``--transcripts``, for a model with these classes."""
    from edgekws.corpus import transcripts
    from edgekws.corpus.supplied import talk
    from edgekws.listen.hearing import Texts

    tables = [
        *(transcripts.of_folder(talk.place(folder)) for folder in folders),
        *([transcripts.read(args.transcripts)] if args.transcripts else []),
    ]
    return Texts.of({name: text for table in tables for name, text in table.items()}, labels, args.said)
