"""The command line: `edgekws COMMAND`. The only package of edgekws that imports convert, each inside its command.

Every module here is a family of commands: `add` describes them, and a function each does them; `moved` is arguments
that several share.
"""

from __future__ import annotations

import argparse
import errno
import os
import sys
from collections.abc import Sequence
from typing import Any

from edgekws import __version__
from edgekws.cli import devices, interrupt, measuring, mine, models, quiet, runs, streaming, sweeps
from edgekws.errors import UserError, plain

EXAMPLES = """examples:
  edgekws run                                   the whole pipeline on spoken-by-eSpeak words, no recordings needed
  edgekws run --data speech_commands            the same words from a Speech Commands folder
  edgekws new my.toml && edgekws run my.toml    a recipe of your own
  edgekws check runs/espeak-nano                prove the int8 model again; exit status 1 if a bound is broken
  edgekws classify recording.wav                the word in a recording, with a model that ships
  edgekws models custom-32/8                    one architecture, layer by layer
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; exit status 0: done, 1: a check failed, 2: a mistake in the call, the recipe or the data."""
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
        sys.stdout = None  # the reader of our output is gone, and nothing more can be told
        return 0
    except OSError as error:
        if pressed.now:
            return _stopped(args)
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS, errno.ELOOP):
            raise
        print(f"edgekws: error: {plain(str(error.filename or 'output'))}: {error.strerror}", file=sys.stderr)
        return 2
    except Exception:
        if pressed.now:  # libraries that are being imported turn Ctrl-C into errors of theirs
            return _stopped(args)
        raise


def _stopped(args: argparse.Namespace) -> int:
    resumed = args.command.__module__ in (runs.__name__, sweeps.__name__, mine.__name__)
    goes_on = "; the same command goes on from the last finished epoch" if resumed else ""
    print(f"edgekws: stopped{goes_on}", file=sys.stderr)
    return 130


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

    for family in (runs, sweeps, devices, models, streaming, measuring, mine):
        family.add(command)
    return parser
