"""Notes when Ctrl-C is pressed, since some libraries turn it into their own errors while they are imported."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any


class Pressed:
    """Within its block, ``now`` says whether Ctrl-C was pressed. KeyboardInterrupt is still raised as usual.

    Nothing changes if the shell ignores Ctrl-C, or if the command does not run in the main thread.
    """

    now = False

    def __enter__(self) -> None:
        self._before: Any = None
        usual = signal.getsignal(signal.SIGINT) is signal.default_int_handler
        if usual and threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGINT, self._note)

    def __exit__(self, *_: object) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.now = True
        raise KeyboardInterrupt
