"""Note when Ctrl-C is pressed: some libraries turn it into errors of their own while they are imported."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any


class Pressed:
    """Within its block, ``now`` says whether Ctrl-C was pressed; KeyboardInterrupt comes as ever.

    Where the shell has it ignored, or another thread than the main one runs the command, nothing changes.
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
