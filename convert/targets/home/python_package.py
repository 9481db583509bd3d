"""Target ``python``: a package that pip builds with any C compiler, with a Wyoming service for Home Assistant."""

from __future__ import annotations

import dataclasses
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from convert.targets import Request, Target, engine_sources
from convert.targets.boards import ON_A_PC
from convert.targets.names import plain_ascii, prefix
from convert.targets.templates import render
from convert.tflite.artifact import Artifact
from edgekws import __version__
from edgekws.errors import UserError

_OPTIONS = ("-std=c99", "-O3", "-shared", "-fPIC")


def _write(request: Request, folder: Path, *, measure: bool = True) -> dict[str, Any]:
    artifact, always = request.artifact, dataclasses.replace(request, mode="sliding")
    facts = engine_sources.write(always, folder / "engine", kernels=ON_A_PC, measure=measure)
    package = prefix(artifact.name)
    render(
        "python",
        folder,
        prefix=package,
        ascii_name=plain_ascii(artifact.name),
        version=__version__,
        words=artifact.labels,
        kernels=engine_sources.kernels_text(facts, package),
        card=bool(artifact.card),
    )
    return facts | {"package": package}


def importable(artifact: Artifact, folder: Path) -> str:
    """Make the bundle's package in an empty folder and compile its engine without pip. Returns the package's name,
    which can be imported from ``folder / "src"``. Raises UserError if there is no C compiler, or it fails."""
    compiler = next((cc for cc in (os.environ.get("CC", ""), "cc", "gcc", "clang") if cc and shutil.which(cc)), None)
    if compiler is None:
        raise UserError("no C compiler was found; on Debian: apt install gcc libc6-dev")
    package = str(_write(Request(artifact), folder, measure=False)["package"])
    sources = sorted(str(path) for path in (folder / "engine").glob("*.c"))
    library = folder / "src" / package / "_engine.so"
    for native in (("-march=native",), ()):
        command = [compiler, *_OPTIONS, *native, *sources, "-o", str(library)]
        done = subprocess.run(command, capture_output=True, text=True, errors="replace")
        if done.returncode == 0:
            return package
    told = done.stderr.strip().splitlines() or ["no message"]
    raise UserError(f"{compiler} could not compile the engine: {told[-1]}")


TARGETS = (
    Target(
        "python",
        "a Python package with a Wyoming service for Home Assistant",
        _write,
        board="Raspberry Pi, PCs: Linux, macOS",
        microphone="any, by sounddevice, arecord or parec",
        checked="installed by pip and run here; its engine for 64-bit Arm by QEMU; Wyoming's own client",
        kernels=ON_A_PC,
    ),
)
