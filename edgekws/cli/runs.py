"""Commands for one run: run (all steps), train, quantize, convert, check."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from edgekws.cli import arguments
from edgekws.cli.terminal import next_step
from edgekws.errors import plain
from edgekws.files import only_one

if TYPE_CHECKING:
    from convert.prove.parity import Ladder
    from edgekws.workspace import Run

STEPS = ("train", "quantize", "convert")
_AFTER = dict(zip(STEPS, (*STEPS[1:], "check"), strict=True))


def add(command: Callable[..., argparse.ArgumentParser]) -> None:
    """Describe the commands of this module; ``command(name, function, help, examples, about)`` makes a parser."""
    run = command(
        "run",
        _run,
        "train a model, quantize it to 8 bits, convert it to .tflite, and prove it",
        """
        edgekws run
        edgekws run --data recordings --set data.words=on,off,stop --name mine
        edgekws run my.toml --set training.epochs=40
        edgekws run runs/mine
        """,
        """
        Without a recipe it trains on words that eSpeak NG speaks, which needs no recordings. It ends with a table in
        which each form of the model stands beside the form before it (float, fake quantization, int8 .tflite, XNNPACK),
        and with the run report, report.html in the run's folder. A run that was stopped goes on from its last finished
        epoch when the command is repeated.
        """,
    )
    _recipe_arguments(run)
    for name, help, about in (
        ("train", "train the float model", "The first step of 'edgekws run' alone."),
        (
            "quantize",
            "choose the ranges of all values, and go on training with rounding to 8 bits",
            "The second step of 'edgekws run' alone. It makes two sets of weights: with ranges alone, and trained on.",
        ),
        (
            "convert",
            "make the int8 .tflite file",
            "The third step of 'edgekws run' alone. It converts both sets of weights of 'quantize', and keeps the file "
            "that\nis right more often on the validation split.",
        ),
    ):
        sub = command(name, _step, help, f"edgekws {name} my.toml\nedgekws {name} runs/mine", about)
        sub.set_defaults(step=name)
        _recipe_arguments(sub)
    check = command(
        "check",
        _check,
        "prove again that a run's int8 model does what the float model does",
        """
        edgekws check runs/mine
        edgekws check small --data speech_commands
        edgekws check small --robustness --data speech_commands
        """,
        """
        It compares the SHA-256 of every file, scores the testing split with each form of the model, and compares each
        form with the one before. Exit status 1: a file was changed, or a bound of the recipe is broken. Of a model that
        ships, it compares the files, and with --data it scores these recordings; nothing is written.
        """,
    )
    check.add_argument("run", type=Path, metavar="RUN", help="a run's folder or its name under runs/, or the name of a "
                       "model that ships")  # fmt: skip
    arguments.add_moved(check)
    check.add_argument("--robustness", action="store_true", help="also test other levels, noise that training never "
                       "heard, shifts in time, and each speaker; the figures go into the run report")  # fmt: skip


def _recipe_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("recipe", nargs="?", type=Path, metavar="RECIPE", help="a recipe file (.toml), or the folder "
                        "of a run (default: the recipe inside edgekws)")  # fmt: skip
    parser.add_argument("--data", metavar="SOURCE", help="the recordings, in place of data.source: a folder of "
                        "WORD/*.wav, or espeak, speech_commands_v0.01 or speech_commands_v0.02")  # fmt: skip
    parser.add_argument("--name", help="the run's name, in place of the recipe's; its folder is runs/NAME")
    parser.add_argument("--runs", type=Path, default=Path("runs"), metavar="DIR", help="the folder of the runs' "
                        "folders (default: runs)")  # fmt: skip
    arguments.add_changes(parser)


def _open(args: argparse.Namespace) -> Run:
    from edgekws.train import opening

    changes = arguments.changes_of(args.changes)
    if args.data:
        changes["data.source"] = args.data
    if args.name:
        changes["name"] = args.name
    return opening.opened(args.recipe, changes, runs=args.runs)


def _run(args: argparse.Namespace) -> int:
    from convert import pipeline
    from edgekws.report import summary

    run = _open(args)
    clips = pipeline.load_corpus(run)
    told = f"{run.folder}: {len(clips.clips)} clips of {len(clips.words)} words from {clips.source}"
    print("\n".join([told, *summary.prepared(vars(clips.preparation))]), flush=True)
    status = proved(run, lambda: pipeline.complete(run, clips))
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
    run = arguments.moved(run, args.data, args.unknown_from)
    damaged = workspace.damaged_files(run) if run.manifest.exists() else []
    for name in damaged:
        print(f"manifest: {plain(name)} is missing or not the file that was written (SHA-256 differs)")
    if run.manifest.exists() and not run.corpus_file.exists():
        status = _check_shipped(run, damaged, bool(args.data), args.robustness)
    else:
        keep = bool(damaged)  # leave the folder unchanged
        clips = pipeline.load_corpus(run, write=not keep)
        status = proved(run, lambda: pipeline.check(run, clips, write=not keep), keep=keep)
        if args.robustness and not damaged and run.report.exists():
            found = pipeline.measure_robustness(run, clips)
            print("\n".join(robustness.lines(found)))
            pipeline.add_robustness(run, clips, found)
    if damaged:
        next_step.tell(args, f"remove the files that are named; '{next_step.call('run', run.folder)}' makes them again")
        return 1
    next_step.tell(args, next_step.after_proof(run.folder, holds=not status, tuned=run.detector.exists()))
    return status


def _check_shipped(run: Run, damaged: list[str], ladder_too: bool, robustness_too: bool) -> int:
    """Check a published model's files, with recordings its parity, and if asked its robustness. Nothing is written."""
    from convert import pipeline
    from convert.prove import robustness
    from edgekws import recipe
    from edgekws.corpus import sources
    from edgekws.corpus.supplied import talk

    if damaged:
        return 1
    print(f"{run.folder}: every file is as it was published")
    if not (ladder_too or robustness_too):
        return 0
    changes: dict[str, list[str]] = {} if robustness_too else {"data.held_out_noise": []}  # the ladder needs none
    folders = run.recipe.data.unknown_from
    if missing := [folder for folder in folders if not (talk.named(folder) or Path(folder).expanduser().is_dir())]:
        print(f"note: without its recordings of no word, {', '.join(missing)} (--unknown-from says where they are)")
        changes["data.unknown_from"] = []
    clips = sources.of_recipe(recipe.replace(run.recipe, changes))
    known = run.read_report().get("data", {}).get("fingerprint")
    if clips.fingerprint != known:
        print(f"note: these recordings ({clips.source}) are not quite those it was trained and proved with")
    status = proved(run, lambda: pipeline.check(run, clips, write=False), keep=True) if ladder_too else 0
    if robustness_too:
        print("\n".join(robustness.lines(pipeline.measure_robustness(run, clips))))
    return status


def proved(run: Run, prove: Callable[[], Ladder], *, keep: bool = False) -> int:
    """Prove the run and print the parity ladder. Unless ``keep`` leaves the folder unchanged, print the report too."""
    from convert.prove import parity
    from edgekws.report import summary

    try:
        ladder = prove()
    except parity.BrokenRungError as error:
        print(error)
        return 1
    print("\n".join(parity.lines(ladder)))
    if keep and ladder.words:
        print(f"words heard right by int8, testing: {ladder.words}")
    if not keep:
        print("\n".join(summary.lines(run.read_report())))
        print(f"report: {run.folder / 'report.html'}")
    return 0 if ladder.holds else 1
