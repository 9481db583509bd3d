"""Trains the float network of a run, after its front end, on all accelerators of the machine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edgekws import workspace
from edgekws.corpus import other_sound
from edgekws.corpus.clips import Corpus
from edgekws.corpus.sources import labels_of
from edgekws.errors import UserError
from edgekws.files import atomic_write, sha256
from edgekws.guard import untrusted
from edgekws.model import catalogue, network
from edgekws.recipe import Recipe
from edgekws.train import device as devices
from edgekws.train import earlier, fused_norm, keras_file, loop
from edgekws.train.device import Device
from edgekws.workspace import Run


def train(run: Run, clips: Corpus) -> None:
    """Train by the run's recipe. Writes ``float.keras`` (the best epoch on validation), ``history.csv``, a record."""
    loop.deterministic(run.recipe.seed)
    import keras

    recipe = run.recipe
    device = devices.find()
    origin, teacher = earlier.find(recipe, "start_from"), earlier.find(recipe, "teacher")
    others = {
        name: {"run": other.recipe.name, "float_model_sha256": sha256(other.float_model)}
        for name, other in (("started_from", origin), ("taught_by", teacher))
        if other
    }
    identity = run.identity(clips, *(other["float_model_sha256"] for other in others.values()))
    if recipe.training.batch_size % device.count:
        raise UserError(
            f"training.batch_size must be a multiple of the {device.count} devices, got {recipe.training.batch_size}"
        )
    precision = device.precision(recipe.training.mixed_precision)
    print(
        f"training {recipe.model.architecture} on {device.words}, {keras.backend.backend()} backend, "
        f"{_told(precision, recipe.training.mixed_precision)}",
        flush=True,
    )
    if precision != "none":
        keras.mixed_precision.set_global_policy(f"mixed_{precision}")
    try:
        with device.scope:
            core, model = compiled(keras, recipe, clips, device, teacher)
            if origin:
                _start_from(core, origin, clips.words)
            outcome = _fit(keras, run, clips, model, device.count, identity)
    finally:
        keras.mixed_precision.set_global_policy("float32")
    model.set_weights(outcome.best)
    accuracy = outcome.history[outcome.best_epoch - 1]["val_accuracy"]
    atomic_write(run.history, loop.history_csv(outcome.history))
    workspace.save_keras(_plain(core, recipe, len(clips.words)), run.float_model)
    facts = {
        "device": device.words,
        "backend": keras.backend.backend(),
        "mixed_precision": precision,
        "clips_per_second": round(outcome.clips_per_second, 1),
        "epochs": len(outcome.history),
        "best_epoch": outcome.best_epoch,
        "validation_accuracy": accuracy,
    }
    run.write_record("train", facts | others)
    run.state("float.npz").unlink(missing_ok=True)
    print(f"float model: validation accuracy {accuracy:.4f} in epoch {outcome.best_epoch} of {len(outcome.history)}, "
          f"{outcome.clips_per_second:.0f} clips/s", flush=True)  # fmt: skip


def _told(precision: str, asked: str) -> str:
    """The precision in words; if the recipe says "auto", also how to choose another."""
    words = {"none": "float32"}.get(precision, f"{precision} (weights in float32)")
    if asked != "auto" or precision == "none":
        return words
    return f"{words}, which is fast here; training.mixed_precision=none trains in float32"


def _plain(core: Any, recipe: Recipe, classes: int) -> Any:
    """The same network with only Keras's own layers, so that every Keras can load the file."""
    plain = _network(network.build, recipe, classes)
    plain.set_weights(core.get_weights())
    return plain


def _network(build: Callable[..., Any], recipe: Recipe, classes: int) -> Any:
    model = recipe.model
    architecture = catalogue.architecture(model.architecture, model.window)
    return build(architecture, classes=classes, dropout=model.dropout, batch_norm=model.batch_norm)


def load(path: Path) -> Any:
    """The float Keras model of a run."""
    import keras

    keras_file.check(path)
    with untrusted.reading(path, "Keras model", keras_file.REMEDY):
        return keras.saving.load_model(path, compile=False)


def training_noise(recipe: Recipe, clips: Corpus) -> np.ndarray:
    """Windows of the noises that the recipe does not hold out: int16 (windows, window)."""
    from edgekws.corpus import rejection
    from edgekws.train import augment

    noises = rejection.noise_of("training", clips.noise, recipe.data.held_out_noise)
    return augment.noise_windows(noises, recipe.model.window)


def _start_from(core: Any, origin: Run, words: Sequence[str]) -> None:
    """Give the network the origin's weights. In the last layer, only words that both know get them. If the origin has
    another window, dense layers keep their new weights."""
    source, theirs = _loaded(origin, "start_from"), labels_of(origin.recipe)
    columns = [words.index(word) for word in theirs if word in words]
    known = [i for i, word in enumerate(theirs) if word in words]
    for layer in core.layers:
        if not layer.weights:
            continue
        weights, fresh = source.get_layer(layer.name).get_weights(), layer.get_weights()
        if weights[0].shape[:-1] != fresh[0].shape[:-1]:
            continue
        if layer.name == "classes":
            for ours, trained in zip(fresh, weights, strict=True):
                ours[..., columns] = trained[..., known]
            weights = fresh
        layer.set_weights(weights)


def _loaded(other: Run, key: str) -> Any:
    """The float model of the run that ``training.KEY`` names. A UserError if the file is not its recipe's network."""
    model, classes = load(other.float_model), len(labels_of(other.recipe))
    if _shapes(model) != _shapes(_network(network.build, other.recipe, classes)):
        raise UserError(
            f"training.{key}: {other.float_model} is not the network that its recipe names, of {classes} classes; "
            "train that run again"
        )
    return model


def _shapes(model: Any) -> dict[str, list[tuple[int, ...]]]:
    """The shapes of each layer's weights."""
    return {layer.name: [tuple(w.shape) for w in layer.weights] for layer in model.layers if layer.weights}


def _taught(keras: Any, teacher: Run, words: Sequence[str], heard: Any, scores: Any) -> Any:
    """The scores (batch, classes) unchanged, with the loss against the teacher's scores of the same sound added."""
    from edgekws.train import distillation

    theirs = labels_of(teacher.recipe)
    if missing := [word for word in words if word not in theirs]:
        raise UserError(
            f"training.teacher: {teacher.folder} does not know {', '.join(missing)}; name a teacher of all words, or "
            "none"
        )
    known = _loaded(teacher, "teacher")
    # without batch norm, and in the precision of training, the teacher takes a fraction of the time
    architecture = catalogue.architecture(teacher.recipe.model.architecture, teacher.recipe.model.window)
    folded = network.build(architecture, classes=len(theirs))
    for name, weights in network.folded_weights(known, architecture).items():
        folded.get_layer(name).set_weights(weights)
    model = keras.Model(folded.inputs, folded.outputs[0], name="teacher")  # a unique name
    model.trainable = False
    return distillation.Lesson([theirs.index(word) for word in words], name="lesson")(
        scores, model(heard, training=False)
    )


def compiled(keras: Any, recipe: Recipe, clips: Corpus, device: Device, teacher: Run | None = None) -> tuple[Any, Any]:
    """The network, and the model that is trained: int16 clips → front end → network."""
    from edgekws.train import distillation
    from edgekws.train.augment import Front

    settings = recipe.training
    core = _network(fused_norm.build, recipe, len(clips.words))
    front = Front(recipe.augment, recipe.model, training_noise(recipe, clips), recipe.seed, name="front")
    inputs = keras.Input((core.input_shape[2],), dtype="int16")
    scores = core(heard := front(inputs))
    if teacher:
        scores = _taught(keras, teacher, clips.words, heard, scores)
    labels = clips.split("training").labels
    if settings.logit_adjustment:
        from edgekws.train.balance import Balance

        counts = np.bincount(labels, minlength=len(clips.words))
        scores = Balance(counts, settings.logit_adjustment, name="balance")(scores)
    model = keras.Model(inputs, scores)
    steps = max(len(labels) // settings.batch_size, 1)
    schedule = loop.cosine_schedule(keras, settings.learning_rate, settings.epochs, steps, settings.warmup_epochs)
    decay = settings.weight_decay
    model.compile(
        optimizer=keras.optimizers.AdamW(schedule, weight_decay=decay) if decay else keras.optimizers.Adam(schedule),
        loss=keras.losses.CategoricalCrossentropy(label_smoothing=settings.label_smoothing),
        loss_weights=1 - distillation.WEIGHT if teacher else None,
        metrics=["accuracy"],
        jit_compile=device.jit_compile,
    )
    return core, model


def _fit(keras: Any, run: Run, clips: Corpus, model: Any, devices: int, identity: str) -> loop.Outcome:
    settings = run.recipe.training
    learn, validate = clips.split("training"), clips.split("validation")
    size, classes = settings.batch_size, len(clips.words)
    return loop.fit(
        keras,
        model,
        loop.batches(
            keras,
            learn.samples,
            learn.labels,
            classes,
            size,
            run.recipe.seed,
            mixup=run.recipe.augment.mixup,
            continued=other_sound.continued(learn.clips),
        ),
        loop.batches(keras, validate.samples, validate.labels, classes, size, None, devices=devices),
        epochs=settings.epochs,
        batch_size=size,
        patience=settings.patience,
        checkpoint=run.state("float.npz"),
        title="float",
        identity=identity,
    )
