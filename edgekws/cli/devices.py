"""Commands about what goes onto a device: bundles, and what a model costs there."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from edgekws.cli import moved, next_step
from edgekws.errors import UserError, plain


def add(command: Callable[..., argparse.ArgumentParser]) -> None:
    """Describe the commands of this module; ``command(name, function, help, example)`` makes a parser."""
    bundle = command(
        "bundle", _bundle, "write what a board or phone builds from", "edgekws bundle runs/NAME --target arduino"
    )
    artifact_arguments(bundle, nargs="?")
    bundle.add_argument(
        "--target", action="append", default=[], metavar="T", help="what it is for (repeatable; all: every one; c99)"
    )
    bundle.add_argument("--list", action="store_true", help="list the targets, what each runs on, and what checked it")
    bundle.add_argument("--kernels", help="the engine's kernel set: portable, dsp, dsp_fast, mve, avx2 (the target's)")
    bundle.add_argument(
        "--false-accepts-per-hour", type=float, metavar="N", dest="per_hour",
        help="the Listen example with the thresholds that the model was tuned to for this many at most (the model's)",
    )  # fmt: skip
    bundle.add_argument(
        "--mode", help="window: a result a second; sliding: one every hop, as thresholds are tuned for (sliding for a "
        "tuned model, else window)",
    )  # fmt: skip
    bundle.add_argument(
        "--out", type=Path, metavar="DIR", help="the folder (RUN/bundles/TARGET; for a .tflite file NAME-TARGET); "
        "with several targets, the folder of their folders",
    )  # fmt: skip
    bundle.add_argument(
        "--force", action="store_true", help="where a bundle stands that was changed: set it aside, beside the new one"
    )
    verify = command(
        "verify", _verify, "compare a bundle with its manifest and its model", "edgekws verify runs/NAME/bundles/c99"
    )
    verify.add_argument("bundle", type=Path, metavar="BUNDLE", help="a bundle's folder or zip file")
    flash = command(
        "flash", _flash, "program a connected board with a bundle's image", "edgekws flash runs/NAME/bundles/microbit"
    )
    flash.add_argument("bundle", type=Path, metavar="BUNDLE", help="a folder of a board's target")
    flash.add_argument("--board", metavar="CHIP", help="the programmer's name of the chip (esp…: esptool)")
    flash.add_argument("--image", type=Path, metavar="FILE", help="another image, such as a framework built")
    flash.add_argument("--dry-run", action="store_true", help="show the command, run nothing")
    profile = command(
        "profile",
        _profile,
        "count instructions, state, stack and flash of every build of the engine",
        "edgekws profile runs/NAME --target cortex-m4",
    )
    artifact_arguments(profile)
    profile.add_argument("--target", action="append", default=[], help="only this one, e.g. cortex-m4 (repeatable)")
    profile.add_argument("--json", action="store_true", help="machine-readable")


def artifact_arguments(parser: argparse.ArgumentParser, **options: Any) -> None:
    """The model that a command works on."""
    parser.add_argument("run", type=Path, metavar="RUN", **options, help=moved.RUN)
    parser.add_argument("--coding", help="of the int8 input, for a bare .tflite file: linear (default) or mu_law")
    parser.add_argument(
        "--level-control", action="store_true", default=None, help="for a bare .tflite file trained with it"
    )


def _bundle(args: argparse.Namespace) -> int:
    from convert import targets
    from convert.targets import bundle
    from convert.tflite import artifact
    from edgekws import zoo

    if args.list:
        print(targets.listing())
        next_step.tell(args, "edgekws bundle RUN --target T")
        return 0
    if not args.run:
        raise UserError("which run? give a run folder, a pretrained folder or a .tflite file")
    names = list(targets.targets()) if "all" in args.target else list(dict.fromkeys(args.target)) or ["c99"]
    chosen = [targets.find(name) for name in names]
    if args.per_hour is not None and args.mode not in (None, "sliding"):
        raise UserError("--false-accepts-per-hour needs --mode sliding: thresholds are tuned for a result every hop")
    run = zoo.place(args.run)
    model = artifact.load(run, args.coding, args.level_control).at(args.per_hour)
    own = run.is_dir() and (args.run.exists() or run not in zoo.folders().values())  # not where edgekws is installed
    failed = 0
    for name, target in zip(names, chosen, strict=True):
        request = targets.request(model, target, args.kernels, args.mode)
        beside = run / "bundles" / name if own else Path(f"{run.stem}-{name}")
        place = (args.out / name if len(names) > 1 else args.out) if args.out else beside
        try:
            if args.force and (aside := bundle.set_aside(name, place)):
                print(f"the bundle that was there, with your changes, is {aside} now", file=sys.stderr)
            made = bundle.make(request, name, place)
            print(made, flush=True)
            if missing := bundle.not_built(made):
                print(f"note: {name}: no image was built: {missing}; 'make' in the folder builds it", file=sys.stderr)
        except UserError as error:
            if len(names) == 1:
                raise
            failed = 2
            print(f"edgekws: error: {name}: {error}", file=sys.stderr)
            continue
        check = next_step.call("verify", place)
        next_step.tell(args, f"{place / 'README.md'} says how to build it; '{check}' checks it")
    return failed


def _verify(args: argparse.Namespace) -> int:
    from convert.targets import verify

    problems = verify.problems(args.bundle)
    print("\n".join(map(plain, problems)) or f"{args.bundle}: every file is as it was made")
    if not problems and (kernels := verify.kernels(args.bundle)):
        print(f"kernels: {kernels}")
    made_again = "keep the files that you changed yourself, and have 'edgekws bundle' make the others again"
    next_step.tell(args, made_again if problems else "build it as its README.md says")
    return 1 if problems else 0


def _flash(args: argparse.Namespace) -> int:
    import shlex

    from convert.targets import flash

    parts = flash.command(args.bundle, board=args.board, image=args.image)
    print(shlex.join(parts), flush=True)
    if not args.dry_run:
        flash.run(parts)
        next_step.tell(args, "the self-test's lines come over the board's serial port, 115200 baud")
    return 0


def _profile(args: argparse.Namespace) -> int:
    import json

    from convert import pipeline
    from convert.engine import profile
    from convert.tflite import artifact
    from edgekws import workspace, zoo

    place = zoo.place(args.run)
    figures = profile.profile(artifact.load(place, args.coding, args.level_control), targets=tuple(args.target))
    print(json.dumps(figures, indent=1) if args.json else profile.text(figures))
    if (place / "report.json").exists() and (place / "corpus.json").exists() and not args.target:
        run = workspace.load_run(place)
        pipeline.add_profile(run, pipeline.load_corpus(run), figures)
        print(f"added to {place / 'report.html'} and the model card", file=sys.stderr)
    next_step.tell(args, f"'{next_step.call('bundle', args.run, '--target T --kernels K')}' with the build that fits")
    return 0
