"""The last line of a command, ``next:``, says what to do next."""

from __future__ import annotations

import argparse
import math
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

LOWEST = 0.25  # with a lower threshold, a model hears words everywhere


def tell(args: argparse.Namespace, text: str) -> None:
    """Print the line to standard error, unless the output is JSON for a program."""
    if not getattr(args, "json", False):
        print(f"next: {text}", file=sys.stderr)


def call(command: str, path: Path | str, options: str = "") -> str:
    """``edgekws COMMAND PATH OPTIONS``, quoted for a shell."""
    return " ".join(filter(None, ["edgekws", command, shlex.quote(str(path)), options]))


def after_proof(run: Path, *, holds: bool, tuned: bool) -> str:
    """The next step after ``run`` and ``check``."""
    if not holds:
        return (
            f"{run / 'report.html'} shows the bound that is broken; more quantization.epochs bring the int8 model "
            "nearer to the float model"
        )
    onto = (
        f"'{call('bundle', run, '--target T')}' takes the model to a device (edgekws bundle --list names the targets)"
    )
    return onto if tuned else f"{onto}; '{call('tune', run)}' readies it for sound that goes on"


def after_tuning(run: Path, *, reached: bool, per_hour: float) -> str:
    """The next step after ``tune``."""
    if not reached:
        more = call("tune", run, f"--false-accepts-per-hour {4 * per_hour:g}")
        return (
            f"'{more}' allows more; or train with recordings of other speech (data.unknown_from), as the recipe "
            "edgekws/recipes/listen.toml does"
        )
    return (
        f"'{call('listen --microphone --model', run)}' tries it; '{call('bundle', run, '--target T')}' takes it along"
    )


def after_listening(
    model: str, *, heard: bool, tuned: bool, near: float, words: Sequence[str], talk: bool = False
) -> str:
    """The next step after ``listen``. ``near`` is the score that came nearest to a threshold, 0 to 1; ``talk``: it was
    enough, but for talk before it."""
    if heard:
        return f"'{call('bundle', model, '--target T')}' takes the model to a device"
    threshold = math.floor(20 * near - 0.5) / 20  # a round number, clearly lower
    hope = f"--threshold {threshold:.2f} hears it, and more that is not one of its words"
    if talk:
        hope = "--alone 0 hears it, and more that is not one of its words"
    elif threshold < LOWEST:
        hope = f"nothing came near a word of this model, which are {', '.join(words)}"
    if tuned:
        return hope
    if (Path(model) / "corpus.json").exists():
        return f"'{call('tune', model)}' chooses thresholds for this model; {hope}"
    return f"this model was not tuned, and the one without --model was; {hope}"
