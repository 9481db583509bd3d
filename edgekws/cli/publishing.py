"""Commands for models that ship: models (lists them), publish, collect (their recordings), tables."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Callable
from pathlib import Path

from edgekws.cli.terminal import next_step
from edgekws.errors import UserError


def add(command: Callable[..., argparse.ArgumentParser]) -> None:
    """Describe the commands of this module; ``command(name, function, help, examples, about)`` makes a parser."""
    models = command(
        "models",
        _models,
        "list the models that ship and the networks that can be trained",
        """
        edgekws models
        edgekws models small
        edgekws models vgg-64/8 --json
        """,
        "With a name, show that network layer by layer, with its parameters and multiply-accumulates.",
    )
    models.add_argument("name", nargs="?", metavar="NAME", help="a network, or a model that ships")
    models.add_argument("--json", action="store_true", help="print JSON")
    publish = command(
        "publish",
        _publish,
        "copy a finished run to a folder that may be given away",
        """
        edgekws publish runs/mine firmware_assets/pretrained/mine --source "Speech Commands v0.01, official split"
        edgekws publish runs/mine --to-folder mine-hub --source "of ten people, by their leave"
        edgekws publish small --to-folder small-hub
        edgekws publish wake --to-folder wake-hub --recordings firmware_assets/pretrained/wake-recordings.csv
        """,
        """
        The folder gets the model, its labels, recipe, report, card and manifest. Paths of this machine are left out.
        --to-folder lays it out as a repository of the Hugging Face Hub: the card is its README.md, with front matter.
        """,
    )
    publish.add_argument("run", type=Path, metavar="RUN", help="the folder of a run whose check passed")
    publish.add_argument("folder", type=Path, nargs="?", metavar="FOLDER", help="the folder to write or to replace")
    publish.add_argument("--to-folder", type=Path, metavar="DIR", help="the same, as a repository of the Hugging Face "
                         "Hub")  # fmt: skip
    publish.add_argument("--source", metavar="TEXT", help="one line that says what the recordings were; needed where "
                         "the run's report names a path of this machine")  # fmt: skip
    publish.add_argument("--recordings", type=Path, metavar="LIST", help="a CSV table of the recordings, as 'edgekws "
                         "collect' reads it: the card quotes their licences from it")  # fmt: skip
    collect = command(
        "collect",
        _collect,
        "collect the recordings that a model which ships was trained on",
        """
        edgekws collect firmware_assets/pretrained/small-listen-recordings.csv --out behind \\
          --from librispeech=LibriSpeech
        """,
        """
        The list beside a model's card names each recording and where it comes from. Give a folder for each source that
        the list names; the recordings are cut from there. Then the model's recipe can be run again. Exit status 1: some
        recordings were not found.
        """,
    )
    collect.add_argument("list", type=Path, metavar="LIST", help="the CSV table beside the model's card")
    collect.add_argument("--from", action="append", required=True, metavar="NAME=FOLDER", dest="sources", help="the "
                         "folder of a corpus, or of a clone of a repository, that the list calls NAME (may be "
                         "repeated)")  # fmt: skip
    collect.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="the folder to write; it must not exist"
    )
    tables = command(
        "tables",
        _tables,
        "write the table and the charts of published results again",
        """
        edgekws tables firmware_assets/pretrained --add runs/mine
        """,
        "For maintainers: 'publish' puts a model into the folder, and this command puts it into the folder's README.",
    )
    tables.add_argument("folder", type=Path, metavar="FOLDER", help="the folder with results.csv and README.md")
    tables.add_argument("--add", type=Path, nargs="+", default=[], metavar="RUN", help="folders of finished runs, "
                        "published models, or results.csv files of sweeps to add first")  # fmt: skip


def _models(args: argparse.Namespace) -> int:
    from edgekws import zoo
    from edgekws.model import catalogue, tables
    from edgekws.publish import shelf

    if args.name:
        entry = catalogue.find(args.name if args.name in catalogue.entries() else shelf.architecture_of(args.name))
        if args.name in zoo.folders() and not args.json:
            print(f"{args.name} is a model that ships, of architecture {entry.name}; its card: "
                  f"{zoo.folders()[args.name] / 'model_card.md'}")  # fmt: skip
        print(tables.layers_json(entry) if args.json else tables.layers_text(entry))
        next_step.tell(args, f"edgekws run --set model.architecture={entry.name}")
    elif args.json:
        print(tables.catalogue_json(list(catalogue.entries().values())))
    else:
        own_first = sorted(catalogue.entries().values(), key=lambda entry: entry.table != "own")
        print(f"Models that ship (--model NAME)\n\n{shelf.text()}\n")
        print(f"Architectures to train (model.architecture = NAME)\n\n{tables.catalogue_text(own_first)}")
        next_step.tell(args, "'edgekws models NAME' shows one layer by layer; model.architecture=NAME trains it")
    return 0


def _collect(args: argparse.Namespace) -> int:
    from edgekws.corpus import collection

    places = {}
    for source in args.sources:
        name, equals, folder = source.partition("=")
        if not (name and equals and folder):
            raise UserError(f"--from takes NAME=FOLDER, such as librispeech=LibriSpeech, got {source!r}")
        places[name] = Path(folder).expanduser()
    if args.out.exists():
        raise UserError(f"--out: {args.out} exists already; expected a new folder")
    done = collection.collect(collection.read(args.list), places, args.out)
    print(f"{args.out}: {done.files} recordings cut from {done.found}")
    for name, count in sorted(done.missing.items()):
        print(f"not found: {count} recordings of {name}; give its folder by --from")
    next_step.tell(args, "name the folders in it as data.unknown_from of the recipe that the model ships with")
    return 1 if done.missing else 0


def _publish(args: argparse.Namespace) -> int:
    from edgekws import workspace, zoo
    from edgekws.corpus import sources
    from edgekws.corpus.clips import rejects
    from edgekws.publish import pretrained

    if (args.folder is None) == (args.to_folder is None):
        raise UserError("publish writes one folder: give FOLDER, or --to-folder DIR")
    run, hub = workspace.load_run(zoo.place(args.run)), args.to_folder is not None
    place = args.to_folder or args.folder
    print(pretrained.publish(run, place, source=args.source, recordings=args.recordings, hub=hub))
    if hub:
        next_step.tell(args, f"'{shlex.join(['hf', 'upload', 'YOU/MODEL', str(args.to_folder)])}' puts it onto the Hub")
        return 0
    if any(map(rejects, sources.labels_of(run.recipe))):  # the table compares networks of words only
        next_step.tell(args, next_step.call("listen --model", place, "RECORDING"))
    else:
        add = f"{next_step.call('tables', args.folder.parent, '--add')} {args.folder}"
        next_step.tell(args, f"'{add}' puts it into the table")
    return 0


def _tables(args: argparse.Namespace) -> int:
    from edgekws.publish import comparison

    if not args.folder.is_dir():
        raise UserError(f"{args.folder} is not a folder; expected one with published models or results.csv")
    for line in comparison.make(args.folder, args.add):
        print(line)
    print(args.folder / "README.md")
    next_step.tell(args, f"read what changed: git diff {args.folder}")
    return 0
