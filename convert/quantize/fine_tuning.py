"""The quantize step of a run: calibrates, keeps that as post-training quantization, then trains further."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from convert.quantize import fake_quant
from edgekws import workspace
from edgekws.corpus.clips import Corpus
from edgekws.files import atomic_write, sha256
from edgekws.guard import archives, untrusted
from edgekws.model import catalogue, coding, front_end, network
from edgekws.train import feed, float_model, loop
from edgekws.workspace import Run

DRAWS = 16  # more than one step's augmentation draws; each draw moves the random state by one
LEARNED = "the float model's scores"


def quantize(run: Run, clips: Corpus) -> None:
    """Write ``fake_quant.npz`` (weights of both models), ``qat_history.csv`` and the record."""
    import tf_keras

    loop.deterministic(run.recipe.seed)
    tf_keras.utils.set_random_seed(run.recipe.seed)
    recipe = run.recipe
    architecture = catalogue.architecture(recipe.model.architecture, recipe.model.window)
    folded = network.folded_weights(float_model.load(run.float_model), architecture)
    model = fake_quant.fake_quant_model(architecture, classes=len(clips.words), dropout=recipe.model.dropout)
    fake_quant.calibrate(model, architecture, folded, _calibration_inputs(run, clips))
    weights = {"ptq": model.get_weights()}
    facts: dict[str, Any] = {"epochs": 0}
    if recipe.quantization.epochs:
        outcome = _train(tf_keras, run, clips, model)
        weights["qat"] = outcome.best
        atomic_write(run.folder / "qat_history.csv", loop.history_csv(outcome.history))
        facts = {
            "epochs": len(outcome.history),
            "learned": LEARNED,
            "chosen": "by agreement with the float model",
            "best_epoch": outcome.best_epoch,
            "clips_per_second": round(outcome.clips_per_second, 1),
        }
    arrays = {f"{kind}_{i}": w for kind, stack in weights.items() for i, w in enumerate(stack)}
    workspace.save_arrays(run.quantized, arrays)
    run.write_record("quantize", facts)
    run.state("qat.npz").unlink(missing_ok=True)


def read_weights(run: Run) -> dict[str, list[np.ndarray]]:
    """The weights of the fake-quantized models from ``quantize``, by kind: ptq and qat."""
    remedy = "remove it, and run 'edgekws quantize' again"
    file = archives.arrays(run.quantized, remedy)
    with untrusted.reading(run.quantized, "weights", remedy):
        kinds = sorted({key.partition("_")[0] for key in file})
        return {
            kind: [file[f"{kind}_{i}"] for i in range(sum(key.startswith(f"{kind}_") for key in file))]
            for kind in kinds
        }


def _calibration_inputs(run: Run, clips: Corpus) -> np.ndarray:
    """Training clips chosen by the seed and coded as the int8 model will see them: float32 (n, 1, window, 1)."""
    samples = clips.split("training").samples
    count = min(run.recipe.quantization.calibration_clips, len(samples))
    chosen = np.sort(np.random.default_rng(run.recipe.seed).permutation(len(samples))[:count])
    codes = front_end.codes(np.asarray(samples[chosen]), run.recipe.model)
    return coding.network_input(codes)


def front_state(seed: int, epoch: int, step: int, steps: int) -> list[int]:
    """The augmentation's random state when a step begins, of an epoch of ``steps`` steps. No two steps share one."""
    return [seed, (epoch * steps + step) * DRAWS]


def _float_scores(run: Run) -> Callable[[np.ndarray], np.ndarray]:
    """The float model as a function: float32 (batch, 1, window, 1) → probabilities (batch, classes)."""
    return float_model.load(run.float_model).predict_on_batch


def _train(tf_keras: Any, run: Run, clips: Corpus, model: Any) -> loop.Outcome:
    """Fine-tune at a low rate, and keep the epoch that most often gives the float model's word on the validation split.

    The model learns the float model's scores of the same augmented sound, not the labels: distillation (Hinton et al.,
    arXiv:1503.02531). Both choices keep the int8 model near the float model.
    """
    recipe = run.recipe
    settings = recipe.quantization
    front = float_model.front(recipe, clips)

    def augmented(samples: np.ndarray, epoch: int, step: int) -> np.ndarray:
        # random state by epoch and step: a resumed run draws the same
        front.seed_generator.state.assign(front_state(recipe.seed, epoch, step, len(batches)))
        return np.asarray(front(samples, training=True))

    def coded(samples: np.ndarray, epoch: int, step: int) -> np.ndarray:
        return coding.network_input(front_end.codes(samples, recipe.model))

    teach = _float_scores(run)
    batches = feed.of_training(tf_keras, recipe, clips, recipe.seed + 1, augmented, teach)
    schedule = loop.cosine_schedule(tf_keras, settings.learning_rate, settings.epochs, len(batches), 0.0)
    model.compile(tf_keras.optimizers.Adam(schedule), "categorical_crossentropy", metrics=["accuracy"])
    return loop.fit(
        tf_keras,
        model,
        batches,
        feed.of_validation(tf_keras, recipe, clips, coded, teach),
        epochs=settings.epochs,
        batch_size=recipe.training.batch_size,
        patience=0,
        checkpoint=run.state("qat.npz"),
        title="quantization-aware",
        identity=run.identity(clips, f"{LEARNED}, in validation too", sha256(run.float_model)),
        prepare=lambda epoch: fake_quant.seed_dropout(model, recipe.seed, epoch),
    )
