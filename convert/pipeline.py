"""The steps of a run: train, quantize, convert, check. Each continues from the one before and skips finished work."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from convert.prove import parity
from convert.tflite import reader
from edgekws import workspace
from edgekws.corpus import heard, sources
from edgekws.corpus.clips import SILENCE, Corpus
from edgekws.errors import UserError
from edgekws.files import atomic_write, check_writable, only_one, sha256
from edgekws.guard import untrusted
from edgekws.listen import detector
from edgekws.model import catalogue, coding, front_end
from edgekws.report import metrics
from edgekws.train import loop
from edgekws.workspace import Run

if TYPE_CHECKING:
    from convert.prove import tuning


def load_corpus(run: Run, *, write: bool = True) -> Corpus:
    """The recordings of the run's recipe. A UserError if they are not the ones that the run began with.

    With ``write``, also a UserError if the run's folder, or the folder that will contain it, cannot be written. This is
    checked first, as loading recordings takes minutes.
    """
    from edgekws.train import earlier

    if write:
        check_writable(next(path for path in (run.folder, *run.folder.absolute().parents) if path.exists()))
    origins = []
    if not run.record("train").exists():  # raises for a missing origin before the folder is made
        origins = earlier.all_of(run.recipe)
    loaded = sources.of_recipe(run.recipe, listed=workspace.listed(run))
    workspace.begin(run, loaded)
    for origin in origins:
        if known := heard.read(origin.heard):
            heard.add(run.heard, known)  # this run inherits what its origin learned from
    loaded, later = workspace.as_begun(run, loaded)
    if later:
        print(f"note: {later} recordings that came since this run began are left out", file=sys.stderr)
    return loaded


def complete(run: Run, clips: Corpus) -> parity.Ladder:
    """Run every step that is not done. Raises as ``check`` does. No other process may work on this run meanwhile."""
    with only_one(run.state("lock"), str(run.folder)):
        for step in (train, quantize, convert):
            step(run, clips)
        return check(run, clips)


def train(run: Run, clips: Corpus) -> None:
    """Train the float model: ``float.keras`` and ``history.csv``."""
    if run.float_model.exists() and run.record("train").exists():
        return
    loop.keep_freed_memory()
    from edgekws.train import float_model

    float_model.train(run, clips)


def quantize(run: Run, clips: Corpus) -> None:
    """Calibrate, then train with fake quantization: ``fake_quant.npz`` with both sets of weights, ptq and qat."""
    if run.quantized.exists() and run.record("quantize").exists():
        return
    _needs(run, run.float_model, "train")
    loop.keep_freed_memory()
    from convert.quantize import fine_tuning

    fine_tuning.quantize(run, clips)


def convert(run: Run, clips: Corpus) -> None:
    """Write ``model_int8.tflite`` and ``labels.txt``, and make ``model_phone.tflite`` from them."""
    from convert.tflite import mediapipe

    if not (run.int8_model.exists() and run.record("convert").exists()):
        _choose_int8(run, clips)
    if not run.phone_model.exists():
        made = mediapipe.build(run.int8_model.read_bytes(), clips.words, run.recipe.model.coding)
        atomic_write(run.phone_model, made)


def _choose_int8(run: Run, clips: Corpus) -> None:
    """Convert both ptq and qat, and keep the one that is better on the validation split, or qat if they are equal."""
    _needs(run, run.quantized, "quantize")
    for stale in (run.phone_model, run.detector):  # made from another int8 model
        stale.unlink(missing_ok=True)
    from convert.quantize import fake_quant, fine_tuning
    from convert.tflite import conversion

    architecture = catalogue.architecture(run.recipe.model.architecture, run.recipe.model.window)
    split = clips.split("validation")
    codes = front_end.codes(np.asarray(split.samples), run.recipe.model)
    content: dict[str, bytes] = {}
    accuracy: dict[str, metrics.Proportion] = {}
    for kind, weights in fine_tuning.read_weights(run).items():
        model = fake_quant.fake_quant_model(architecture, classes=len(clips.words), dropout=run.recipe.model.dropout)
        model.set_weights(weights)
        content[kind] = conversion.convert(model, architecture.window)
        scores = conversion.predict(content[kind], codes, kernels="xnnpack", title=f"validation of {kind}")
        accuracy[kind] = metrics.accuracy(scores, split.labels)
    kept = max(content, key=lambda kind: (accuracy[kind].value, kind == "qat"))
    atomic_write(run.labels, "".join(f"{word}\n" for word in clips.words))
    atomic_write(run.int8_model, content[kept])
    figures = {kind: {"correct": a.correct, "total": a.total, "accuracy": a.value} for kind, a in accuracy.items()}
    run.write_record("convert", {"kept": kept, "validation": figures})


def check(run: Run, clips: Corpus, *, write: bool = True) -> parity.Ladder:
    """Score the testing split on every rung. With ``write``, write predictions.npz, the run report and the manifest.

    ``predictions.npz`` holds the labels (n,) and every rung's probabilities, float32 (n, classes).
    Raises parity.BrokenRungError if the int8 file is damaged or is not a file that this pipeline makes.
    """
    for path in (run.int8_model, run.phone_model):
        _needs(run, path, "convert")
    if write:
        check_writable(run.folder)
    from convert.prove import figures
    from convert.quantize import fake_quant, fine_tuning
    from convert.tflite import conversion, mediapipe
    from edgekws.train import float_model

    try:
        conversion.check(graph := reader.read(run.int8_model))
    except (UserError, conversion.ConversionError) as error:
        raise parity.BrokenRungError("int8", error) from None
    recipe = run.recipe
    architecture = catalogue.architecture(recipe.model.architecture, recipe.model.window)
    split = clips.split("testing")
    heard = front_end.process(np.asarray(split.samples), recipe.model.level_control)
    codes = coding.encode(heard, recipe.model.coding)
    inputs = coding.network_input(codes)

    def float_scores() -> np.ndarray:
        return float_model.load(run.float_model).predict(inputs, batch_size=64, verbose=0)

    def fake_quant_scores() -> np.ndarray:
        model = fake_quant.fake_quant_model(architecture, classes=len(clips.words), dropout=recipe.model.dropout)
        if run.quantized.exists():
            model.set_weights(fine_tuning.read_weights(run)[run.read_record("convert")["kept"]])
        else:  # of a published model
            fake_quant.set_from_int8(model, graph)
        return model.predict(inputs, batch_size=64, verbose=0)

    def int8_scores() -> np.ndarray:
        title = f"testing, {parity.TITLES['int8']}"
        return parity.probabilities(conversion.predict(run.int8_model, codes, kernels="reference", title=title))

    def xnnpack_scores() -> np.ndarray:
        title = f"testing, {parity.TITLES['xnnpack']}"
        return parity.probabilities(conversion.predict(run.int8_model, codes, kernels="xnnpack", title=title))

    scorers = (float_scores, fake_quant_scores, int8_scores, xnnpack_scores)
    scores = {rung: _scored(rung, scorer) for rung, scorer in zip(parity.RUNGS, scorers, strict=True)}
    on_phones = _scored("phone", lambda: mediapipe.scores(run.phone_model, heard))
    ladder = parity.climb(scores, split.labels, recipe.parity, phone=on_phones)
    of_words = split.labels < len(recipe.data.words)
    ladder = dataclasses.replace(ladder, words=metrics.accuracy(scores["int8"][of_words], split.labels[of_words]))
    if write:
        workspace.save_arrays(run.predictions, {"labels": split.labels} | scores)
        facts = figures.collect(run, clips, ladder)
        if run.profile.exists():
            facts["engine"] = untrusted.json_object(run.profile, "remove it")
        for key, path in (("robustness", run.robustness), ("listening", run.listening)):
            if (known := _known(run, path)) is not None:
                facts[key] = known
        _write_report(run, clips, facts)
    return ladder


def measure_robustness(run: Run, clips: Corpus) -> dict[str, Any]:
    """The figures of ``convert.prove.robustness`` for a run's int8 and float models. Nothing is written."""
    from convert.prove import robustness
    from convert.tflite import conversion
    from edgekws.train import augment, float_model

    model, split = float_model.load(run.float_model), clips.split("testing")
    held_out = (noise.samples for noise in clips.noise if noise.name in run.recipe.data.held_out_noise)

    def int8_scores(codes: np.ndarray) -> np.ndarray:
        return conversion.predict(run.int8_model, codes, kernels="xnnpack", progress=False)

    def float_scores(inputs: np.ndarray) -> np.ndarray:
        return model.predict(inputs.reshape(len(inputs), 1, -1, 1), batch_size=64, verbose=0)

    return robustness.measure(
        np.asarray(split.samples),
        split.labels,
        [clip.speaker if clip.word != SILENCE else "" for clip in split.clips],
        augment.noise_windows(held_out, split.samples.shape[1]),
        run.recipe.model,
        int8_scores,
        float_scores,
    )


def add_robustness(run: Run, clips: Corpus, found: dict[str, Any]) -> None:
    """Add these figures to a checked run: robustness.json, the run report, the model card and the manifest."""
    workspace.write_json(run.robustness, {"model": sha256(run.int8_model), "found": found})
    _write_report(run, clips, run.read_report() | {"robustness": found})


def tune(run: Run, clips: Corpus, asked: tuning.Asked) -> dict[str, Any]:
    """Tune the detector of a checked run. Writes detector.json, listening.json, the run report and the manifest."""
    from convert.prove import tuning

    for path, step in ((run.int8_model, "convert"), (run.report, "check"), (run.predictions, "check")):
        _needs(run, path, step)
    known = run.read_report()
    tuned, found = tuning.tune(run, clips, asked)
    workspace.write_json(run.detector, detector.tuned_to_json(tuned, clips.words))
    workspace.write_json(run.listening, {"model": sha256(run.int8_model), "found": found})
    _write_report(run, clips, known | {"listening": found})
    return found


def compare_takes(run: Run, clips: Corpus, source: str, without: Run) -> list[dict[str, Any]]:
    """Compare a tuned run with one ``without`` takes: how many takes of the folder ``source``, by voices kept back,
    each finds. Adds the figures to the run report, the model card and the manifest."""
    from convert.prove import own_takes

    compared = own_takes.compare(run, without, own_takes.of_split(run, clips, source, "testing"))
    _write_report(run, clips, run.read_report() | {"takes": compared})
    return compared


def _known(run: Run, path: Path) -> dict[str, Any] | None:
    """Earlier measurements from a file; None if there are none, or they are of another int8 model."""
    if not path.exists():
        return None
    kept = untrusted.json_object(path, "remove it")
    return kept.get("found") if kept.get("model") == sha256(run.int8_model) else None


def _scored(rung: str, scorer: Callable[[], np.ndarray]) -> np.ndarray:
    """The scores of a rung. A damaged file can make a library raise anything; all of it means a broken rung."""
    try:
        return scorer()
    except Exception as error:
        reason = str(error).strip().splitlines() or [""]
        raise parity.BrokenRungError(rung, f"{type(error).__name__}: {reason[0]}") from error


def add_profile(run: Run, clips: Corpus, profile: dict[str, Any]) -> None:
    """Add the engine's costs to a finished run: profile.json, the run report, the model card and the manifest."""
    workspace.write_json(run.profile, profile)
    _write_report(run, clips, run.read_report() | {"engine": profile})


def _write_report(run: Run, clips: Corpus, facts: dict[str, Any]) -> None:
    from edgekws.report import run_report

    run_report.write(run, clips, facts)
    workspace.write_manifest(run, {"versions": facts["versions"], "seed": run.recipe.seed, "data": facts["data"]})


def _needs(run: Run, path: Path, step: str) -> None:
    if not path.exists():
        raise UserError(
            f"{run.folder}: {path.name} is missing; run 'edgekws {step}' first, or 'edgekws run' for all steps"
        )
