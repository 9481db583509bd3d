"""Shows the progress of a long step on standard error: a bar with the time left on a terminal, else plain lines."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

LOG_SECONDS = 30.0  # between lines in a file or a pipe


class Progress:
    """Counts how many of ``total`` units are done (None: unknown), and shows nothing."""

    def __init__(self, title: str, total: int | None, done: int, unit: str) -> None:
        self.title, self.total, self.done, self.unit = title, total, done, unit

    def advance(self, count: int = 1) -> None:
        """Add ``count`` units that are done."""
        self.done += count

    def restart(self, done: int, total: int | None) -> None:
        """Count again from ``done``. The time left is computed only from what follows."""
        self.done, self.total = done, total

    def name(self, title: str) -> None:
        """Set the title to what is being done now."""
        self.title = title

    def result(self, text: str) -> None:
        """Show the result of a part of the step: beside the bar, or as a line."""


@contextmanager
def progress_bar(
    title: str,
    total: int | None,
    done: int = 0,
    unit: str = "clip",
    *,
    enabled: bool = True,
    log_seconds: float = LOG_SECONDS,
) -> Iterator[Progress]:
    """Show the progress of a step with ``total`` units, of which some may be ``done`` already.

    If standard error is not a terminal, a line appears every ``log_seconds`` and for each ``result``; a shorter step
    leaves no line. The unit "B" means bytes.
    """
    if not enabled:
        yield Progress(title, total, done, unit)
    elif sys.stderr.isatty():
        from tqdm import tqdm

        # some terminals do not know their size
        size = {} if os.get_terminal_size(sys.stderr.fileno()).columns else {"ncols": 80, "nrows": 25}
        with tqdm(total=total, initial=done, desc=title, unit=unit, unit_scale=unit == "B", mininterval=0.2,
                  maxinterval=0.2, dynamic_ncols=not size, smoothing=0.1, **size) as bar:  # fmt: skip
            yield _Bar(title, total, done, unit, bar)
    else:
        yield _Lines(title, total, done, unit, log_seconds)


def duration(seconds: float) -> str:
    """A rough duration: "40 s", "12 min", "3 h 5 min"."""
    if seconds < 90:
        return f"{max(round(seconds), 1)} s"
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"


class _Bar(Progress):
    def __init__(self, title: str, total: int | None, done: int, unit: str, bar: Any) -> None:
        super().__init__(title, total, done, unit)
        self._bar = bar

    def advance(self, count: int = 1) -> None:
        super().advance(count)
        self._bar.update(count)

    def restart(self, done: int, total: int | None) -> None:
        super().restart(done, total)
        self._bar.total = total
        self._bar.n = self._bar.initial = self._bar.last_print_n = done

    def name(self, title: str) -> None:
        super().name(title)
        self._bar.set_description(title)

    def result(self, text: str) -> None:
        self._bar.set_postfix_str(text)


class _Lines(Progress):
    def __init__(self, title: str, total: int | None, done: int, unit: str, every: float) -> None:
        super().__init__(title, total, done, unit)
        self._first, self._every = done, every
        self._started = self._told = time.monotonic()

    def advance(self, count: int = 1) -> None:
        super().advance(count)
        if time.monotonic() - self._told >= self._every:
            self._told = time.monotonic()
            self.result(self._state())

    def restart(self, done: int, total: int | None) -> None:
        super().restart(done, total)
        self._first, self._started = done, time.monotonic()

    def result(self, text: str) -> None:
        print(f"{self.title}: {text}{self._left()}", file=sys.stderr, flush=True)

    def _state(self) -> str:
        size, unit = (1e6, "MB") if self.unit == "B" else (1, self.unit if self.unit == "s" else f"{self.unit}s")
        digits = 1 if self.unit == "B" else 0
        of = f" of {self.total / size:.{digits}f}" if self.total is not None else ""
        return f"{self.done / size:.{digits}f}{of} {unit}"

    def _left(self) -> str:
        done = self.done - self._first
        if not done or self.total is None or self.done >= self.total:
            return ""
        left = (time.monotonic() - self._started) * (self.total - self.done) / done
        return f", about {duration(left)} left"


def fewer_logs() -> bool:
    """Ask TensorFlow to log only fatal errors, unless the user set its level. False: EDGEKWS_LOGS asks for all logs.

    TensorFlow reads the level when it is first imported. It logs a few lines before that, which only the command line
    can hide, as a library must leave its program's file descriptors alone.
    """
    if os.environ.get("EDGEKWS_LOGS"):
        return False
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    return True
