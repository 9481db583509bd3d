"""Targets ``android`` and ``ios``: model_phone.tflite with a small class that records and classifies by MediaPipe."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from convert.engine import selftest
from convert.targets import Request, Target
from convert.targets.templates import render
from convert.tflite import mediapipe
from edgekws.audio import SAMPLE_RATE


def _write_android(request: Request, folder: Path) -> dict[str, Any]:
    return _write("android", request, folder, "edgekws/src/main/assets")


def _write_ios(request: Request, folder: Path) -> dict[str, Any]:
    return _write("ios", request, folder, "Sources/EdgeKWS")


def _write(template: str, request: Request, folder: Path, place: str) -> dict[str, Any]:
    artifact = request.artifact
    made = mediapipe.build(artifact.content, artifact.labels, artifact.coding)
    window = artifact.graph.input.size
    render(
        template,
        folder,
        name=artifact.name,
        words=artifact.labels,
        window=window,
        sample_rate=SAMPLE_RATE,
        level_control=artifact.level_control,
    )
    (folder / place).mkdir(parents=True, exist_ok=True)
    (folder / place / "edgekws.tflite").write_bytes(made)
    selftest.write_recordings(artifact, folder)
    return {"phone_model_bytes": len(made)}


TARGETS = (
    Target(
        "android",
        "a Gradle module that records and classifies by MediaPipe Tasks",
        _write_android,
        engine=False,
        board="phones with Android 7 or later",
        microphone="the phone's",
        checked="its model by MediaPipe Tasks here",
    ),
    Target(
        "ios",
        "a Swift package that does the same",
        _write_ios,
        engine=False,
        board="iPhones with iOS 15 or later",
        microphone="the phone's",
        checked="its model by MediaPipe Tasks here; its Swift was parsed",
    ),
)
