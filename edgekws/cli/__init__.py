"""The command line, ``edgekws COMMAND``.

Each module here holds a family of commands: ``add`` describes them, and each has a function that does it. ``arguments``
has the arguments that several commands share, and ``terminal`` what they print and how they end. Heavy imports are
inside the functions, so that ``--help`` is quick.
"""

from __future__ import annotations

import argparse
import errno
import os
import sys
from collections.abc import Callable, Sequence
from inspect import cleandoc
from textwrap import indent
from typing import Any

from edgekws import __version__
from edgekws.cli import devices, listening, measuring, publishing, runs, serving, sweeps, training
from edgekws.cli.terminal import interrupt, quiet
from edgekws.errors import UserError, plain

ABOUT = """
Keyword spotters for microcontrollers and phones: train, quantize, convert, prove, deploy.

RUN, in every command, is a run's folder or its name under runs/, the name of a model that ships, or a .tflite file.
Exit status: 0 done, 1 a check failed, 2 a mistake in the call, the recipe or the data.
"""
EXAMPLES = """
edgekws listen --microphone                   hear sixteen words with a model that ships
edgekws classify recording.wav                name the word in a recording
edgekws wake "hey edge"                       make a spotter of your own phrase, spoken here
edgekws run                                   train and prove a model on words that eSpeak NG speaks
edgekws run --data recordings --name mine     the same with a folder of your own recordings
edgekws bundle small-listen --target arduino  write a library that a board builds
edgekws COMMAND --help                        say more about a command
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status.

    0: done. 1: a check failed. 2: a mistake in the call, the recipe or the data. 3, from ``verify``: everything that
    this machine could compare is right, but something could not be compared.
    """
    os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
    args = _parser().parse_args(argv)
    pressed = interrupt.Pressed()
    try:
        with pressed, quiet.libraries(native=argv is None):
            return int(args.command(args))
    except UserError as error:
        print(f"edgekws: error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return _stopped(args)
    except BrokenPipeError:
        sys.stdout = None  # the reader of our output is gone; nothing more can be printed
        return 0
    except OSError as error:
        if pressed.now:
            return _stopped(args)
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS, errno.ELOOP):
            raise
        print(f"edgekws: error: {plain(str(error.filename or 'output'))}: {error.strerror}", file=sys.stderr)
        return 2
    except Exception:
        if pressed.now:  # libraries turn Ctrl-C into their own errors while they are imported
            return _stopped(args)
        raise


def _stopped(args: argparse.Namespace) -> int:
    families = (runs.__name__, training.__name__, sweeps.__name__)
    resumed = args.command.__module__ in families and getattr(args, "resumes", True)
    goes_on = "; the same command goes on from the last finished epoch" if resumed else ""
    print(f"edgekws: stopped{goes_on}", file=sys.stderr)
    return 130


def _parser() -> argparse.ArgumentParser:
    parser = _described(argparse.ArgumentParser, ABOUT, EXAMPLES, prog="edgekws")
    parser.add_argument("--version", action="version", version=f"edgekws {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    def command(name: str, function: Any, help: str, examples: str, about: str = "") -> argparse.ArgumentParser:
        sentence = f"{help[0].upper()}{help[1:]}.\n\n"
        sub = _described(commands.add_parser, sentence + cleandoc(about), examples, name=name, help=help)
        sub.set_defaults(command=function)
        return sub

    for family in (runs, training, sweeps, listening, measuring, devices, serving, publishing):
        family.add(command)
    return parser


def _described(
    make: Callable[..., argparse.ArgumentParser], about: str, examples: str, **options: Any
) -> argparse.ArgumentParser:
    """A parser whose help begins with ``about`` and ends with ``examples``, with their lines unchanged."""
    epilog = "examples:\n" + indent(cleandoc(examples), "  ")
    kept = argparse.RawDescriptionHelpFormatter
    return make(description=about.strip(), epilog=epilog, formatter_class=kept, **options)
