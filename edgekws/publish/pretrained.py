"""Turns a finished run into a shipped model."""

from __future__ import annotations

import shutil
from pathlib import Path

from edgekws import recipe, workspace, zoo
from edgekws.corpus import other_sound
from edgekws.errors import UserError
from edgekws.files import atomic_folder, atomic_write, foreign, replaced, sha256
from edgekws.guard import untrusted
from edgekws.publish import licences
from edgekws.report import front_matter, run_report
from edgekws.workspace import Run

KEPT = ("float.keras", "history.csv", "qat_history.csv", "model_int8.tflite", "model_phone.tflite", "labels.txt",
        "detector.json", "heard.json")  # fmt: skip
CARD = "model_card.md"
GIT_ATTRIBUTES = "*.keras filter=lfs diff=lfs merge=lfs -text\n*.tflite filter=lfs diff=lfs merge=lfs -text\n"


def publish(
    run: Run, destination: Path, *, source: str | None, recordings: Path | None = None, hub: bool = False
) -> Path:
    """Copy a finished run to ``destination`` as a shipped model. An earlier model there is replaced.

    ``source`` describes the recordings of words in one line. It replaces the path on this machine in report.json and
    the model card. Of its paths, the recipe keeps only the last part. ``source`` may be None if the run names no path.
    ``recordings``: a list as `edgekws collect` reads it; the card quotes its licences, and a Hub repository gets it.
    ``hub``: use the layout of a Hugging Face Hub repository, with the card as README.md. Raises UserError for a run
    without a report, with changed files or with a broken bound.
    """
    if not run.report.exists() or not run.manifest.exists():
        raise UserError(f"{run.folder} is not finished: it has no report; 'edgekws run' or 'edgekws check' makes it")
    workspace.require_whole(run)
    figures = run.read_report()
    if not figures["parity"]["holds"]:
        raise UserError(f"{run.folder}: a bound of its parity ladder is broken ('edgekws check' says which)")
    if destination.resolve() == run.folder.resolve():
        raise UserError(f"{destination} is the run itself, which would be replaced; choose another folder")
    if destination.exists() and not (destination / "model_int8.tflite").exists():
        raise UserError(f"{destination} exists and is not a published model; choose another place")
    if destination.exists() and (changed := _changed(destination)):
        raise UserError(
            f"{destination} has files that were not published there, or that changed since: {', '.join(changed)}; move "
            "them away, or choose another place"
        )
    named = zoo.public(run.recipe)
    card = run.folder / CARD
    if source is None and (named != run.recipe or not card.exists()):
        raise UserError(f"--source: say in one line what the recordings of {run.folder} were, in place of their path")
    if source is not None:
        figures["data"]["source"] = other_sound.source(source, run.recipe.data.unknown_from)
    figures["recipe"] = recipe.to_tables(named)
    if recordings is not None:
        data = figures["data"]
        data["licence"] = licences.quoted(data["licence"], run.recipe.data.unknown_from, recordings)
    made = source is not None or recordings is not None
    text = run_report.model_card(figures) if made else untrusted.read_text(card)
    if hub and not text.startswith("---\n"):
        text = front_matter.of_figures(figures) + text
    with replaced(destination), atomic_folder(destination) as folder:
        for name in KEPT:
            if (run.folder / name).exists():
                shutil.copyfile(run.folder / name, folder / name)
        atomic_write(folder / "recipe.toml", recipe.to_toml(named))
        workspace.write_json(folder / "report.json", figures)
        atomic_write(folder / CARD, text)
        if hub:
            atomic_write(folder / "README.md", text)
            atomic_write(folder / ".gitattributes", GIT_ATTRIBUTES)
            if recordings is not None:
                shutil.copyfile(recordings, folder / recordings.name)
        facts = {"versions": figures["versions"], "seed": run.recipe.seed, "data": figures["data"]}
        sums = {path.name: sha256(path) for path in sorted(folder.iterdir())}
        workspace.write_json(folder / "manifest.json", facts | {"sha256": sums})
    return destination


def _changed(published: Path) -> list[str]:
    """Paths in a published model's folder that differ from its manifest."""
    manifest = published / "manifest.json"
    sums = untrusted.json_object(manifest).get("sha256")
    return foreign(published, (sums if isinstance(sums, dict) else {}) | {manifest.name: sha256(manifest)})
