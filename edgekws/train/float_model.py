"""Trains the float network of a run, after its front end, on all accelerators of the machine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edgekws import recipe as recipes
from edgekws import workspace
from edgekws.corpus.clips import UNKNOWN, Corpus
from edgekws.corpus.sources import labels_of
from edgekws.errors import UserError
from edgekws.files import atomic_write, sha256
from edgekws.guard import untrusted
from edgekws.model import catalogue, network
from edgekws.recipe import Recipe, Training
from edgekws.train import device as devices
from edgekws.train import earlier, fast_layers, feed, keras_file, loop
from edgekws.train.device import Device
from edgekws.workspace import Run


def train(run: Run, clips: Corpus) -> None:
    """Train by the run's recipe. Writes ``float.keras`` (of the epoch that counts), ``history.csv``, a record."""
    loop.deterministic(run.recipe.seed)
    import keras

    recipe = run.recipe
    device = devices.find()
    origin = earlier.find(recipe, "start_from")
    teachers = [other for key in recipes.TEACHERS if (other := earlier.find(recipe, key))]
    named = zip(("started_from", "taught_by", "and_by"), (origin, *teachers), strict=False)
    others: dict[str, Any] = {name: _told_of(other) for name, other in named if other}
    averaged = earlier.averaged(recipe)
    models = [*others.values(), *map(_told_of, averaged)]
    identity = run.identity(clips, *(other["float_model_sha256"] for other in models))
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
            core, model = compiled(keras, recipe, clips, device, teachers)
            if origin:
                _start_from(core, origin, clips.words)
            outcome = _fit(keras, run, clips, model, device.count, identity)
    finally:
        keras.mixed_precision.set_global_policy("float32")
    model.set_weights(outcome.best)
    accuracy = outcome.history[outcome.best_epoch - 1]["val_accuracy"]
    if averaged:
        core.set_weights(_mean([core, *(_unlowered(other, "averaged_with") for other in averaged)]))
        validation = feed.of_validation(keras, recipe, clips, devices=device.count, around=_around(recipe))
        accuracy = model.evaluate(validation, verbose=0, return_dict=True)["accuracy"]
        others["averaged_with"] = list(map(_told_of, averaged))
    _raise(core, -recipe.training.unknown_lowered * _is_unknown(clips.words))
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


def front(recipe: Recipe, clips: Corpus, with_dry: bool = False, around: int = 0) -> Any:
    """The layer that augments and codes clips as the recipe says, with so many samples more on either side. A UserError
    for rooms that are none."""
    from edgekws.train import reverberation
    from edgekws.train.augment import Front

    echoes = reverberation.bank(recipe.data.rooms, recipe.seed) if recipe.augment.room_probability else None
    noises = training_noise(recipe, clips, around)
    return Front(recipe.augment, recipe.model, noises, recipe.seed, echoes, with_dry, around, name="front")


def training_noise(recipe: Recipe, clips: Corpus, around: int = 0) -> np.ndarray:
    """Windows of the noises that the recipe does not hold out: int16 (windows, window + 2 around)."""
    from edgekws.corpus import rejection
    from edgekws.train import augment

    noises = rejection.noise_of("training", clips.noise, recipe.data.held_out_noise)
    return augment.noise_windows(noises, recipe.model.window + 2 * around)


def _start_from(core: Any, origin: Run, words: Sequence[str]) -> None:
    """Give the network the origin's weights. In the last layer, only words that both know get them. If the origin has
    another window, dense layers keep their new weights."""
    source, theirs = _unlowered(origin, "start_from"), labels_of(origin.recipe)
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


def _freeze(core: Any, convolutions: Sequence[str]) -> None:
    """Keep the weights of these convolutions and of their batch norm."""
    for layer in core.layers:
        if layer.name.removesuffix("_bn") in convolutions:
            layer.trainable = False


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


def _taught(keras: Any, teachers: Sequence[Run], clips: Corpus, training: Training, heard: Any, scores: Any) -> Any:
    """The scores (batch, classes) unchanged, with the loss against the teachers' scores of the same sound added.

    A teacher's scores are brought to the student's amount of logit adjustment.
    """
    from edgekws.train.losses import balance, distillation, windows

    shares, unknown = balance.log_shares(_counts(clips)), _is_unknown(clips.words)
    columns, theirs = [], []
    for number, teacher in enumerate(teachers):
        known, one = labels_of(teacher.recipe), teacher.recipe.training
        if missing := [word for word in clips.words if word not in known]:
            raise UserError(
                f"training.teacher: {teacher.folder} does not know {', '.join(missing)}; name a teacher of all words, "
                "or leave training.teacher out"
            )
        added = (one.logit_adjustment - training.logit_adjustment) * shares + one.unknown_lowered * unknown
        columns.append([known.index(word) for word in clips.words])
        taught = _teacher(keras, teacher, columns[-1], added, number)
        theirs.append(windows.averaged(taught, heard, training.windows, training=False))
    return distillation.Lesson(columns, name="lesson")(scores, theirs)


def _teacher(keras: Any, teacher: Run, columns: Sequence[int], added: np.ndarray, number: int) -> Any:
    """A teacher's network, sound as the student hears it → scores (batch, its classes), with ``added`` before the
    softmax of its ``columns``."""
    # without batch norm, and in the precision of training, the teacher takes a fraction of the time
    architecture = catalogue.architecture(teacher.recipe.model.architecture, teacher.recipe.model.window)
    folded = network.build(architecture, classes=len(labels_of(teacher.recipe)))
    for name, weights in network.folded_weights(_loaded(teacher, "teacher"), architecture).items():
        folded.get_layer(name).set_weights(weights)
    of_all = np.zeros(len(labels_of(teacher.recipe)))
    of_all[list(columns)] = added
    _raise(folded, of_all)
    model = keras.Model(folded.inputs, folded.outputs[0], name=f"teacher_{number}")  # a unique name
    model.trainable = False
    return model


def _counts(clips: Corpus) -> np.ndarray:
    """Training clips of each class, int (classes,)."""
    return np.bincount(clips.split("training").labels, minlength=len(clips.words))


def compiled(
    keras: Any, recipe: Recipe, clips: Corpus, device: Device, teachers: Sequence[Run] = ()
) -> tuple[Any, Any]:
    """The network, and the model that is trained: int16 clips → front end → network."""
    from edgekws.train.losses import balance, distillation, windows

    settings, around = recipe.training, _around(recipe)
    core = _network(fast_layers.build, recipe, len(clips.words))
    _freeze(core, catalogue.find(recipe.model.architecture).architecture.convolutions[: settings.frozen])
    inputs = keras.Input((core.input_shape[2] + 2 * around,), dtype="int16")
    heard = front(recipe, clips, with_dry=bool(teachers), around=around)(inputs)
    heard, dry = heard if teachers else (heard, None)
    scores = windows.averaged(core, heard, settings.windows)
    if teachers:  # what was said is told best by who hears it without the room
        scores = _taught(keras, teachers, clips, settings, dry, scores)
    if settings.logit_adjustment:
        scores = balance.Balance(_counts(clips), settings.logit_adjustment, name="balance")(scores)
    model = keras.Model(inputs, scores)
    steps = max(len(clips.split("training").labels) // settings.batch_size, 1)
    schedule = loop.cosine_schedule(keras, settings.learning_rate, settings.epochs, steps, settings.warmup_epochs)
    decay = settings.weight_decay
    model.compile(
        optimizer=keras.optimizers.AdamW(schedule, weight_decay=decay) if decay else keras.optimizers.Adam(schedule),
        loss=keras.losses.CategoricalCrossentropy(label_smoothing=settings.label_smoothing),
        loss_weights=1 - distillation.WEIGHT if teachers else None,
        metrics=["accuracy"],
        jit_compile=device.jit_compile,
    )
    return core, model


def _around(recipe: Recipe) -> int:
    """The samples on either side of a clip that the recipe's windows need."""
    from edgekws.train.losses import windows  # imports Keras

    return windows.around(recipe.training.windows)


def _mean(models: Sequence[Any]) -> list[np.ndarray]:
    """The mean of networks' weights: a "model soup" (Wortsman et al., arXiv:2203.05482)."""
    return [np.mean(weights, axis=0) for weights in zip(*(one.get_weights() for one in models), strict=True)]


def _unlowered(other: Run, key: str) -> Any:
    """The float model of the run that ``training.KEY`` names, with _unknown_ where its training left it."""
    model = _loaded(other, key)
    _raise(model, other.recipe.training.unknown_lowered * _is_unknown(labels_of(other.recipe)))
    return model


def _raise(core: Any, nats: np.ndarray) -> None:
    """Add to each class before the softmax, (classes,)."""
    kernel, bias = core.get_layer("classes").get_weights()
    core.get_layer("classes").set_weights([kernel, bias + nats])


def _is_unknown(words: Sequence[str]) -> np.ndarray:
    """1 for the class _unknown_, 0 for others: float (classes,)."""
    return np.array([float(word == UNKNOWN) for word in words])


def _told_of(other: Run) -> dict[str, str]:
    return {"run": other.recipe.name, "float_model_sha256": sha256(other.float_model)}


def _fit(keras: Any, run: Run, clips: Corpus, model: Any, devices: int, identity: str) -> loop.Outcome:
    settings, around = run.recipe.training, _around(run.recipe)
    return loop.fit(
        keras,
        model,
        feed.of_training(keras, run.recipe, clips, run.recipe.seed, around=around),
        feed.of_validation(keras, run.recipe, clips, devices=devices, around=around),
        epochs=settings.epochs,
        batch_size=settings.batch_size,
        patience=settings.patience,
        keep=settings.keep,
        checkpoint=run.state("float.npz"),
        title="float",
        identity=identity,
    )
