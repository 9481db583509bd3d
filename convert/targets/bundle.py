"""Bundles: a folder or zip file made from a model for one target, with a manifest by which it is checked later."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from convert import targets
from convert.targets import Request
from convert.targets.names import identifier
from convert.tflite.artifact import CARD, Artifact
from edgekws import __version__
from edgekws.errors import UserError
from edgekws.files import atomic_folder, atomic_write, sha256, writing
from edgekws.listen import detector
from edgekws.workspace import write_json

MANIFEST = "manifest.json"
MODEL = "model_int8.tflite"
_EPOCH = (1980, 1, 1, 0, 0, 0)  # zip knows no earlier time


def make(request: Request, target: str, destination: Path) -> Path:
    """Write the bundle to ``destination``, whole or not at all; a bundle that stands there is replaced.

    A zip file where the target is an archive (its name then ends in .zip), a folder otherwise. The same request gives
    the same bytes on a machine. Raises UserError where something else than an earlier bundle is in the way, and where
    kernels or mode are chosen for a target that does not run the engine.
    """
    chosen = targets.find(target)
    if not chosen.engine and (request.kernels or request.mode != "window"):
        raise UserError(f"the target {target} does not run the engine: kernels and mode cannot be chosen for it")
    _make_place(destination.parent)
    if chosen.archive:
        destination = destination.with_name(destination.name.removesuffix(".zip") + ".zip")
        _refuse_strangers(destination)
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch) / identifier(request.artifact.name)
            folder.mkdir()
            _fill(request, chosen, folder)
            atomic_write(destination, _zip(folder))
        return destination
    _refuse_strangers(destination)
    with _replaced(destination), atomic_folder(destination) as folder:
        _fill(request, chosen, folder)
    return destination


def verify(bundle: Path) -> list[str]:
    """What is wrong with a bundle, a line each; empty: nothing.

    Every file is compared with the manifest, and what this version of edgekws makes of the bundle's own model with
    what lies in it. Raises UserError where ``bundle`` is no bundle.
    """
    with _opened(bundle) as folder:
        manifest = _manifest(folder, bundle)
        found = {path: sha256(folder / path) for path in _files(folder)}
        expected = manifest["sha256"]
        problems = [f"{path} is missing" for path in sorted(set(expected) - set(found))]
        problems += [f"{path} is not of this bundle" for path in sorted(set(found) - set(expected))]
        problems += [
            f"{p} was changed (SHA-256 differs)" for p in sorted(found) if found[p] != expected.get(p, found[p])
        ]
        try:
            if not problems and manifest["versions"]["edgekws"] == __version__:
                problems += _regenerated(folder, manifest)
        except (AttributeError, KeyError, TypeError, ValueError, UserError) as error:
            problems.append(f"{MANIFEST} was changed ({error!r})")
    return problems


def _regenerated(folder: Path, manifest: dict[str, Any]) -> list[str]:
    """Files that differ from those that are made again from the bundle's model."""
    labels, hears = tuple(manifest["labels"]), (manifest["coding"], manifest.get("level_control", False))
    artifact = Artifact.of((folder / MODEL).read_bytes(), manifest["model"], labels, *hears)
    if "detector" in manifest:
        tuned = detector.Tuned(detector.from_json(manifest["detector"], labels))
        artifact = dataclasses.replace(artifact, detector=tuned)
    request = Request(artifact, manifest.get("kernels"), manifest.get("mode", "window"))
    with tempfile.TemporaryDirectory() as scratch:
        again = Path(scratch)
        _fill(request, targets.find(manifest["target"]), again)
        made = json.loads((again / MANIFEST).read_text(encoding="utf-8"))
        excused = () if made.get("image_built") == manifest.get("image_built") else manifest["files_of_compiler"]
        return [
            f"{path} is not what the model gives"
            for path in sorted(set(_files(again)) - set(excused))
            if not (folder / path).exists() or (folder / path).read_bytes() != (again / path).read_bytes()
        ]


def _fill(request: Request, target: targets.Target, folder: Path) -> None:
    artifact = request.artifact
    facts = target.write(request, folder)
    (folder / MODEL).write_bytes(artifact.content)
    if artifact.card:
        (folder / CARD).write_text(artifact.card, encoding="utf-8")
    common = {
        "target": target.name,
        "model": artifact.name,
        "model_sha256": hashlib.sha256(artifact.content).hexdigest(),
        "labels": list(artifact.labels),
        "coding": artifact.coding,
        "level_control": artifact.level_control,
        "sample_rate": 16_000,
        "window_samples": artifact.graph.input.length,
        "versions": {"edgekws": __version__},
        "licences": {"engine": "Apache-2.0", "model": "see model_card.md" if artifact.card else "unknown"},
    }
    if artifact.detector:  # of a target without the engine too, for who writes a detector there
        common["detector"] = detector.to_json(artifact.detector.settings, artifact.labels)
    sums = {path: sha256(folder / path) for path in _files(folder)}
    write_json(folder / MANIFEST, common | facts | {"sha256": sums})


def _files(folder: Path) -> list[str]:
    """Every file but the manifest, as paths with /, in order."""
    found = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return sorted(path for path in found if path != MANIFEST)


def _zip(folder: Path) -> bytes:
    """A zip of the folder under its own name, the same bytes for the same files."""
    import io

    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in (*_files(folder), MANIFEST):
            entry = zipfile.ZipInfo(f"{folder.name}/{path}", _EPOCH)
            entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
            archive.writestr(entry, (folder / path).read_bytes())
    return buffer.getvalue()


def _manifest(folder: Path, bundle: Path) -> dict[str, Any]:
    try:
        return _parsed((folder / MANIFEST).read_bytes())
    except FileNotFoundError:
        raise UserError(f"{bundle} is not a bundle: it has no {MANIFEST}") from None
    except ValueError:
        raise UserError(f"{bundle}: {MANIFEST} is damaged, or not a bundle's; make the bundle again") from None


def _parsed(text: bytes) -> dict[str, Any]:
    """A bundle's manifest; ValueError where it is none, such as a run's."""
    manifest = json.loads(text)
    try:
        if manifest["target"] and manifest["model_sha256"] and manifest["versions"]["edgekws"]:
            return manifest | {"sha256": dict(manifest["sha256"])}
    except (KeyError, TypeError):
        pass
    raise ValueError("no manifest of a bundle")


@contextlib.contextmanager
def _opened(bundle: Path) -> Iterator[Path]:
    """The bundle as a folder; a zip is unpacked beside nothing of the user's."""
    if bundle.is_dir():
        yield bundle
        return
    if not bundle.exists():
        raise UserError(f"{bundle}: no such bundle")
    with tempfile.TemporaryDirectory() as scratch:
        try:
            with zipfile.ZipFile(bundle) as archive:
                archive.extractall(scratch)  # zipfile keeps every member inside
        except (zipfile.BadZipFile, OSError) as error:
            raise UserError(f"{bundle} is neither a bundle's folder nor its zip file ({error})") from None
        top = list(Path(scratch).iterdir())
        if len(top) != 1 or not top[0].is_dir():
            raise UserError(f"{bundle} is not a bundle: its zip holds {len(top)} entries at the top, not one folder")
        yield top[0]


def _make_place(parent: Path) -> None:
    """Make the folder that a bundle goes into; a bundle within a bundle would spoil it."""
    if parent.is_dir() and _is_bundle(parent):
        raise UserError(f"{parent} is a bundle itself; choose another place with --out")
    try:
        with writing(parent):
            parent.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise UserError(f"{parent} is a file; choose another place with --out") from None


def _refuse_strangers(destination: Path) -> None:
    empty = destination.is_dir() and not any(destination.iterdir())
    if destination.exists() and not empty and not _is_bundle(destination):
        raise UserError(f"{destination} exists and is not a bundle; choose another place with --out")


def _is_bundle(path: Path) -> bool:
    """Whether a folder or a zip file has the manifest of a bundle: one of a run is none."""
    try:
        if path.is_dir():
            _parsed((path / MANIFEST).read_bytes())
        else:
            with zipfile.ZipFile(path) as archive:
                _parsed(next(archive.read(name) for name in archive.namelist() if name.endswith(f"/{MANIFEST}")))
    except (OSError, ValueError, zipfile.BadZipFile, StopIteration):
        return False
    return True


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
