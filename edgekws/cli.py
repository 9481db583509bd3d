"""The command line: `edgekws COMMAND`. The only module of edgekws that imports convert, each inside its command."""

from __future__ import annotations

import argparse
import errno
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgekws import __version__
from edgekws.errors import UserError

if TYPE_CHECKING:
    from edgekws.workspace import Run

STEPS = ("train", "quantize", "convert")
EXAMPLES = """examples:
  edgekws run                                   the whole pipeline on spoken-by-eSpeak words, no recordings needed
  edgekws run --data speech_commands            the same words from a Speech Commands folder
  edgekws new my.toml && edgekws run my.toml    a recipe of your own
  edgekws check runs/espeak-nano                prove the int8 model again; exit status 1 if a bound is broken
  edgekws models custom-32/8                    one architecture, layer by layer
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; exit status 0: done, 1: a check failed, 2: a mistake in the call, the recipe or the data."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
    args = _parser().parse_args(argv)
    try:
        return args.command(args)
    except UserError as error:
        print(f"edgekws: error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("edgekws: stopped; the same command goes on from the last finished epoch", file=sys.stderr)
        return 130
    except BrokenPipeError:
        sys.stdout = None  # the reader of our output is gone, and nothing more can be told
        return 0
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS):
            raise
        print(f"edgekws: error: {error.filename or 'output'}: {error.strerror}", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="edgekws",
        description="Keyword spotters for microcontrollers and phones: train, quantize, convert, prove, deploy.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"edgekws {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    def command(name: str, function: Any, help: str, example: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(
            name, help=help, description=help[0].upper() + help[1:] + ".", epilog=f"example:\n  {example}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )  # fmt: skip
        sub.set_defaults(command=function)
        return sub

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
    check.add_argument("run", type=Path, metavar="RUN", help="a run folder, or its name under runs/")
    check.add_argument("--data", metavar="DIR", help="where the recordings are now, if they have moved")
    new = command("new", _new, "write a commented recipe", "edgekws new my.toml --set model.architecture=custom-32/8")
    new.add_argument("file", type=Path, help="the recipe file to write; it must not exist")
    _set_argument(new)
    bundle = command(
        "bundle", _bundle, "write a folder of C that builds as it is", "edgekws bundle runs/NAME --target c99"
    )
    _artifact_arguments(bundle)
    bundle.add_argument("--target", default="c99", help="what the bundle is for (c99)")
    bundle.add_argument(
        "--kernels", default="portable", help="the engine's kernel set: portable (default), dsp, dsp_fast, mve, avx2"
    )
    bundle.add_argument("--mode", default="window", help="window: a result a second; sliding: one every hop (window)")
    bundle.add_argument(
        "--out", type=Path, metavar="DIR", help="the folder (RUN/bundles/TARGET; for a .tflite file NAME-TARGET)"
    )
    profile = command(
        "profile",
        _profile,
        "count instructions, state, stack and flash of every build of the engine",
        "edgekws profile runs/NAME --target cortex-m4",
    )
    _artifact_arguments(profile)
    profile.add_argument("--target", action="append", default=[], help="only this one, e.g. cortex-m4 (repeatable)")
    profile.add_argument("--json", action="store_true", help="machine-readable")
    models = command(
        "models", _models, "list the catalogue, or one architecture layer by layer", "edgekws models vgg-64/8"
    )
    models.add_argument("name", nargs="?", help="show this architecture layer by layer")
    models.add_argument("--json", action="store_true", help="machine-readable")
    return parser


def _recipe_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("recipe", nargs="?", type=Path, metavar="RECIPE", help="a recipe file (.toml) or a run folder; "
                        "without it the embedded default")  # fmt: skip
    parser.add_argument("--data", metavar="SOURCE", help="in place of data.source: a folder of WORD/*.wav, espeak, "
                        "speech_commands_v0.01 or _v0.02")  # fmt: skip
    parser.add_argument("--name", help="in place of the recipe's name: the run's folder is runs/NAME")
    parser.add_argument("--runs", type=Path, default=Path("runs"), metavar="DIR", help="where run folders are (runs)")
    _set_argument(parser)


def _artifact_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", type=Path, metavar="RUN", help="a run folder, a pretrained folder or a .tflite file")
    parser.add_argument("--coding", help="of the int8 input, for a bare .tflite file: linear (default) or mu_law")


def _set_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", dest="changes",
                        help="change one recipe key, e.g. training.epochs=5 (repeatable)")  # fmt: skip


def _open(args: argparse.Namespace) -> Run:
    from edgekws import recipe, workspace

    changes = _changes(args.changes)
    if args.data:
        changes["data.source"] = args.data
    if args.name:
        changes["name"] = args.name
    if args.recipe and args.recipe.is_dir():
        run = workspace.load_run(args.recipe)
        return workspace.open_run(run.folder, recipe.replace(run.recipe, changes))
    chosen = recipe.replace(recipe.load(args.recipe) if args.recipe else recipe.Recipe(), changes)
    return workspace.open_run(args.runs / chosen.name, chosen)


def _changes(assignments: Sequence[str]) -> dict[str, Any]:
    import tomllib

    changes: dict[str, Any] = {}
    for text in assignments:
        key, equals, value = text.partition("=")
        if not equals:
            raise UserError(f"--set expects KEY=VALUE, got '{text}'; for example --set training.epochs=5")
        try:
            changes[key.strip()] = tomllib.loads(f"value = {value}")["value"]
        except tomllib.TOMLDecodeError:
            changes[key.strip()] = value  # a bare word is a string
    return changes


def _run(args: argparse.Namespace) -> int:
    from convert import pipeline

    run = _open(args)
    clips = pipeline.load_corpus(run)
    print(f"{run.folder}: {len(clips.clips)} clips of {len(clips.words)} words from {clips.source}", flush=True)
    for step in STEPS:
        getattr(pipeline, step)(run, clips)
    return _proved(run, clips)


def _step(args: argparse.Namespace) -> int:
    from convert import pipeline

    run = _open(args)
    getattr(pipeline, args.step)(run, pipeline.load_corpus(run))
    print(f"{run.folder}: {args.step} is done")
    return 0


def _check(args: argparse.Namespace) -> int:
    import dataclasses

    from convert import pipeline
    from edgekws import recipe, workspace

    folder = args.run if args.run.exists() or args.run.parent != Path() else Path("runs") / args.run
    run = workspace.load_run(folder)
    if args.data:
        run = dataclasses.replace(run, recipe=recipe.replace(run.recipe, {"data.source": args.data}))
    damaged = workspace.damaged_files(run) if run.manifest.exists() else []
    for name in damaged:
        print(f"manifest: {name} is missing or not the file that was written (SHA-256 differs)")
    status = _proved(run, pipeline.load_corpus(run), keep=bool(damaged))
    return 1 if damaged else status


def _proved(run: Run, clips: Any, *, keep: bool = False) -> int:
    """Climb the ladder, print it, and write the report, unless ``keep`` says to leave the folder as it is."""
    from convert import parity, pipeline

    try:
        ladder = pipeline.check(run, clips, write=not keep)
    except parity.BrokenRungError as error:
        print(error)
        return 1
    print("\n".join(parity.lines(ladder)))
    if not keep:
        print(f"report: {run.folder / 'report.html'}")
    return 0 if ladder.holds else 1


def _new(args: argparse.Namespace) -> int:
    from edgekws import recipe
    from edgekws.files import atomic_write

    if args.file.exists():
        raise UserError(f"{args.file} exists already; choose another name or remove it")
    changes = {"name": args.file.stem} | _changes(args.changes)
    atomic_write(args.file, recipe.to_toml(recipe.replace(recipe.Recipe(), changes), comments=True))
    print(f"{args.file} written; change what you like, then: edgekws run {args.file}")
    return 0


def _bundle(args: argparse.Namespace) -> int:
    from convert import artifact, bundle

    made_from = artifact.load(args.run, args.coding)
    beside = args.run / "bundles" / args.target if args.run.is_dir() else Path(f"{args.run.stem}-{args.target}")
    print(bundle.make(made_from, args.target, args.out or beside, kernels=args.kernels, mode=args.mode))
    return 0


def _profile(args: argparse.Namespace) -> int:
    import json

    from convert import artifact, pipeline, profile
    from edgekws import workspace

    figures = profile.profile(artifact.load(args.run, args.coding), targets=tuple(args.target))
    print(json.dumps(figures, indent=1) if args.json else profile.text(figures))
    if (args.run / "report.json").exists() and (args.run / "corpus.json").exists() and not args.target:
        run = workspace.load_run(args.run)
        pipeline.add_profile(run, pipeline.load_corpus(run), figures)
        print(f"added to {args.run / 'report.html'} and the model card", file=sys.stderr)
    return 0


def _models(args: argparse.Namespace) -> int:
    from edgekws import catalogue, model_tables

    if args.name:
        entry = catalogue.find(args.name)
        print(model_tables.layers_json(entry) if args.json else model_tables.layers_text(entry))
    else:
        entries = list(catalogue.entries().values())
        print(model_tables.catalogue_json(entries) if args.json else model_tables.catalogue_text(entries))
    return 0


if __name__ == "__main__":
    sys.exit(main())
