"""Bundles: a folder made from a model that builds as it is. One target so far: C99 sources."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from convert import c_source
from convert.artifact import Artifact
from edgekws.errors import UserError
from edgekws.files import atomic_folder, sha256
from edgekws.workspace import write_json

TARGETS = ("c99",)


def make(
    artifact: Artifact, target: str, destination: Path, *, kernels: str = "portable", mode: str = "window"
) -> Path:
    """Write the bundle into ``destination``, whole or not at all; a bundle that stands there is replaced.

    The same model gives the same bytes. Raises UserError where ``destination`` holds anything but an earlier bundle.
    """
    if target not in TARGETS:
        raise UserError(f"no target is called '{target}'; choose one of {', '.join(TARGETS)}")
    if destination.exists() and not (destination / "manifest.json").exists():
        raise UserError(f"{destination} exists and is not a bundle (no manifest.json); choose another place with --out")
    with _replaced(destination), atomic_folder(destination) as folder:
        plan = c_source.generate(
            artifact.graph, artifact.labels, folder, kernels=kernels, coding=artifact.coding, mode=mode
        )
        facts = {
            "target": target,
            "model": artifact.name,
            "kernels": kernels,
            "mode": mode,
            "coding": artifact.coding,
            "window_samples": plan.window,
            "hop_samples": plan.hop,
            "sample_rate": 16_000,
            "classes": plan.classes,
            "state_bytes": plan.state_bytes,
            "engine_licence": "Apache-2.0",
        }
        sums = {path.name: sha256(path) for path in sorted(folder.iterdir())}
        write_json(folder / "manifest.json", facts | {"sha256": sums})
    return destination


@contextlib.contextmanager
def _replaced(destination: Path) -> Iterator[None]:
    """Move an earlier bundle aside, remove it when the new one stands, and put it back when that fails."""
    old = destination.with_name(f".{destination.name}.old")
    if destination.exists():
        shutil.rmtree(old, ignore_errors=True)
        destination.rename(old)
    try:
        yield
    except BaseException:
        if old.exists() and not destination.exists():
            old.rename(destination)
        raise
    shutil.rmtree(old, ignore_errors=True)
