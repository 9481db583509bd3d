"""A model to make bundles and profiles from: it comes from a run, a pretrained folder, a bundle or a .tflite file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from convert.tflite import graph, lowered, reader
from edgekws import recipe, zoo
from edgekws.audio import SAMPLE_RATE
from edgekws.corpus.clips import UNKNOWN
from edgekws.errors import UserError
from edgekws.guard import untrusted
from edgekws.listen.detector import FILE as DETECTOR_FILE
from edgekws.listen.detector import Gate, Settings, Tuned, after_talk, default, fitting, from_json
from edgekws.listen.detector import read as read_detector
from edgekws.model.coding import CODINGS
from edgekws.text import normal

CARD = "model_card.md"
MANIFEST = "manifest.json"
MODEL = "model_int8.tflite"  # the file's name in runs, pretrained folders and bundles
OPEN_SECONDS = 5.0  # for which words count after a phrase that opens them


@dataclass(frozen=True, eq=False)
class Artifact:
    """An int8 model, with what its file does not contain: its words, coding, front end and detector."""

    name: str
    graph: graph.Graph
    labels: tuple[str, ...]
    coding: str
    content: bytes  # the .tflite file
    detector: Tuned | None = None  # None: the model was not tuned
    card: str = ""  # the model card's text: data, licence, limits
    level_control: bool = False  # whether the front end brings sound to one level
    gate: Gate = field(default_factory=Gate)  # when words count
    logit_adjustment: float = 0.0  # nats by which _unknown_ is likelier on a stream
    alone: float | None = None  # how much higher thresholds are after talk at most; None: as tuned

    @classmethod
    def of(
        cls,
        content: bytes,
        name: str,
        labels: tuple[str, ...] = (),
        coding: str = "linear",
        level_control: bool = False,
    ) -> Artifact:
        """An artifact from the bytes of a .tflite file. Without labels its classes are called class_0, class_1, …"""
        read = reader.read(content)
        labels = labels or tuple(f"class_{i}" for i in range(read.output.size))
        if len(labels) != read.output.size:
            raise UserError(
                f"{name} has {len(labels)} words, but its model has {read.output.size} classes; expected a word for "
                "each"
            )
        return cls(name, read, labels, coding, content, level_control=level_control)

    def at(self, per_hour: float | None) -> Artifact:
        """The same with the detector tuned for ``per_hour`` false accepts an hour; with None unchanged. A UserError if
        the model was not tuned for that."""
        if per_hour is None:
            return self
        if self.detector is None:
            raise UserError(
                f"{self.name} was not tuned to any number of false accepts an hour; 'edgekws tune' does that"
            )
        return replace(self, detector=self.detector.at(per_hour))

    def opened(self, opened_by: Sequence[str], seconds: float | None = None) -> Artifact:
        """The same, its words to count only for these seconds (5) after one of the phrases, or, without any, after the
        program says so; with neither as it is. Raises UserError for a phrase that is no word of the model."""
        if not opened_by and seconds is None:
            return self
        gate = Gate(tuple(map(normal, opened_by)), OPEN_SECONDS if seconds is None else seconds)
        gate.on(default(self.labels, SAMPLE_RATE), self.labels)
        return replace(self, gate=gate)

    def said_alone(self, share: float | None) -> Artifact:
        """The same with thresholds that are up to ``share``, 0 to 1, higher for a word that follows talk; with None as
        it is. Raises UserError for another share, and if the model has no class _unknown_."""
        if share is None:
            return self
        after_talk(default(self.labels, SAMPLE_RATE), self.labels, share)
        return replace(self, alone=share)

    @cached_property
    def on_stream(self) -> Artifact:
        """The model as it scores a stream: all classes but _unknown_ are lowered by ``logit_adjustment``, since what is
        said there is hardly ever one of the words. Without an adjustment it is the model itself. Raises UserError if
        the model has no class _unknown_."""
        if not self.logit_adjustment:
            return self
        if UNKNOWN not in self.labels:
            raise UserError(f"detector.logit_adjustment needs a model with the class {UNKNOWN}; {self.name} has none")
        others = [i for i, label in enumerate(self.labels) if label != UNKNOWN]
        content = lowered.lower(self.content, others, self.logit_adjustment)
        return replace(self, graph=reader.read(content), content=content, logit_adjustment=0.0)

    def in_mode(self, mode: str) -> Artifact:
        """The model as the engine computes it: in mode "sliding" as on a stream, in mode "window" as for a clip."""
        return self.on_stream if mode == "sliding" else self

    def settings(self, hop: int) -> Settings:
        """The detector's for a result every ``hop`` samples: as the model was tuned for that, else the default."""
        settings = fitting(self.detector, self.labels, hop, self.graph.input.length)
        if self.alone is not None:
            settings = after_talk(settings, self.labels, self.alone)
        return self.gate.on(settings, self.labels)


def load(named: str | Path, coding: str | None = None, level_control: bool | None = None) -> Artifact:
    """Read a run, a shipped model, a bundle or a .tflite file, found by ``zoo.place``.

    The words of a .tflite file come from labels.txt beside it, if there is one. ``coding`` and ``level_control``, if
    given, replace those of the folder's recipe; for a .tflite file they default to linear and no level control. A
    bundle keeps its own. Raises UserError if a file is missing, damaged or does not fit the others.
    """
    path = zoo.place(named)
    if path.name == MODEL and (path.parent / "recipe.toml").exists():
        path = path.parent
    if (path / MANIFEST).exists() and not (path / "labels.txt").exists():
        return of_bundle(path)
    made = _of_run(path) if path.is_dir() else _of_file(path)
    return replace(
        made,
        coding=made.coding if coding is None else coding,
        level_control=made.level_control if level_control is None else level_control,
    )


def of_bundle(folder: Path, name: untrusted.Name = "") -> Artifact:
    """The model that a bundle was made from, with its detector and card, from the bundle's own files.

    Errors call the manifest ``name``, or by its path. Raises UserError if the folder is no complete bundle, or a value
    in its manifest cannot be right.
    """
    manifest = untrusted.json_object(folder / MANIFEST)
    content = untrusted.content(folder / MODEL, untrusted.MODEL_BYTES)
    name = name or folder / MANIFEST
    with untrusted.reading(name, "manifest", "make the bundle again"):
        labels, level_control = manifest["labels"], manifest.get("level_control", False)
        if not isinstance(labels, list) or not all(isinstance(word, str) for word in (manifest["model"], *labels)):
            raise ValueError("labels and model are not words")
        if manifest["coding"] not in CODINGS or not isinstance(level_control, bool):
            raise ValueError(f"expected a coding of {', '.join(CODINGS)}, and level_control true or false")
        untrusted.check_labels(tuple(labels), name)
        nats = float(manifest.get("logit_adjustment", 0))
        if not 0 <= nats <= recipe.MOST_NATS:
            raise ValueError(f"logit_adjustment is 0 to {recipe.MOST_NATS:g}, got {nats}")
        tuned = Tuned(from_json(manifest["detector"], labels)) if "detector" in manifest else None
        made = Artifact.of(content, manifest["model"], tuple(labels), manifest["coding"], level_control)
        return replace(made, detector=tuned, card=_card(folder), logit_adjustment=nats)


def _of_run(folder: Path) -> Artifact:
    """The model in a run's folder, or in one of a model that ships."""
    model, labels_file, recipe_file = (folder / name for name in (MODEL, "labels.txt", "recipe.toml"))
    for needed in (model, labels_file, recipe_file):
        if not needed.exists():
            raise UserError(
                f"{folder}: {needed.name} is missing; expected a finished run ('edgekws run') or a pretrained folder"
            )
    made_by = recipe.load(recipe_file)
    content = untrusted.content(model, untrusted.MODEL_BYTES)
    read = reader.parse(content, str(model))
    labels = untrusted.labels(labels_file, read.output.size)
    return Artifact(
        made_by.name,
        read,
        labels,
        made_by.model.coding,
        content,
        detector=read_detector(folder / DETECTOR_FILE, labels) if (folder / DETECTOR_FILE).exists() else None,
        card=_card(folder),
        level_control=made_by.model.level_control,
        gate=Gate(made_by.detector.opened_by, made_by.detector.open_seconds),
        logit_adjustment=made_by.detector.logit_adjustment,
    )


def _of_file(path: Path) -> Artifact:
    """The model in a .tflite file, with the words beside it."""
    content = untrusted.content(path, untrusted.MODEL_BYTES)
    read, beside = reader.parse(content, str(path)), path.with_name("labels.txt")
    return Artifact.of(content, path.stem, untrusted.labels(beside, read.output.size) if beside.exists() else ())


def _card(folder: Path) -> str:
    return untrusted.read_text(folder / CARD) if (folder / CARD).exists() else ""
