"""Hides the log lines of TensorFlow, absl and LiteRT. ``EDGEKWS_LOGS=1`` in the environment shows them.

These libraries write some lines to file descriptor 2 while they load, before they read any setting. So file descriptor
2 goes through a second process, which runs this file and drops the lines that ``is_log`` knows. Everything else passes.
Python's own output does not go through that process. The process outlives the command, so that the last lines of a
crash come out too.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import select
import sys
import warnings
from collections.abc import Iterator

_SEVERITY = rb"[IWE]"  # F, a fatal error, passes; other errors that matter also raise an exception
_LOG = re.compile(
    rb"WARNING: All log messages before absl::InitializeLog"
    rb"|" + _SEVERITY + rb"\d{4} \d\d:\d\d:\d[\d.]+ +\d+ [^\s:]+:\d+\]"  # absl
    rb"|\d{4}-\d\d-\d\d \d\d:\d\d:[\d.]+: " + _SEVERITY + rb" [^\s:]+:\d+\]"  # TensorFlow up to 2.19
    rb"|(?:VERBOSE|INFO|WARNING): .*(?:tensorflow|tflite|litert|xnnpack|delegate)",
    re.IGNORECASE,
)
_WAIT_SECONDS = 2.0  # for the filter to end: a process that the command started may keep the descriptor
_UNENDED_SECONDS = 0.1  # LiteRT writes a line in pieces


def is_log(line: bytes) -> bool:
    """Whether TensorFlow, absl or LiteRT logged this line, judged by its beginning."""
    return _LOG.match(line) is not None


@contextlib.contextmanager
def libraries(*, native: bool) -> Iterator[None]:
    """Within the block, libraries log nothing through Python, nor, with ``native``, to file descriptor 2."""
    from edgekws.progress import fewer_logs

    if not fewer_logs():
        yield
        return
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), _filtered() if native and sys.stderr else contextlib.nullcontext():
            if not sys.warnoptions:
                warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


@contextlib.contextmanager
def _filtered() -> Iterator[None]:
    """Send file descriptor 2 through a process that runs this file; ``sys.stderr`` goes straight to the old place."""
    import subprocess

    with open(os.dup(2), "w", buffering=1, encoding=sys.stderr.encoding, errors="backslashreplace") as direct:
        # in its own session: Ctrl-C must not end it before the command's last lines
        command = [sys.executable, "-I", "-S", __file__]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)
        assert process.stdin is not None
        os.dup2(process.stdin.fileno(), 2)
        process.stdin.close()
        try:
            with contextlib.redirect_stderr(direct):
                yield
        finally:
            os.dup2(direct.fileno(), 2)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_WAIT_SECONDS)


def _filter() -> None:
    """Copy standard input to standard error without logs. A line that does not end in time is passed on unfinished."""
    line, begun = b"", False  # begun: the line's beginning is passed on already
    while True:
        if line and not select.select([0], [], [], _UNENDED_SECONDS)[0]:
            if not begun and is_log(line):
                continue  # wait for its end
            os.write(2, line)
            line, begun = b"", True
        if not (chunk := os.read(0, 1 << 16)):
            break
        *ended, line = re.split(rb"(?<=[\n\r])", line + chunk)
        for whole in ended:
            if begun or not is_log(whole):
                os.write(2, whole)
            begun = False
    if line and (begun or not is_log(line)):
        os.write(2, line)


if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError, KeyboardInterrupt):
        _filter()
