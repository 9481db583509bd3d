"""Targets ``android`` and ``ios``: the engine that listens, a sample app, and a class that uses MediaPipe."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from convert.engine import selftest
from convert.targets import Request, Target, engine_sources
from convert.targets.names import identifier, prefix
from convert.targets.templates import render
from convert.tflite import mediapipe
from edgekws import __version__
from edgekws.audio import SAMPLE_RATE
from edgekws.listen.detector import from_json

KERNELS = ("neon", "portable")  # neon needs nothing but a 64-bit Arm; emulators on x86 take the other


def _write_android(request: Request, folder: Path) -> dict[str, Any]:
    return _write("android", request, folder, "edgekws/src/main/assets", "listen/src/main/cpp/engine")


def _write_ios(request: Request, folder: Path) -> dict[str, Any]:
    module = f"Sources/C{prefix(request.artifact.name)}"
    facts = _write("ios", request, folder, "MediaPipe/Sources/EdgeKWS", module)
    public = folder / module / "include"  # what Swift sees: plain functions, without the engine's large structs
    for pattern in ("*_stream.h", "*_model.h", "*_model_*.h"):
        for header in (folder / module).glob(pattern):
            if "_selftest_model" not in header.name:
                header.rename(public / header.name)
    return facts


def _write(template: str, request: Request, folder: Path, place: str, engine: str) -> dict[str, Any]:
    artifact, named = request.artifact, prefix(request.artifact.name)
    made = mediapipe.build(artifact.content, artifact.labels, artifact.coding)
    facts = engine_sources.write(request, folder / engine, kernels=KERNELS, measure=False)
    settings = from_json(facts["detector"], artifact.labels)
    render("stream", folder / engine, prefix=named)
    render(
        template,
        folder,
        prefix=named,
        name=artifact.name,
        identifier=identifier(artifact.name),
        version=__version__,
        words=artifact.labels,
        window=artifact.graph.input.size,
        hop=facts["hop_samples"],
        averaged=settings.results,
        delay=settings.delay,
        sample_rate=SAMPLE_RATE,
        level_control=artifact.level_control,
        mode=facts["mode"],
        sources=sorted(path.name for path in (folder / engine).glob("*.c")),
    )
    (folder / place).mkdir(parents=True, exist_ok=True)
    (folder / place / "edgekws.tflite").write_bytes(made)
    selftest.write_recordings(artifact, folder)
    return facts | {"phone_model_bytes": len(made)}


TARGETS = (
    Target(
        "android",
        "Gradle modules that listen (the engine and its detector), with a sample app, or classify by MediaPipe Tasks",
        _write_android,
        board="phones with Android 7 or later",
        microphone="the phone's",
        checked="Kotlin and engine run on a JVM here, the model by MediaPipe Tasks; not built by Gradle",
    ),
    Target(
        "ios",
        "a Swift package that listens (the engine and its detector), with a sample screen, or classifies by MediaPipe",
        _write_ios,
        board="iPhones with iOS 15 or later",
        microphone="the phone's",
        checked="compiled by Swift 6 on Linux and run there, the model by MediaPipe Tasks; not by Xcode, on no phone",
    ),
)
