"""Target ``esphome``: an external component of ESPHome, with configurations for boards."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

from convert.targets import Request, Target, engine_sources
from convert.targets.names import plain_ascii, prefix
from convert.targets.templates import render
from edgekws.corpus.clips import rejects

KERNELS = ("portable",)


def _write(request: Request, folder: Path) -> dict[str, Any]:
    artifact = request.artifact
    component = prefix(artifact.name)
    place = folder / "components" / component
    facts = engine_sources.write(dataclasses.replace(request, mode="sliding"), place, kernels=KERNELS)
    words = [label for label in artifact.labels if not rejects(label)]
    render(
        "esphome",
        folder,
        prefix=component,
        dashed=component.replace("_", "-")[:31].rstrip("-"),  # the device's name in the network
        ascii_name=plain_ascii(artifact.name),
        labels=_quoted(artifact.labels),
        never=[index for index, label in enumerate(artifact.labels) if rejects(label)],
        words=words,
        words_in_yaml=_quoted(words),
        example=_quoted(words[:1])[2:-2],
        example_ascii=plain_ascii(words[0]),
        kernels=engine_sources.kernels_text(facts, component),
        card=bool(artifact.card),
    )
    return facts | {"component": component}


def _quoted(words: Any) -> str:
    """A list of words in quotes, as both Python and YAML read it."""
    return json.dumps(list(words), ensure_ascii=False)


TARGETS = (
    Target(
        "esphome",
        "an external component of ESPHome, with configurations for boards",
        _write,
        board="ESP32, S3, C3",
        microphone="I2S and PDM by ESPHome's microphone",
        checked="its YAML by ESPHome; its C++ run against stand-ins here",
        kernels=KERNELS,
    ),
)
