"""A run's folder: the place of each file, the recipe, and the steps that are done."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import re
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edgekws import recipe as recipes
from edgekws import zoo
from edgekws.audio import Preparation
from edgekws.corpus import heard, other_sound
from edgekws.corpus.clips import Corpus, rejects
from edgekws.corpus.sources import NAMED
from edgekws.errors import UserError
from edgekws.files import atomic_write, scratch, sha256, writing
from edgekws.guard import untrusted
from edgekws.listen import detector
from edgekws.recipe import Recipe

_SHIPPED = ("recipe.toml", "float.keras", "model_int8.tflite", "model_phone.tflite", "labels.txt")  # in every manifest


@dataclass(frozen=True)
class Run:
    """A run folder and its recipe. Files are written atomically, so a file that exists is complete."""

    folder: Path
    recipe: Recipe

    @property
    def recipe_file(self) -> Path:
        return self.folder / "recipe.toml"

    @property
    def corpus_file(self) -> Path:
        return self.folder / "corpus.json"

    @property
    def heard(self) -> Path:
        return self.folder / heard.FILE

    @property
    def clips_file(self) -> Path:
        return self.folder / "clips.json"

    @property
    def float_model(self) -> Path:
        return self.folder / "float.keras"

    @property
    def history(self) -> Path:
        return self.folder / "history.csv"

    @property
    def quantized(self) -> Path:
        return self.folder / "fake_quant.npz"

    @property
    def int8_model(self) -> Path:
        return self.folder / "model_int8.tflite"

    @property
    def phone_model(self) -> Path:
        return self.folder / "model_phone.tflite"

    @property
    def labels(self) -> Path:
        return self.folder / "labels.txt"

    @property
    def predictions(self) -> Path:
        return self.folder / "predictions.npz"

    @property
    def report(self) -> Path:
        return self.folder / "report.json"

    @property
    def profile(self) -> Path:
        return self.folder / "profile.json"

    @property
    def robustness(self) -> Path:
        return self.folder / "robustness.json"

    @property
    def listening(self) -> Path:
        return self.folder / "listening.json"

    @property
    def detector(self) -> Path:
        return self.folder / detector.FILE

    @property
    def manifest(self) -> Path:
        return self.folder / "manifest.json"

    def state(self, name: str) -> Path:
        """The path of a file for unfinished work."""
        return self.folder / "state" / name

    def record(self, name: str) -> Path:
        """The path of a step's record, JSON with what it measured. Steps: train, quantize, convert."""
        return self.folder / "records" / f"{name}.json"

    def write_record(self, name: str, values: dict[str, Any]) -> None:
        write_json(self.record(name), values)

    def read_record(self, name: str) -> dict[str, Any]:
        """The record that a step wrote. If the step did not run yet, a UserError says which command to run."""
        if not self.record(name).exists():
            raise UserError(f"{self.folder}: step '{name}' has not run yet; 'edgekws {name}' does it")
        return untrusted.json_object(self.record(name), f"remove it, and run 'edgekws {name}' again")

    def read_report(self) -> dict[str, Any]:
        """The figures of the last check, as in report.json. A UserError if there was none."""
        return untrusted.json_object(self.report, "run 'edgekws check' again")

    def identity(self, corpus: Corpus, *origins: str) -> str:
        """All that unfinished work depends on, as text: the recipe without its name, detector and bounds, and the
        recordings.

        ``origins`` are the SHA-256 of models that the recipe names only by their runs.
        """
        tables = recipes.to_tables(_anywhere(self.recipe))
        for key in ("name", "detector", "parity"):
            del tables[key]
        text = json.dumps([tables, corpus.fingerprint, *origins], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


def open_run(folder: Path, recipe: Recipe) -> Run:
    """The run in ``folder``, which ``begin`` creates. A UserError if the folder belongs to another recipe."""
    run = Run(folder, recipe)
    if run.recipe_file.exists():
        other = load_run(folder).recipe
        if differences := _differences(_anywhere(other), _anywhere(recipe)):
            raise UserError(
                f"{folder} is a run of another recipe (it differs in {', '.join(differences)}); "
                "choose another name, or remove the folder"
            )
        return run
    # killing ``begin`` leaves empty folders and a half-written recipe
    if folder.exists() and (
        not folder.is_dir() or any(path.is_file() and path.suffix != ".partial" for path in folder.rglob("*"))
    ):
        raise UserError(f"{folder} exists and is not a run folder (no recipe.toml); choose another name")
    return run


def load_run(folder: Path) -> Run:
    """The run in ``folder``, with the recipe that made it. A UserError if there is none."""
    if folder.is_file():
        raise UserError(f"{folder} is a file; expected the folder of a run, which holds recipe.toml and float.keras")
    if not folder.is_dir():
        raise UserError(f"{folder}: no such run folder ('edgekws run' makes one under runs/)")
    if not (folder / "recipe.toml").exists():
        raise UserError(f"{folder} is not a run folder: it has no recipe.toml; 'edgekws run' makes one")
    return Run(folder, recipes.load(folder / "recipe.toml"))


def listed(run: Run) -> dict[str, str] | None:
    """{name: split} of the recordings and noises that the run began with; None if it has not begun."""
    return untrusted.json_object(run.clips_file, "remove it") if run.clips_file.exists() else None


def as_begun(run: Run, corpus: Corpus) -> tuple[Corpus, int]:
    """The corpus with the preparation that was noted when the run began, and how many recordings came later."""
    if not run.corpus_file.exists():
        return corpus, 0
    known = untrusted.json_object(run.corpus_file, "remove it").get("preparation", {})
    names = {field.name for field in dataclasses.fields(Preparation)}
    preparation = Preparation(**{key: int(count) for key, count in known.items() if key in names})
    left_out = preparation.left_out + preparation.copies_left_out
    return dataclasses.replace(corpus, preparation=preparation), max(corpus.ignored - left_out, 0)


def begin(run: Run, corpus: Corpus) -> None:
    """Make the folder, and note recipe and recordings. A UserError if these changed since they were noted."""
    if run.corpus_file.exists():
        if untrusted.json_object(run.corpus_file, "remove it").get("fingerprint") != corpus.fingerprint:
            raise UserError(
                f"{run.folder}: the recordings ({corpus.source}) changed since this run began; choose another name"
            )
        if not run.heard.exists():  # the run began before this file existed
            atomic_write(run.heard, heard.to_text(corpus))
        return
    with writing(run.folder):
        for folder in ("state", "records"):
            (run.folder / folder).mkdir(parents=True, exist_ok=True)
    atomic_write(run.recipe_file, recipes.to_toml(run.recipe))
    recorded = {clip.name: clip.split for clip in corpus.clips if not rejects(clip.name) or other_sound.holds(clip)}
    write_json(run.clips_file, recorded | {noise.name: "noise" for noise in corpus.noise})
    facts = {
        "source": corpus.source,
        "licence": corpus.licence,
        "words": corpus.words,
        "counts": corpus.counts(),
        "preparation": vars(corpus.preparation),
        "noise": [noise.name for noise in corpus.noise],
        "fingerprint": corpus.fingerprint,
    }
    atomic_write(run.heard, heard.to_text(corpus))
    write_json(run.corpus_file, facts)


def write_manifest(run: Run, facts: dict[str, Any]) -> None:
    """Write the SHA-256 of every finished file of the run, and these facts (versions, seed, counts)."""
    write_json(run.manifest, facts | {"sha256": {name: sha256(run.folder / name) for name in _finished(run)}})


def damaged_files(run: Run) -> list[str]:
    """Files that are missing or differ from the manifest; empty if all are right.

    Only plain files inside the folder are opened, even if the manifest names others.
    """
    try:
        sums = untrusted.json_object(run.manifest)["sha256"].items()
    except (UserError, KeyError, AttributeError):
        return ["manifest.json"]
    named = {name: untrusted.inside(run.folder, name) for name, _ in sums}
    wrong = [name for name, total in sums if (path := named[name]) is None or sha256(path) != total]
    return wrong + [name for name in _SHIPPED if (run.folder / name).exists() and name not in named]


def require_whole(run: Run) -> None:
    """A UserError if files of a checked run differ from its manifest."""
    if damaged := damaged_files(run):
        raise UserError(f"{run.folder}: {', '.join(damaged)} changed since the check; run 'edgekws check' again")


def save_keras(model: Any, path: Path) -> None:
    """Save a Keras 3 model atomically. The same weights always give the same bytes.

    Keras writes the date, which is left out, and memory addresses as ids of shared objects, which get numbers here.
    """
    with scratch() as folder:
        saved = folder / "model.keras"
        model.save(saved)
        out = io.BytesIO()
        with zipfile.ZipFile(saved) as source, zipfile.ZipFile(out, "w") as target:
            for name in sorted(source.namelist()):
                data = source.read(name)
                if name == "metadata.json":
                    kept = {k: v for k, v in json.loads(data).items() if k != "date_saved"}
                    data = json.dumps(kept).encode()
                elif name == "config.json":
                    ids = dict.fromkeys(re.findall(rb'"shared_object_id": (\d+)', data))
                    for number, address in enumerate(ids):
                        data = data.replace(b'"shared_object_id": ' + address, b'"shared_object_id": %d' % number)
                target.writestr(zipfile.ZipInfo(name), data)
    atomic_write(path, out.getvalue())


def save_arrays(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Write an .npz file atomically."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]
    atomic_write(path, buffer.getvalue())


def write_json(path: Path, values: Any) -> None:
    """Write indented JSON atomically."""
    atomic_write(path, json.dumps(values, indent=1, ensure_ascii=False) + "\n")


def _finished(run: Run) -> list[str]:
    """The files that a check leaves behind; ``measure`` writes its own anew each time."""
    names = (p.relative_to(run.folder).as_posix() for p in run.folder.rglob("*") if p.is_file())
    later = ("manifest.json", "measured.json", "measured.html")
    return sorted(
        n for n in names if n not in later and not n.startswith(("state/", "bundles/")) and "/." not in f"/{n}"
    )


def _differences(a: Recipe, b: Recipe) -> list[str]:
    flat_a, flat_b = recipes.flat(a), recipes.flat(b)
    return [key for key in flat_a if flat_a[key] != flat_b[key]]


def _anywhere(recipe: Recipe) -> Recipe:
    """The recipe without the places of its recordings, which the corpus's fingerprint identifies, and of other runs."""
    public = zoo.public(recipe)
    return public if recipe.data.source in NAMED else recipes.replace(public, {"data.source": "a folder"})
