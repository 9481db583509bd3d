"""Target ``web``: the engine as WebAssembly, with a page that listens and an npm package."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from convert.targets import MEASURED, Request, Target, engine_sources
from convert.targets.browser import webassembly
from convert.targets.names import prefix
from convert.targets.templates import render
from edgekws import __version__
from edgekws.audio import SAMPLE_RATE
from edgekws.listen.detector import NEVER, from_json

KERNELS = "wasm"
OF_COMPILER = {webassembly.MODULE, "README.md", "image", "image_built", "wasm_bytes"}


def _write(request: Request, folder: Path) -> dict[str, Any]:
    artifact, named = request.artifact, prefix(request.artifact.name)
    facts = engine_sources.write(request, folder / "src", kernels=(KERNELS,), measure=False)
    settings = from_json(facts["detector"], artifact.labels)
    sources = sorted(f"src/{path.name}" for path in (folder / "src").glob("*.c"))
    line = webassembly.command([*sources, f"wasm/{named}_wasm.c"], request.kernels or KERNELS)
    (folder / "lib").mkdir()
    values = {
        "name": artifact.name,
        "words": artifact.labels,
        "card": bool(artifact.card),
        "version": __version__,
        "sample_rate": SAMPLE_RATE,
        "window": facts["window_samples"],
        "hop": facts["hop_samples"],
        "averaged": settings.results,
        "delay": settings.delay,
        "thresholds": [None if t == NEVER else t / 256 for t in settings.thresholds],
        "command": line,
        "state": facts["kernel_sets"][0]["state_bytes"],
    }
    render("stream", folder / "wasm", prefix=named)
    render("web", folder, prefix=named, **values)
    compiler, why_not = webassembly.build(folder, line)
    if not compiler and (made := webassembly.shipped(request)):
        (folder / webassembly.MODULE).write_bytes(made)
        compiler = "edgekws's makers: it ships"
    size = (folder / webassembly.MODULE).stat().st_size if compiler else None
    if compiler:
        os.chmod(folder / webassembly.MODULE, 0o644)
    render("web-readme", folder, prefix=named, built=compiler, why_not=why_not, wasm_bytes=size, **values)
    built = f"by {compiler}" if compiler else f"no: {why_not}"
    return facts | {"image": webassembly.MODULE if compiler else None, "image_built": built, "wasm_bytes": size}


TARGETS = (
    Target(
        "web",
        "a page that listens in the browser, and an npm package: the engine as WebAssembly",
        _write,
        of_tools=MEASURED | OF_COMPILER,
        board="Chrome, Edge, Safari, Firefox, node",
        microphone="the browser's",
        checked="run in node and in headless Chromium here",
    ),
)
