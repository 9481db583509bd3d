"""Collects everything measured of a run in the plain dictionary that becomes report.json.

Accuracies, recalls and agreements are fractions; intervals are 95 %, [low, high]; sizes are bytes.
"""

from __future__ import annotations

import contextlib
import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np

from convert.engine import kernels, plan
from convert.prove import parity
from convert.tflite import graph, reader
from edgekws import __version__
from edgekws import recipe as recipes
from edgekws.corpus.clips import Corpus, speakers
from edgekws.errors import UserError
from edgekws.guard import archives
from edgekws.report import metrics
from edgekws.workspace import Run

PACKAGES = {
    "tensorflow": "tensorflow",
    "keras": "keras",
    "tf_keras": "tf_keras",
    "tfmot": "tensorflow-model-optimization",
    "litert": "ai-edge-litert",
    "numpy": "numpy",
}


def collect(run: Run, clips: Corpus, ladder: parity.Ladder) -> dict[str, Any]:
    """The figures of a run that has its predictions.npz. The same inputs give the same dictionary in the same order."""
    file = archives.arrays(run.predictions, "run 'edgekws check' again")
    labels, scores = file["labels"], {name: file[name] for name in parity.RUNGS}
    model = reader.read(run.int8_model)
    return {
        "name": run.recipe.name,
        "architecture": run.recipe.model.architecture,
        "words": list(clips.words),
        "testing_clips": len(labels),
        "accuracy": {rung.name: rung.accuracy.value for rung in ladder.rungs},
        "accuracy_interval": {rung.name: list(rung.accuracy.interval) for rung in ladder.rungs},
        "correct": {rung.name: rung.accuracy.correct for rung in ladder.rungs},
        "int8_minus_float": _paired(ladder.int8_minus_float),
        "parity": _parity(ladder),
        "cost": cost(model),
        "engine_bytes": engine_bytes(model),
        "input": _port(model.input) | _heard(run.recipe.model),
        "output": _port(model.output),
        "quantization": _quantization(run),
        "training": {"float": run.read_record("train"), "qat": run.read_record("quantize")},
        "data": _data(run, clips),
        "recall": {name: recall(scores[name], labels, clips.words) for name in ("float", "int8")},
        "rejection": metrics.rejection(scores["int8"], labels, clips.words),
        "confusion": {name: metrics.confusion(scores[name], labels).tolist() for name in ("float", "int8")},
        "seed": run.recipe.seed,
        "versions": versions(),
        "recipe": recipes.to_tables(run.recipe),
    }


def cost(model: graph.Graph) -> dict[str, Any]:
    """What the int8 model costs by its file, in total and for each layer. Shapes are [time, channels]."""
    return {
        "parameters": model.parameters,
        "multiply_accumulates": model.multiply_accumulates,
        "tflite_bytes": model.file_bytes,
        "arena_bytes": model.arena_bytes,
        "layers": [_layer(layer) for layer in model.layers],
    }


def engine_bytes(model: graph.Graph) -> int | None:
    """RAM of the C engine in window mode with portable kernels, in bytes; None if it cannot run the graph."""
    with contextlib.suppress(UserError):
        return plan.plan(model, kernels.find("portable")).state_bytes
    return None


def recall(scores: np.ndarray, labels: np.ndarray, words: tuple[str, ...]) -> list[dict[str, Any]]:
    """How many of each word's clips were heard as that word. Scores are (n, classes), labels (n,)."""
    matrix = metrics.confusion(scores, labels)
    found = [metrics.Proportion(int(row[i]), int(row.sum())) for i, row in enumerate(matrix)]
    return [
        {"word": word, "correct": p.correct, "total": p.total, "recall": p.value, "interval": list(p.interval)}
        for word, p in zip(words, found, strict=True)
    ]


def versions() -> dict[str, str]:
    """The versions on this machine of edgekws, Python and the packages that a run's numbers depend on."""
    return {"edgekws": __version__, "python": platform.python_version()} | {
        name: _version(package) for name, package in PACKAGES.items()
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:  # the modules come from another package, such as a nightly build
        return "unknown"


def _paired(difference: metrics.PairedDifference) -> dict[str, Any]:
    return {
        **metrics.compared(difference),
        "only_int8_right": difference.only_a,
        "only_float_right": difference.only_b,
    }


def _parity(ladder: parity.Ladder) -> dict[str, Any]:
    return {
        "holds": ladder.holds,
        "rungs": [
            {
                "name": rung.name,
                "title": parity.TITLES[rung.name],
                "agreement": rung.agreement and rung.agreement.value,
                "agreement_interval": rung.agreement and list(rung.agreement.interval),
                "largest_difference": rung.largest_difference,
            }
            for rung in ladder.rungs
        ],
        "bounds": [vars(bound) for bound in ladder.bounds],
    }


def _port(activation: graph.Activation) -> dict[str, Any]:
    return {
        "shape": [activation.length, activation.channels],
        "scale": activation.scale,
        "zero_point": activation.zero_point,
    }


def _heard(model: recipes.Model) -> dict[str, Any]:
    return {"coding": model.coding, "level_control": model.level_control}


def _layer(layer: graph.Layer) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "kind": {"Convolution": "convolution", "MaxPool": "max pool", "Dense": "dense", "Softmax": "softmax"}[
            type(layer).__name__
        ],
        "input": [layer.input.length, layer.input.channels],
        "output": [layer.output.length, layer.output.channels],
        "parameters": layer.parameters,
        "multiply_accumulates": layer.multiply_accumulates,
        "activation_bytes": layer.output.size,
        "arena_bytes": layer.input.size + layer.output.size,
    }
    if isinstance(layer, graph.Convolution):
        facts |= {"kernel": layer.kernel, "stride": layer.stride}
    if isinstance(layer, graph.MaxPool):
        facts |= {"kernel": layer.window, "stride": layer.stride}
    return facts


def _quantization(run: Run) -> dict[str, Any]:
    """Both quantized models on the validation split, which one was kept, and its lead as a fraction."""
    record = run.read_record("convert")
    counted = {kind: metrics.Proportion(v["correct"], v["total"]) for kind, v in record["validation"].items()}
    kept = record["kept"]
    others = [p.value for kind, p in counted.items() if kind != kept]
    return {
        "kept": kept,
        "ahead_by": counted[kept].value - max(others) if others else None,
        "validation": {
            kind: {"accuracy": p.value, "interval": list(p.interval), "correct": p.correct, "total": p.total}
            for kind, p in counted.items()
        },
    }


def _data(run: Run, clips: Corpus) -> dict[str, Any]:
    counts, spoken_by = clips.counts(), speakers(clips)
    return {
        "source": clips.source,
        "licence": clips.licence,
        "counts": counts,
        "totals": {split: sum(words.values()) for split, words in counts.items()},
        "speakers": dict(spoken_by.counts),
        "speakers_nameless": spoken_by.nameless,
        "speakers_shared": spoken_by.shared,
        "preparation": vars(clips.preparation),
        "noise": [noise.name for noise in clips.noise],
        "held_out_noise": list(run.recipe.data.held_out_noise),
        "fingerprint": clips.fingerprint,
    }
