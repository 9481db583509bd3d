"""Does a sweep on this machine: several runs at once, each in its own process, until all have ended."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from edgekws import workspace
from edgekws.corpus import sources
from edgekws.errors import UserError
from edgekws.progress import LOG_SECONDS, duration
from edgekws.sweep import work
from edgekws.sweep.grid import Sweep
from edgekws.sweep.work import Ending
from edgekws.workspace import Run

POLL_SECONDS = 1.0


def runs_of(sweep: Sweep, folder: Path) -> tuple[Run, ...]:
    """Each recipe's run in ``folder``, begun or not. A UserError if a folder belongs to another recipe."""
    return tuple(workspace.open_run(folder / recipe.name, recipe) for recipe in sweep.recipes)


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def prepare_recordings(runs: Sequence[Run]) -> dict[str, Ending]:
    """Prepare every corpus that the runs need once, before several processes would do it.

    Returns the endings of runs whose recordings cannot be prepared. A UserError if that is all runs, for one reason.
    """
    told: dict[Any, str] = {}
    for run in runs:
        if (key := (run.recipe.data, run.recipe.seed)) not in told:
            try:
                sources.of_recipe(run.recipe)
                told[key] = ""
            except UserError as error:
                told[key] = str(error)
    reasons = {run.recipe.name: told[run.recipe.data, run.recipe.seed] for run in runs}
    if len(set(reasons.values()) - {""}) == 1 and all(reasons.values()):
        raise UserError(next(iter(reasons.values())))
    return {name: Ending(name, "failed", reason) for name, reason in reasons.items() if reason}


def work_off(
    runs: Sequence[Run],
    testing: bool,
    *,
    jobs: int,
    ended: Callable[[dict[str, Ending]], None],
    failed: Mapping[str, Ending],
) -> dict[str, Ending]:
    """Do all runs that are not done, ``jobs`` at a time. ``ended`` is called at the start and whenever a run ends.

    ``failed`` are runs that cannot begin. Returns how every run ended, by name. An interrupt first stops the children,
    then is raised again.
    """
    endings = already_ended(runs, testing) | dict(failed)
    waiting = [run for run in runs if run.recipe.name not in endings]
    ended(endings)
    threads = max(cores() // max(min(jobs, len(waiting)), 1), 1)
    progress = Progress(runs, endings)
    for known in failed.values():
        progress.tell(known)
    running: dict[str, work.Process] = {}
    try:
        while waiting or running:
            while waiting and len(running) < jobs:
                run = waiting.pop(0)
                work.prepare(run)
                running[run.recipe.name] = work.Process(run.folder, testing, log_of(run), threads)
            for name, process in list(running.items()):
                if (ending := process.poll()) is not None:
                    del running[name]
                    endings[name] = ending
                    progress.tell(ending)
                    ended(endings)
            progress.show(endings, list(running))
            if running:
                time.sleep(POLL_SECONDS)
    finally:
        for process in running.values():
            process.interrupt()
        for process in running.values():
            process.close()
        progress.end()
    return endings


def already_ended(runs: Sequence[Run], testing: bool) -> dict[str, Ending]:
    """The runs that an earlier call finished."""
    return {run.recipe.name: work.ended(run) for run in runs if work.is_done(run, testing)}


def log_of(run: Run) -> Path:
    """The file for a run's output, beside its folder."""
    return run.folder.parent / f"{run.folder.name}.log"


class Progress:
    """One line on standard error, rewritten on a terminal: runs done, epochs of the present runs, time left."""

    def __init__(self, runs: Sequence[Run], endings: dict[str, Ending]) -> None:
        self.runs = {run.recipe.name: run for run in runs}
        self.started = self.shown = time.monotonic()
        self.before = self._work(endings)
        self.terminal = sys.stderr.isatty()

    def tell(self, ending: Ending) -> None:
        self._clear()
        reason = f": {ending.reason}" if ending.reason else ""
        print(f"{ending.name}: {ending.status}{reason}", file=sys.stderr, flush=True)

    def show(self, endings: dict[str, Ending], running: Sequence[str]) -> None:
        if time.monotonic() - self.shown < (2.0 if self.terminal else LOG_SECONDS):
            return
        self.shown = time.monotonic()
        text = self.line(endings, running, self.shown - self.started)
        before, after = ("\r\x1b[K", "") if self.terminal else ("", "\n")
        print(f"{before}{text}", end=after, file=sys.stderr, flush=True)

    def line(self, endings: dict[str, Ending], running: Sequence[str], seconds: float) -> str:
        """The state in words, given the seconds since the start."""
        failed = sum(ending.status != "done" for ending in endings.values())
        parts = [f"{len(endings)} of {len(self.runs)} runs ended" + (f" ({failed} not well)" if failed else "")]
        parts += [f"{name} epoch {done}/{whole}" for name in running for done, whole in [work.epochs(self.runs[name])]]
        done = self._work(endings)
        if done > self.before:
            wanted = (run for name, run in self.runs.items() if not _failed(endings, name))
            left = seconds * (sum(_whole(run) for run in wanted) - done) / (done - self.before)
            parts.append(f"about {duration(left)} left")
        return "; ".join(parts)

    def end(self) -> None:
        self._clear()

    def _clear(self) -> None:
        if self.terminal:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)

    def _work(self, endings: dict[str, Ending]) -> float:
        """The work done so far in units of ``work.epoch_cost``, without failed runs, which say nothing of the rest."""
        return sum(
            _whole(run) if name in endings else work.epochs(run)[0] * work.epoch_cost(run)
            for name, run in self.runs.items()
            if not _failed(endings, name)
        )


def _failed(endings: dict[str, Ending], name: str) -> bool:
    return name in endings and endings[name].status == "failed"


def _whole(run: Run) -> float:
    return work.epochs(run)[1] * work.epoch_cost(run)
