"""The command serve, which sends a model's words to other programs."""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path

from edgekws.cli import moved, next_step
from edgekws.errors import UserError


def add(command: Callable[..., argparse.ArgumentParser]) -> None:
    """Describe the commands of this module; ``command(name, function, help, examples, about)`` makes a parser."""
    serve = command(
        "serve",
        _serve,
        "serve a model's words to Home Assistant, by the Wyoming protocol",
        """
        edgekws serve small-listen --uri tcp://0.0.0.0:10400
        edgekws serve runs/mine --threshold 0.8 --debug
        """,
        """
        Each word of the model is a wake word for Home Assistant. The protocol has no password: whoever reaches the
        address can send sound and learns which words are in it. By default only this machine reaches it.
        """,
    )
    serve.add_argument("run", type=Path, metavar="RUN", help=moved.RUN)
    serve.add_argument("--uri", default="tcp://127.0.0.1:10400", help="where to listen: tcp://ADDRESS:PORT or "
                       "unix://PATH; tcp://0.0.0.0:10400 lets other machines in (default: "
                       "tcp://127.0.0.1:10400)")  # fmt: skip
    moved.add_thresholds(serve)
    moved.add_opened(serve)
    serve.add_argument("--no-zeroconf", action="store_true", help="do not announce it to Home Assistant")
    serve.add_argument("--debug", action="store_true", help="print what is detected")


def _serve(args: argparse.Namespace) -> int:
    from convert.targets.home import python_package
    from convert.tflite import artifact
    from edgekws.files import scratch

    if importlib.util.find_spec("wyoming") is None:
        raise UserError("serve needs the Wyoming library: pip install 'edgekws[wyoming]'")
    if args.open_seconds is not None and not args.opened_by:
        raise UserError("--open-seconds needs --opened-by: nothing else would open the detector")
    model = artifact.load(args.run).at(args.per_hour).opened(args.opened_by, args.open_seconds)
    options = ["--uri", args.uri, *(["--threshold", str(args.threshold)] if args.threshold is not None else [])]
    options += [name for name, on in (("--no-zeroconf", args.no_zeroconf), ("--debug", args.debug)) if on]
    with scratch() as folder:
        package = python_package.importable(model, folder)
        sys.path.insert(0, str(folder / "src"))
        status: int = importlib.import_module(f"{package}.wyoming").main(options)
    if status:
        return status
    onto = next_step.call("bundle", args.run, "--target python")
    next_step.tell(args, f"'{onto}' makes what a Raspberry Pi installs")
    return 0
