"""Commands for devices: bundle, verify, flash, profile (what a model costs there)."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from edgekws.cli import arguments
from edgekws.cli.terminal import next_step
from edgekws.errors import UserError, plain


def add(command: Callable[..., argparse.ArgumentParser]) -> None:
    """Describe the commands of this module; ``command(name, function, help, examples, about)`` makes a parser."""
    bundle = command(
        "bundle",
        _bundle,
        "write the folder that a board or a phone builds from",
        """
        edgekws bundle --list
        edgekws bundle small-listen --target arduino --out listen-arduino
        edgekws bundle runs/mine --target c99 --target esp-idf
        """,
        """
        A bundle holds the model, its code, a README, a self-test and a manifest by which 'edgekws verify' checks it.
        --list names the targets.
        """,
    )
    arguments.add_model(bundle, nargs="?")
    bundle.add_argument("--target", action="append", default=[], metavar="T", help="a target (may be repeated; "
                        "default: c99; all: every one)")  # fmt: skip
    bundle.add_argument("--list", action="store_true", help="list the targets")
    bundle.add_argument("--kernels", metavar="SET", help="the functions that compute convolutions: portable, packed, "
                        "dsp, dsp_fast, dsp_lean, mve, neon, wasm, avx2, vnni (default: the target's)")  # fmt: skip
    bundle.add_argument("--false-accepts-per-hour", type=float, metavar="N", dest="per_hour", help="give the example "
                        "that listens the thresholds for at most N false accepts an hour, as the model was tuned "
                        "(default: the model's own)")  # fmt: skip
    arguments.add_alone(bundle)
    arguments.add_opened(bundle)
    bundle.add_argument("--mode", metavar="MODE", help="window: a result for each window; sliding: a result every hop, "
                        "a fraction of a second (default: sliding for a tuned model, else window)")  # fmt: skip
    bundle.add_argument("--out", type=Path, metavar="DIR", help="the folder to write; with several targets, the folder "
                        "of their folders (default: RUN/bundles/TARGET, or NAME-TARGET for a model that is not a "
                        "run)")  # fmt: skip
    bundle.add_argument("--force", action="store_true", help="where a bundle stands that you changed, rename it and "
                        "write the new one in its place")  # fmt: skip
    verify = command(
        "verify",
        _verify,
        "compare a bundle with its manifest and its model",
        """
        edgekws verify listen-arduino
        edgekws verify runs/mine/bundles/c99
        """,
        "Exit status 1: a file is missing, was changed, or is not what edgekws makes from the model.",
    )
    verify.add_argument("bundle", type=Path, metavar="BUNDLE", help="a bundle's folder or zip file")
    flash = command(
        "flash",
        _flash,
        "program a connected board with the image in a bundle",
        """
        edgekws flash runs/mine/bundles/microbit --dry-run
        edgekws flash runs/mine/bundles/microbit
        """,
        "It runs pyOCD, or esptool for an ESP32, which must be installed.",
    )
    flash.add_argument("bundle", type=Path, metavar="BUNDLE", help="the bundle's folder")
    flash.add_argument("--board", metavar="CHIP", help="the programmer's name of the chip; with a name that begins "
                       "with esp, esptool is used (default: the target's)")  # fmt: skip
    flash.add_argument("--image", type=Path, metavar="FILE", help="another image, such as one that a framework built")
    flash.add_argument("--dry-run", action="store_true", help="print the command and do not run it")
    profile = command(
        "profile",
        _profile,
        "count the instructions, RAM, stack and flash that a model needs on microcontrollers",
        """
        edgekws profile small
        edgekws profile runs/mine --target cortex-m4
        """,
        """
        It builds the C engine for each core and runs it in QEMU, which counts instructions exactly. They are no
        times: a processor needs one or more cycles for an instruction. It needs arm-none-eabi-gcc and qemu-system-arm.
        """,
    )
    arguments.add_model(profile)
    profile.add_argument("--target", action="append", default=[], metavar="CORE", help="only this core, such as "
                         "cortex-m4 (may be repeated)")  # fmt: skip
    profile.add_argument("--json", action="store_true", help="print JSON")


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
    model = model.opened(args.opened_by, args.open_seconds).said_alone(args.alone)
    # a folder of the user's, not one where edgekws is installed
    own = run.is_dir() and (args.run.exists() or run not in zoo.folders().values())
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
        check = next_step.call("verify", made)
        readme = f"the README.md in {made}" if target.archive else made / "README.md"
        next_step.tell(args, f"{readme} says how to build it; '{check}' checks it")
    return failed


def _verify(args: argparse.Namespace) -> int:
    from convert.targets import verify

    problems = verify.problems(args.bundle)
    print("\n".join(map(plain, problems)) or f"{args.bundle}: every file is as it was made")
    if not problems and (kernels := verify.kernels(args.bundle)):
        print(f"kernels: {kernels}")
    if any(not isinstance(line, verify.NotCompared) for line in problems):
        next_step.tell(args, "keep what you changed yourself, and have 'edgekws bundle' make the others again")
        return 1
    if problems:
        next_step.tell(args, "all else is as it was made; verify it where the tools are that made it, or build it")
        return 3
    next_step.tell(args, "build it as its README.md says")
    return 0


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
