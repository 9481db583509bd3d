"""Does one run of a sweep in its own process: command, environment and progress."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edgekws import recipe, workspace
from edgekws.files import atomic_write
from edgekws.guard import untrusted
from edgekws.model import catalogue
from edgekws.train import loop
from edgekws.workspace import Run

COMMAND = (sys.executable, "-m", "edgekws.cli")
FIXED_COST = 10_000_000  # rough fixed cost of an epoch, in multiply-accumulates


@dataclass(frozen=True)
class Ending:
    """How a run ended: done, broken (a bound of the parity ladder) or failed, and why."""

    name: str
    status: str
    reason: str = ""


def is_done(run: Run, testing: bool) -> bool:
    """Whether nothing is left to do. A run with broken bounds is done too."""
    return run.manifest.exists() if testing else run.record("convert").exists()


def prepare(run: Run) -> None:
    """Write the recipe into the run's folder, so that the folder alone says what to do."""
    if not run.recipe_file.exists():
        run.folder.mkdir(parents=True, exist_ok=True)
        atomic_write(run.recipe_file, recipe.to_toml(run.recipe))


def execute(folder: Path, testing: bool, log: Path, threads: int, command: Sequence[str]) -> Ending:
    """Do a prepared run to its end in child processes, one after the other."""
    with contextlib.closing(Process(folder, testing, log, threads, command)) as process:
        while (ending := process.poll()) is None:
            time.sleep(0.2)  # short: Ray can cancel a task between two sleeps
        return ending


class Process:
    """A run in the background, done by `edgekws`. Its output is appended to a log."""

    def __init__(
        self, folder: Path, testing: bool, log: Path, threads: int, command: Sequence[str] | None = None
    ) -> None:
        self.folder, self.log, self.threads = folder, log, threads
        self._command = command or COMMAND
        self._steps = ["run"] if testing else ["train", "quantize", "convert"]
        self._child: subprocess.Popen[bytes] | None = None
        self._begin = log.stat().st_size if log.exists() else 0  # before this place, the log is from earlier attempts
        self._next()

    def poll(self) -> Ending | None:
        """How it ended, or None while it runs."""
        status = self._child.poll() if self._child else 0
        if status is None:
            return None
        if status == 0 and self._steps:
            self._next()
            return None
        name = self.folder.name
        if status == 0:
            return Ending(name, "done")
        if status == 1 and (why := broken_bounds(workspace.load_run(self.folder))):
            return Ending(name, "broken", why)
        return Ending(name, "failed", _last_words(self.log, status, self._begin))

    def interrupt(self) -> None:
        """Ask it to stop, as Ctrl-C does."""
        if self._child and self._child.poll() is None:
            self._child.send_signal(signal.SIGINT)

    def close(self, seconds: float = 20.0) -> None:
        """Stop it if it is running: interrupt it, and kill it if that does not help."""
        if not self._child or self._child.poll() is not None:
            return
        self.interrupt()
        try:
            self._child.wait(seconds)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()

    def _next(self) -> None:
        command = [*self._command, self._steps.pop(0), str(self.folder)]
        with self.log.open("ab") as output:
            self._child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment(self.threads),
                start_new_session=True,  # only the sweep gets Ctrl-C from the terminal, and passes it on
                preexec_fn=_begin,
            )


def environment(threads: int) -> dict[str, str]:
    """This process's environment, with limits for a framework's threads. Variables that the user set stay."""
    count = str(threads)
    chosen = {
        "TF_NUM_INTRAOP_THREADS": count,
        "TF_NUM_INTEROP_THREADS": count,
        "OMP_NUM_THREADS": count,
        "TF_FORCE_GPU_ALLOW_GROWTH": "true",  # several runs share a GPU, so none may take all its memory
        "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
    }
    return chosen | os.environ


def epochs(run: Run) -> tuple[int, int]:
    """(epochs done, all epochs) of float and quantization-aware training together."""
    settings = run.recipe
    whole = settings.training.epochs + settings.quantization.epochs
    if run.record("quantize").exists():
        return whole, whole
    if run.record("train").exists():
        return settings.training.epochs + loop.epochs_in(run.state("qat.npz")), whole
    return loop.epochs_in(run.state("float.npz")), whole


def epoch_cost(run: Run) -> float:
    """The relative time of an epoch of this run, by its multiply-accumulates."""
    model = run.recipe.model
    return catalogue.architecture(model.architecture, model.window).macs(len(run.recipe.data.words)) + FIXED_COST


def broken_bounds(run: Run) -> str:
    """The bounds of the parity ladder that the last check found broken, in words; empty if none is."""
    if not run.report.exists():
        return ""
    with untrusted.reading(run.report, "report", "run 'edgekws check' again"):
        parity = run.read_report()["parity"]
        if parity["holds"]:
            return ""
        told = [
            f"{bound['text']}: {bound['measured']:.4f} (limit {bound['limit']})"
            for bound in parity.get("bounds", [])
            if not bound["holds"]
        ]
        return "; ".join(told) or "a bound of its parity ladder"


def ended(run: Run) -> Ending:
    """How a run ended, if nothing is left to do."""
    why = broken_bounds(run)
    return Ending(run.recipe.name, "broken" if why else "done", why)


def _begin() -> None:
    """Runs in the child before it begins: lets it be interrupted, and on Linux ends it if the sweep is killed."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # background processes of a shell ignore this signal
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG


def _last_words(log: Path, status: int, begin: int) -> str:
    """The last error of `edgekws` in the log from byte ``begin`` on, else its last line."""
    text = log.read_bytes()[begin:].decode(errors="replace")
    lines = [line.split("\r")[-1] for line in text.splitlines() if line.strip() and not line.startswith("next: ")]
    told = [line.removeprefix("edgekws: error: ") for line in lines if line.startswith("edgekws: error: ")]
    reason = (told or lines or [""])[-1].strip()
    return f"{reason} (exit status {status}; {log})"
