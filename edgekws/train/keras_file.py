"""Checks a .keras file before Keras loads it: it must be a network of this project, not too large, without code."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from edgekws.guard import archives, untrusted

REMEDY = "train that run again"
WEIGHTS, CONFIG = "model.weights.h5", "config.json"
_MOST_ITEMS = 10_000  # in the weights file
# the layers of network.build; a Lambda contains code, and other classes of Keras open files or addresses
LAYERS = {"InputLayer", "Conv2D", "BatchNormalization", "MaxPooling2D", "ReLU", "Flatten", "Dropout", "Dense"}
OTHERS = {"Functional", "DTypePolicy", "GlorotUniform", "HeNormal", "Ones", "Zeros", "__keras_tensor__"}
CLASSES = LAYERS | OTHERS


def check(path: Path) -> None:
    """Raise UserError if the file is damaged, too large, or has a layer that no network of edgekws has."""
    files = archives.members(path, "Keras model", REMEDY)
    with untrusted.reading(path, "Keras model", REMEDY):
        config = untrusted.parse_json(files[CONFIG], f"{path}: {CONFIG}", REMEDY)
        for module, name in _classes(config):
            if name not in CLASSES or str(module or "keras").split(".")[0] != "keras":
                raise ValueError(f"it holds {module}.{name}, which no network of edgekws does; nothing of it was run")
        _check_weights(files[WEIGHTS])


def _classes(config: Any) -> Iterator[tuple[Any, Any]]:
    """Module and name of every class that Keras would create for this configuration."""
    if isinstance(config, dict):
        if "class_name" in config:
            yield config.get("module"), config["class_name"]
        for value in config.values():
            yield from _classes(value)
    elif isinstance(config, list):
        for value in config:
            yield from _classes(value)


def _check_weights(data: bytes) -> None:
    """Raise ValueError unless the weights are in the file itself, and no few bytes of HDF5 stand for gigabytes."""
    import h5py

    total = seen = 0

    def visit(group: Any) -> None:
        nonlocal total, seen
        for name in group:
            seen += 1  # groups can contain each other
            if seen > _MOST_ITEMS or not isinstance(group.get(name, getlink=True), h5py.HardLink):
                raise ValueError(f"the weights {name!r} lie elsewhere, or are too many")
            item = group[name]
            if isinstance(item, h5py.Group):
                visit(item)
                continue
            total += item.size * item.dtype.itemsize
            if item.external or item.is_virtual or total > untrusted.MODEL_BYTES:
                raise ValueError(f"the weights {name!r} lie elsewhere, or are too many")

    with h5py.File(io.BytesIO(data)) as file:
        visit(file)
