"""The entry point of the shell command. Ctrl-C ends it quietly, even during imports."""

from __future__ import annotations

import os
import signal


def main() -> int:
    """Import the command line and run it."""
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:  # the shell ignores Ctrl-C
        from edgekws import cli

        return cli.main()
    signal.signal(signal.SIGINT, lambda *_: os._exit(130))
    from edgekws import cli

    signal.signal(signal.SIGINT, signal.default_int_handler)
    return cli.main()
