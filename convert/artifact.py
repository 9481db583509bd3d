"""What bundles and profiles are made from: a run folder, a pretrained folder, or a bare .tflite file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from convert import graph
from edgekws import recipe
from edgekws.errors import UserError


@dataclass(frozen=True, eq=False)
class Artifact:
    """An int8 model with what its file does not say: its words, and how samples are coded."""

    name: str
    graph: graph.Graph
    labels: tuple[str, ...]
    coding: str


def load(path: Path, coding: str | None = None) -> Artifact:
    """Read a run folder, a pretrained folder or a .tflite file.

    A bare file has no labels: its classes are called class_0, class_1, …; its coding is ``coding``, or linear.
    """
    if path.is_dir():
        model, labels_file, recipe_file = (path / n for n in ("model_int8.tflite", "labels.txt", "recipe.toml"))
        for needed in (model, labels_file, recipe_file):
            if not needed.exists():
                raise UserError(f"{path}: {needed.name} is missing; expected a finished run or a pretrained folder")
        labels = tuple(labels_file.read_text(encoding="utf-8").splitlines())
        made_by = recipe.load(recipe_file)
        read = graph.read(model)
        if len(labels) != read.output.size:
            raise UserError(f"{labels_file} has {len(labels)} words, the model {read.output.size} classes")
        return Artifact(made_by.name, read, labels, coding or made_by.model.coding)
    if not path.exists():
        raise UserError(f"{path}: no such run folder or .tflite file")
    read = graph.read(path)
    return Artifact(path.stem, read, tuple(f"class_{i}" for i in range(read.output.size)), coding or "linear")
