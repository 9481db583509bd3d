"""Commands about runs: train, quantize, convert, check, and what a run is made from."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgekws.cli import moved, next_step
from edgekws.errors import UserError, plain
from edgekws.files import only_one

if TYPE_CHECKING:
    from convert.prove.parity import Ladder
    from edgekws.workspace import Run

STEPS = ("train", "quantize", "convert")
_AFTER = dict(zip(STEPS, (*STEPS[1:], "check"), strict=True))


def add(command: Callable[..., argparse.ArgumentParser]) -> None:
    """Describe the commands of this module; ``command(name, function, help, example)`` makes a parser."""
    run = command("run", _run, "train, quantize, convert, check and report", "edgekws run my.toml --data recordings")
    _recipe_arguments(run)
    for name, help, example in (
        ("train", "train the float model", "edgekws train my.toml"),
        ("quantize", "calibrate and train with fake quantization", "edgekws quantize my.toml"),
        (
            "convert",
            "make the int8 .tflite, the better of post-training and quantization-aware",
            "edgekws convert my.toml",
        ),
    ):
        sub = command(name, _step, help, example)
        sub.set_defaults(step=name)
        _recipe_arguments(sub)
    check = command(
        "check", _check, "prove a run's int8 model: files, parity ladder, report", "edgekws check runs/NAME"
    )
    check.add_argument("run", type=Path, metavar="RUN", help="a run's folder or its name under runs/, or the name "
                       "of a model that ships")  # fmt: skip
    moved.add(check)
    check.add_argument(
        "--robustness",
        action="store_true",
        help="also at other levels, in noise kept from training, shifted, and the worst speakers; into the report too",
    )
    new = command("new", _new, "write a commented recipe", "edgekws new my.toml --set model.architecture=custom-32/8")
    new.add_argument("file", type=Path, help="the recipe file to write; it must not exist")
    _set_argument(new)
    models = command(
        "models",
        _models,
        "list the models that ship and the architectures, or show one layer by layer",
        "edgekws models vgg-64/8",
    )
    models.add_argument("name", nargs="?", help="show this architecture, or that of a model that ships, layer by layer")
    models.add_argument("--json", action="store_true", help="machine-readable")


def _recipe_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("recipe", nargs="?", type=Path, metavar="RECIPE", help="a recipe file (.toml) or a run folder; "
                        "without it the embedded default")  # fmt: skip
    parser.add_argument("--data", metavar="SOURCE", help="in place of data.source: a folder of WORD/*.wav, espeak, "
                        "speech_commands_v0.01 or _v0.02")  # fmt: skip
    parser.add_argument("--name", help="in place of the recipe's name: the run's folder is runs/NAME")
    parser.add_argument("--runs", type=Path, default=Path("runs"), metavar="DIR", help="where run folders are (runs)")
    _set_argument(parser)


def _set_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", dest="changes",
                        help="change one recipe key, e.g. training.epochs=5 (repeatable)")  # fmt: skip


def _open(args: argparse.Namespace) -> Run:
    from edgekws.train import opening

    changes = _changes(args.changes)
    if args.data:
        changes["data.source"] = args.data
    if args.name:
        changes["name"] = args.name
    return opening.opened(args.recipe, changes, runs=args.runs)


def _changes(assignments: Sequence[str]) -> dict[str, Any]:
    from edgekws import recipe, recipe_text

    changes: dict[str, Any] = {}
    for text in assignments:
        key, equals, value = text.partition("=")
        if not equals:
            raise UserError(f"--set expects KEY=VALUE, got '{text}'; for example --set training.epochs=5")
        changes[key.strip()] = recipe_text.value(value, recipe.kind(key.strip()))
    return changes


def _run(args: argparse.Namespace) -> int:
    from convert import pipeline
    from edgekws.report import summary

    run = _open(args)
    clips = pipeline.load_corpus(run)
    told = f"{run.folder}: {len(clips.clips)} clips of {len(clips.words)} words from {clips.source}"
    print("\n".join([told, *summary.prepared(vars(clips.preparation))]), flush=True)
    status = _proved(run, lambda: pipeline.complete(run, clips))
    next_step.tell(args, next_step.after_proof(run.folder, holds=not status, tuned=run.detector.exists()))
    return status


def _step(args: argparse.Namespace) -> int:
    from convert import pipeline

    run = _open(args)
    clips = pipeline.load_corpus(run)
    with only_one(run.state("lock"), str(run.folder)):
        getattr(pipeline, args.step)(run, clips)
    print(f"{run.folder}: {args.step} is done")
    next_step.tell(args, next_step.call(_AFTER[args.step], run.folder))
    return 0


def _check(args: argparse.Namespace) -> int:
    from convert import pipeline
    from convert.prove import robustness
    from edgekws import workspace, zoo

    run = workspace.load_run(zoo.place(args.run))
    run = moved.found(run, args.data, args.unknown_from)
    damaged = workspace.damaged_files(run) if run.manifest.exists() else []
    for name in damaged:
        print(f"manifest: {plain(name)} is missing or not the file that was written (SHA-256 differs)")
    if run.manifest.exists() and not run.corpus_file.exists():
        status = _check_shipped(run, damaged, args.robustness)
    else:
        clips = pipeline.load_corpus(run)
        keep = bool(damaged)  # the folder as it is
        status = _proved(run, lambda: pipeline.check(run, clips, write=not keep), keep=keep)
        if args.robustness and not damaged and run.report.exists():
            found = pipeline.measure_robustness(run, clips)
            print("\n".join(robustness.lines(found)))
            pipeline.add_robustness(run, clips, found)
    if damaged:
        next_step.tell(args, f"remove the files that are named; '{next_step.call('run', run.folder)}' makes them again")
        return 1
    next_step.tell(args, next_step.after_proof(run.folder, holds=not status, tuned=run.detector.exists()))
    return status


def _check_shipped(run: Run, damaged: list[str], robustness_too: bool) -> int:
    """A published model: its files, and its robustness where asked; the ladder was climbed before it was published."""
    from convert import pipeline
    from convert.prove import robustness
    from edgekws.corpus import sources

    if damaged:
        return 1
    print(f"{run.folder}: every file is as it was published")
    if robustness_too:
        clips = sources.of_recipe(run.recipe)
        known = run.read_report().get("data", {}).get("fingerprint")
        if clips.fingerprint != known:
            print(f"note: these recordings ({clips.source}) are not quite those it was trained and proved with")
        print("\n".join(robustness.lines(pipeline.measure_robustness(run, clips))))
    return 0


def _proved(run: Run, prove: Callable[[], Ladder], *, keep: bool = False) -> int:
    """Prove the run and print the ladder and, unless the folder is left as it is (``keep``), what its report says."""
    from convert.prove import parity
    from edgekws.report import summary

    try:
        ladder = prove()
    except parity.BrokenRungError as error:
        print(error)
        return 1
    print("\n".join(parity.lines(ladder)))
    if not keep:
        print("\n".join(summary.lines(run.read_report())))
        print(f"report: {run.folder / 'report.html'}")
    return 0 if ladder.holds else 1


def _new(args: argparse.Namespace) -> int:
    from edgekws import recipe
    from edgekws.files import atomic_write
    from edgekws.train import opening

    if args.file.exists():
        raise UserError(f"{args.file} exists already; choose another name or remove it")
    changes = {"name": args.file.stem} | _changes(args.changes)
    atomic_write(args.file, recipe.to_toml(opening.chosen(None, changes), comments=True))
    print(f"{args.file} written")
    next_step.tell(args, f"change what you like in it, then: {next_step.call('run', args.file)}")
    return 0


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
