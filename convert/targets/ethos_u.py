"""Target ``ethos-u55-128``: the model compiled by Arm's Vela, once unchanged and once with time on the height axis."""

from __future__ import annotations

import csv
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from convert.engine import selftest
from convert.targets import Request, Target
from convert.targets.templates import render
from convert.tflite import time_on_h
from edgekws.errors import UserError
from edgekws.files import scratch

CONFIGURATION = "ethos-u55-128"
SRAM_LIMIT = 64 << 10  # limit of the second variant


@dataclass(frozen=True)
class Variant:
    """One way of compiling the model."""

    name: str
    title: str
    on_height: bool
    options: tuple[str, ...]


VARIANTS = (
    Variant("fastest", "time on the width axis, as trained; for speed", False, ("--optimise", "Performance")),
    Variant(
        "balanced",
        "time on the height axis; for speed within 64 KiB",
        True,
        ("--optimise", "Performance", "--arena-cache-size", str(SRAM_LIMIT)),
    ),
    Variant("smallest", "time on the height axis; for the least SRAM", True, ("--optimise", "Size")),
)


def _write(request: Request, folder: Path) -> dict[str, Any]:
    content = request.artifact.content
    estimates = []
    for variant in VARIANTS:
        compiled, summary = _vela(time_on_h.swap_axes(content) if variant.on_height else content, variant.options)
        (folder / f"{variant.name}_vela.tflite").write_bytes(compiled)
        estimates.append(
            {
                "variant": variant.name,
                "title": variant.title,
                "sram_bytes": round(float(summary["sram_memory_used"]) * 1024),
                "flash_bytes": round(float(summary["off_chip_flash_memory_used"]) * 1024),
                "cycles": round(float(summary["cycles_total"])),
                "npu_cycles": round(float(summary["cycles_npu"])),
                "milliseconds": round(float(summary["inference_time"]) * 1000, 3),
            }
        )
    system = {key: summary[key] for key in ("system_config", "memory_mode", "core_clock")}
    version = _version()
    artifact = request.artifact
    render("ethos-u", folder, name=artifact.name, words=artifact.labels, coding=artifact.coding,
           level_control=artifact.level_control,
           estimates=estimates, vela=version, **system)  # fmt: skip
    selftest.write_recordings(artifact, folder)
    return {"vela": version, "estimates": estimates} | system


def _vela(content: bytes, options: Sequence[str]) -> tuple[bytes, dict[str, str]]:
    """The compiled .tflite file, and the last row of Vela's summary as a dictionary."""
    with scratch() as made:
        source, out = made / "model.tflite", made / "out"
        source.write_bytes(content)
        _run(str(source), "--accelerator-config", CONFIGURATION, "--output-dir", str(out), *options)
        (table,) = out.glob("*_summary_*.csv")
        with table.open(newline="") as file:
            *_, summary = csv.DictReader(file)
        return (out / "model_vela.tflite").read_bytes(), summary


def _version() -> str:
    return _run("--version").strip()


def _run(*arguments: str) -> str:
    if find_spec("ethosu"):
        command = [sys.executable, "-m", "ethosu.vela"]
    elif found := shutil.which("vela"):
        command = [found]
    else:
        raise UserError("Arm's Vela is not installed; try: pip install 'edgekws[ethos-u]'")
    done = subprocess.run([*command, *arguments], capture_output=True, text=True)
    if done.returncode:
        reason = (done.stderr or done.stdout).strip().splitlines() or ["no message"]
        raise UserError(f"vela failed: {reason[-1]}; is the version one of edgekws[ethos-u]?")
    return done.stdout


TARGETS = (
    Target(
        CONFIGURATION,
        "compiled by Arm's Vela for this NPU, in three trade-offs of SRAM and speed",
        _write,
        engine=False,
        board="chips with Arm's Ethos-U55 NPU",
        checked="compiled by Vela, whose estimates the manifest has",
        of_tools=frozenset(
            ("README.md", "vela", "estimates", *(f"{variant.name}_vela.tflite" for variant in VARIANTS))
        ),
    ),
)
