"""A run folder as it stands when its report is written, made without training: random weights, scores as asked for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import synthetic_tflite

from convert.prove import parity
from edgekws import recipe, workspace
from edgekws.audio import Preparation
from edgekws.corpus.clips import SPLITS, Clip, Corpus, rejects
from edgekws.model import catalogue
from edgekws.train import loop
from edgekws.workspace import Run

EPOCH = {"loss": 1.0, "accuracy": 0.5, "val_loss": 1.2, "val_accuracy": 0.4, "learning_rate": 0.001}


def corpus(words: tuple[str, ...], per_split: int = 10, source: str = "made for tests") -> Corpus:
    """`per_split` clips of each word in every split, each of other noise."""
    clips = tuple(
        Clip(f"{word}/{split}-{n}.wav", word, f"{split} speaker {n}", split)
        for split in SPLITS
        for word in words
        for n in range(per_split)
    )
    samples = np.random.default_rng(0).integers(-9000, 9000, (len(clips), 16_000)).astype(np.int16)
    return Corpus(words, clips, samples, (), Preparation(len(clips), padded=3), source, "CC0", "f" * 64)


def near_labels(labels: np.ndarray, classes: int, wrong: int) -> np.ndarray:
    """Probabilities float32 (n, classes) whose top word is right but for the first `wrong` clips, ever less surely."""
    heard = np.where(np.arange(len(labels)) < wrong, (labels + 1) % classes, labels)
    top = np.linspace(0.9, 0.6, len(labels), dtype=np.float32)
    scores = np.repeat(((1 - top) / (classes - 1))[:, None], classes, axis=1)
    scores[np.arange(len(labels)), heard] = top
    return scores


def history(epochs: int) -> str:
    """A history.csv of epochs that are all alike."""
    return loop.history_csv([{"epoch": n + 1} | EPOCH for n in range(epochs)])


def build(folder: Path, clips: Corpus, *, wrong: int = 2, float_wrong: int = 2, qat_epochs: int = 2) -> Run:
    """The folder up to predictions.npz, with `wrong` clips heard wrongly by int8 and `float_wrong` by float."""
    tables = {
        "name": "made",
        "data": {"words": [word for word in clips.words if not rejects(word)]},
        "quantization": {"epochs": qat_epochs},
    }
    run = workspace.open_run(folder / "made", recipe.from_tables(tables))
    workspace.begin(run, clips)
    architecture = catalogue.find(run.recipe.model.architecture).architecture
    run.int8_model.write_bytes(synthetic_tflite.build(architecture, len(clips.words)))
    run.history.write_text(history(3))
    float_facts = {"device": "CPU (2 cores)", "backend": "tensorflow", "clips_per_second": 40.5}
    run.write_record("train", float_facts | {"epochs": 3, "best_epoch": 2, "validation_accuracy": 0.4})
    found, facts = {"ptq": {"correct": 180, "total": 200, "accuracy": 0.9}}, {"epochs": qat_epochs}
    if qat_epochs:
        (run.folder / "qat_history.csv").write_text(history(qat_epochs))
        found["qat"] = {"correct": 183, "total": 200, "accuracy": 0.915}
        facts |= {"learned": "the float model's scores", "best_epoch": 1, "clips_per_second": 39.0}
    run.write_record("quantize", facts)
    run.write_record("convert", {"kept": "qat" if qat_epochs else "ptq", "validation": found})
    labels, classes = clips.split("testing").labels, len(clips.words)
    scores = dict.fromkeys(parity.RUNGS, near_labels(labels, classes, wrong))
    scores["float"] = near_labels(labels, classes, float_wrong)
    workspace.save_arrays(run.predictions, {"labels": labels} | scores)
    return run


def ladder(run: Run) -> parity.Ladder:
    """The parity ladder over the run's predictions."""
    with np.load(run.predictions) as file:
        return parity.climb({name: file[name] for name in parity.RUNGS}, file["labels"], run.recipe.parity)
