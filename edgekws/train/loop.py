"""The training loop of both the float and the fake-quantized network. It can be killed at any moment."""

from __future__ import annotations

import csv
import ctypes
import io
import json
import math
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edgekws.errors import UserError
from edgekws.files import atomic_write
from edgekws.guard import archives, untrusted
from edgekws.progress import progress_bar

_REMEDY = "remove it, and the training begins anew"
HISTORY = ("epoch", "loss", "accuracy", "val_loss", "val_accuracy", "learning_rate")


@dataclass(frozen=True)
class Outcome:
    """The result of a training: the weights of the epoch that counts, and each epoch's figures.

    The epoch is the best on validation (if equal, the one with the lower loss), or the last where that is asked for.
    """

    best: list[np.ndarray]
    best_epoch: int
    history: list[dict[str, float]]
    clips_per_second: float


def cosine_schedule(keras: Any, peak: float, epochs: int, steps: int, warmup_epochs: float) -> Any:
    """A schedule of the learning rate: linear warm-up to ``peak``, then a cosine to zero at the last step."""
    warmup = min(round(warmup_epochs * steps), epochs * steps - 1)
    schedule = keras.optimizers.schedules.CosineDecay
    return schedule(0.0 if warmup else peak, epochs * steps - warmup, warmup_target=peak if warmup else None,
                    warmup_steps=warmup)  # fmt: skip


def fit(
    keras: Any,
    model: Any,
    training: Any,
    validation: Any,
    *,
    epochs: int,
    batch_size: int,
    patience: int,
    checkpoint: Path,
    title: str,
    identity: str,
    prepare: Callable[[int], None] | None = None,
    keep: str = "best",
) -> Outcome:
    """Train a compiled model. It continues from ``checkpoint`` if that has epochs of the same ``identity``.

    After every epoch, all variables (weights, optimizer, random seeds), the best weights and the history are written
    atomically, and the data order depends only on seed and epoch. So a training that was killed and started again gives
    the same result; on JAX with a GPU only a similar one, as that adds in another order each time. ``prepare(epoch)``
    is called when an epoch begins, to set anything else that it depends on. ``keep``: "best" or "last" epoch's weights.
    """
    model.optimizer.build(model.trainable_variables)
    variables = list(model.variables) + list(model.optimizer.variables)
    state = _Progress.read(checkpoint, identity, variables)
    started, first = time.monotonic(), len(state.history)
    steps = len(training)

    with progress_bar(title, epochs * steps, first * steps, "step", log_seconds=math.inf) as bar:

        class Epochs(keras.callbacks.Callback):
            def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
                training.epoch = epoch
                if prepare:
                    prepare(epoch)
                bar.name(f"{title} {epoch + 1}/{epochs}")

            def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
                bar.advance()

            def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
                # the optimizer's own rate is a tensor after a schedule
                rate = float(np.asarray(model.optimizer.learning_rate))
                row = {"epoch": epoch + 1, "learning_rate": rate} | {k: float(logs[k]) for k in HISTORY[1:5]}
                if not math.isfinite(row["loss"]):
                    raise UserError(f"{title}: the loss is not a number in epoch {epoch + 1}; lower the learning rate")
                state.add(row, model.get_weights())
                state.write(checkpoint, identity, variables)
                bar.result(f"validation {row['val_accuracy']:.4f} (best {state.best_accuracy:.4f})")
                if patience and epoch + 1 - state.best_epoch >= patience:
                    model.stop_training = True

        stopped = patience and first and first - state.best_epoch >= patience
        if first < epochs and not stopped:
            model.fit(training, validation_data=validation, epochs=epochs, initial_epoch=first, shuffle=False,
                      verbose=0, callbacks=[Epochs()])  # fmt: skip
    done = len(state.history) - first
    rate = done * steps * batch_size / max(time.monotonic() - started, 1e-9)
    if keep == "last":
        return Outcome(model.get_weights(), len(state.history), state.history, rate)
    return Outcome(state.best, state.best_epoch, state.history, rate)


class _Progress:
    """The history and the best weights, which it writes to the checkpoint file and reads from it."""

    def __init__(self) -> None:
        self.history: list[dict[str, float]] = []
        self.best: list[np.ndarray] = []

    @property
    def best_epoch(self) -> int:
        """The best epoch, from 1 on. If accuracies are equal, the lower loss wins, then the earlier epoch."""
        ranked = [(-row["val_accuracy"], row["val_loss"], i) for i, row in enumerate(self.history)]
        return min(ranked)[2] + 1 if ranked else 0

    @property
    def best_accuracy(self) -> float:
        return self.history[self.best_epoch - 1]["val_accuracy"]

    def add(self, row: dict[str, float], weights: list[np.ndarray]) -> None:
        self.history.append(row)
        if self.best_epoch == len(self.history):
            self.best = weights

    def write(self, path: Path, identity: str, variables: list[Any]) -> None:
        arrays = {f"variable_{i}": np.asarray(v.numpy()) for i, v in enumerate(variables)}
        arrays |= {f"best_{i}": w for i, w in enumerate(self.best)}
        meta = json.dumps({"identity": identity, "history": self.history})
        buffer = io.BytesIO()
        np.savez(buffer, **(arrays | {"meta": np.frombuffer(meta.encode(), np.uint8)}))  # type: ignore[arg-type]
        atomic_write(path, buffer.getvalue())

    @classmethod
    def read(cls, path: Path, identity: str, variables: list[Any]) -> _Progress:
        state = cls()
        if not path.exists():
            return state
        file = archives.arrays(path, _REMEDY)
        with untrusted.reading(path, "state of a training", _REMEDY):
            meta = json.loads(file["meta"].tobytes())
            if meta["identity"] != identity:
                raise UserError(
                    f"{path} belongs to another recipe, other data or another version of edgekws; choose another "
                    "name or remove it"
                )
            state.history = meta["history"]
            state.best = [file[f"best_{i}"] for i in range(sum(key.startswith("best_") for key in file))]
            for i, variable in enumerate(variables):
                variable.assign(file[f"variable_{i}"])
        return state


def epochs_in(checkpoint: Path) -> int:
    """How many epochs a checkpoint of ``fit`` has; 0 if there is no checkpoint."""
    if not checkpoint.exists():
        return 0
    try:
        with untrusted.reading(checkpoint, "state of a training", _REMEDY):
            return len(json.loads(archives.arrays(checkpoint, _REMEDY)["meta"].tobytes())["history"])
    except UserError:
        if checkpoint.exists():
            raise
        return 0  # the training ended in the meantime


def history_csv(history: list[dict[str, float]]) -> str:
    """The history as CSV text with the columns ``HISTORY``."""
    out = io.StringIO()
    writer = csv.DictWriter(out, HISTORY, lineterminator="\n")
    writer.writeheader()
    writer.writerows(history)
    return out.getvalue()


def keep_freed_memory() -> None:
    """Make glibc keep freed memory for the next training step. Call it before a framework starts its threads.

    Every step frees its activations. If glibc returns them to the system, they come back page by page: on two virtual
    cores, half of a training's time went into page faults. With another C library, this does nothing.
    """
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "mallopt"):
        mmap_threshold, top_pad, trim_threshold, arena_max = -3, -2, -1, -8  # malloc.h
        for option, value in (
            (arena_max, 1),
            (mmap_threshold, 1 << 30),
            (trim_threshold, 2**31 - 1),
            (top_pad, 1 << 28),
        ):
            libc.mallopt(option, value)


def deterministic(seed: int) -> None:
    """Set every random seed, and ask TensorFlow on GPUs for operations that give the same bits in every run."""
    os.environ.setdefault("TF_DETERMINISTIC_OPS", "1")
    import keras

    keras.utils.set_random_seed(seed)
