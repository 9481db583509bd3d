"""Compiles C to WebAssembly by clang, without a C library. The module of small-listen ships already built."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path

from convert.engine import emulation
from convert.targets import Request
from convert.tflite import artifact
from edgekws import zoo
from edgekws.errors import UserError

MODULE = "lib/spotter.wasm"
OPTIONS = ("--target=wasm32", "-O3", "-std=c99", "-mbulk-memory", "-nostdlib", "-fvisibility=hidden")
LINKING = ("-Wl,--no-entry", "-Wl,--strip-all", "-Wl,--stack-first", "-Wl,-z,stack-size=16384")
FLAGS = {"wasm": ("-msimd128",)}  # the compiler's flags that a kernel set needs
SHIPPED = "small-listen"


def command(sources: Sequence[str], kernels: str) -> list[str]:
    """The compiler's command that makes MODULE in a bundle's folder."""
    return ["clang", *OPTIONS, *FLAGS.get(kernels, ()), "-Isrc", "-Iwasm", *sources, *LINKING, "-o", MODULE]


def build(folder: Path, line: Sequence[str]) -> tuple[str, str]:
    """Make MODULE in a bundle's folder. Returns (the compiler in words, ""), or ("", why there is none)."""
    if shutil.which("clang") is None or shutil.which("wasm-ld") is None:
        return "", "clang and wasm-ld make WebAssembly, and are not both here (apt install clang lld)"
    try:
        emulation.tool(line, folder)
    except UserError as error:
        return "", str(error)
    return emulation.tool(["clang", "--version"]).splitlines()[0], ""


def shipped(request: Request) -> bytes:
    """The shipped module for exactly this model and these thresholds; empty if there is none."""
    file = files("firmware_assets") / "page" / f"{SHIPPED}.wasm"
    if request.mode != "sliding" or request.kernels or not file.is_file():
        return b""
    theirs = _model()
    wanted = request.artifact
    if wanted.detector is None or theirs.detector is None:
        return b""
    hop = theirs.detector.settings.hop
    tuned = wanted.settings(hop) == theirs.settings(hop)
    hears = (wanted.coding, wanted.level_control, wanted.labels) == (theirs.coding, theirs.level_control, theirs.labels)
    return file.read_bytes() if tuned and hears and wanted.on_stream.content == theirs.on_stream.content else b""


@cache
def _model() -> artifact.Artifact:
    return artifact.load(zoo.folders()[SHIPPED])
