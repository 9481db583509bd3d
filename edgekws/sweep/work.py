"""One run of a sweep in its own process: its command, its environment and its progress."""

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
FIXED_COST = 10_000_000  # what an epoch costs beside the network's multiply-accumulates, in the same unit, roughly


@dataclass(frozen=True)
class Ending:
    """How a run ended: done, broken (a bound of the parity ladder) or failed, with a reason."""

    name: str
    status: str
    reason: str = ""


def is_done(run: Run, testing: bool) -> bool:
    """Whether nothing is left to do; a run whose bounds are broken is done too."""
    return run.manifest.exists() if testing else run.record("convert").exists()


def prepare(run: Run) -> None:
    """Write the recipe, so that the folder alone says what is to be done."""
    if not run.recipe_file.exists():
        run.folder.mkdir(parents=True, exist_ok=True)
        atomic_write(run.recipe_file, recipe.to_toml(run.recipe))


def execute(folder: Path, testing: bool, log: Path, threads: int, command: Sequence[str]) -> Ending:
    """Do a prepared run to its end in child processes, one after the other, and wait for them."""
    with contextlib.closing(Process(folder, testing, log, threads, command)) as process:
        while (ending := process.poll()) is None:
            time.sleep(0.2)  # in short pieces: Ray cancels a task between two of them
        return ending


class Process:
    """A run being done in the background by `edgekws` itself; its output goes to the end of a log."""

    def __init__(
        self, folder: Path, testing: bool, log: Path, threads: int, command: Sequence[str] | None = None
    ) -> None:
        self.folder, self.log, self.threads = folder, log, threads
        self._command = command or COMMAND
        self._steps = ["run"] if testing else ["train", "quantize", "convert"]
        self._child: subprocess.Popen[bytes] | None = None
        self._begin = log.stat().st_size if log.exists() else 0  # before it, the log is of earlier attempts
        self._next()

    def poll(self) -> Ending | None:
        """How it ended, or None while it goes on."""
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
        """Ask it to stop as Ctrl-C does."""
        if self._child and self._child.poll() is None:
            self._child.send_signal(signal.SIGINT)

    def close(self, seconds: float = 20.0) -> None:
        """Stop it if it is running: interrupted first, killed where that does not help."""
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
                start_new_session=True,  # Ctrl-C on the terminal comes to the sweep alone, which passes it on
                preexec_fn=_begin,
            )


def environment(threads: int) -> dict[str, str]:
    """This process's environment, with the threads a framework may use; what the user has set already stays."""
    count = str(threads)
    chosen = {
        "TF_NUM_INTRAOP_THREADS": count,
        "TF_NUM_INTEROP_THREADS": count,
        "OMP_NUM_THREADS": count,
        "TF_FORCE_GPU_ALLOW_GROWTH": "true",  # several runs share a GPU: none may take all of its memory
        "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
    }
    return chosen | os.environ


def epochs(run: Run) -> tuple[int, int]:
    """Epochs done and epochs in all, float and quantization-aware together."""
    settings = run.recipe
    whole = settings.training.epochs + settings.quantization.epochs
    if run.record("quantize").exists():
        return whole, whole
    if run.record("train").exists():
        return settings.training.epochs + loop.epochs_in(run.state("qat.npz")), whole
    return loop.epochs_in(run.state("float.npz")), whole


def epoch_cost(run: Run) -> float:
    """How long an epoch of this run takes beside one of another, by its multiply-accumulates."""
    model = run.recipe.model
    return catalogue.architecture(model.architecture, model.window).macs(len(run.recipe.data.words)) + FIXED_COST


def broken_bounds(run: Run) -> str:
    """The bounds of the parity ladder that the last check found broken, in words; empty where there are none."""
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
    """How a run ended that has nothing left to do."""
    why = broken_bounds(run)
    return Ending(run.recipe.name, "broken" if why else "done", why)


def _begin() -> None:
    """In the child, before it begins: it can be interrupted, and on Linux a sweep that is killed takes it along."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # a shell has what runs in its background ignore this signal
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG


def _last_words(log: Path, status: int, begin: int) -> str:
    """What the log from byte ``begin`` on ends with: the error that `edgekws` told, else its last line."""
    text = log.read_bytes()[begin:].decode(errors="replace")
    lines = [line.split("\r")[-1] for line in text.splitlines() if line.strip() and not line.startswith("next: ")]
    told = [line.removeprefix("edgekws: error: ") for line in lines if line.startswith("edgekws: error: ")]
    reason = (told or lines or [""])[-1].strip()
    return f"{reason} (exit status {status}; {log})"
