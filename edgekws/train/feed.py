"""Feeds a training with batches of clips: shuffled, cut anew in each epoch, out of quiet, mixed with each other."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from edgekws.audio import SAMPLE_RATE, to_int16
from edgekws.corpus import other_sound
from edgekws.corpus.clips import Corpus, rejects
from edgekws.recipe import Recipe

LEAST_DB, MOST_DB = 20.0, 70.0  # by how much the beginning of a clip out of quiet is lowered
_RISE = SAMPLE_RATE // 100  # samples
_CACHED = 1 << 18  # samples that are mixed at once: as float32 they fit into a processor's cache
MOST_WORKERS = 16  # threads that prepare batches
Prepare = Callable[[np.ndarray, int, int], np.ndarray]


def of_training(
    keras: Any,
    recipe: Recipe,
    clips: Corpus,
    seed: int,
    prepare: Prepare | None = None,
    teach: Callable[[np.ndarray], np.ndarray] | None = None,
    around: int = 0,
) -> Any:
    """The training split of a recipe's clips as ``batches``, as the recipe changes them before augmentation."""
    learn = clips.split("training")
    return batches(
        keras,
        learn.samples,
        learn.labels,
        len(clips.words),
        recipe.training.batch_size,
        seed,
        prepare,
        mixup=recipe.augment.mixup,
        teach=teach,
        continued=other_sound.continued(learn.clips),
        onset=recipe.augment.onset_probability,
        no_word=[i for i, word in enumerate(clips.words) if rejects(word)],
        around=around,
    )


def of_validation(
    keras: Any,
    recipe: Recipe,
    clips: Corpus,
    prepare: Prepare | None = None,
    teach: Callable[[np.ndarray], np.ndarray] | None = None,
    devices: int = 1,
    around: int = 0,
) -> Any:
    """The validation split of a recipe's clips as ``batches``, in order and unchanged."""
    split, size = clips.split("validation"), recipe.training.batch_size
    return batches(
        keras, split.samples, split.labels, len(clips.words), size, None, prepare, devices=devices, teach=teach,
        around=around,
    )  # fmt: skip


def batches(
    keras: Any,
    samples: np.ndarray,
    labels: np.ndarray,
    classes: int,
    batch_size: int,
    seed: int | None,
    prepare: Prepare | None = None,
    devices: int = 1,
    mixup: float = 0.0,
    teach: Callable[[np.ndarray], np.ndarray] | None = None,
    continued: np.ndarray | None = None,
    onset: float = 0.0,
    no_word: Sequence[int] = (),
    around: int = 0,
) -> Any:
    """A Keras dataset of int16 clips (n, window) and labels (n,), shuffled by ``seed`` and epoch; in order for None.

    The targets are float32 (batch, classes), with 1 for the label.

    Args:
        prepare: ``prepare(clips, epoch, step)`` makes the network's input, if the model does not do so itself.
            devices: every batch can be divided evenly among these. Without a seed, this leaves out the last clips.
        mixup: alpha of ``mixed``; 0: no mixup.
        teach: ``teach(input)`` makes targets in place of the labels.
        continued: bool (n,): clips that continue in the next clip. Each epoch cuts these at another place.
        onset: share of the clips with a label of ``no_word`` that begin nearly silent.
        around: samples more on either side of each clip: those of the recording where it continues, else silence.
    """
    if seed is None:
        labels = labels[: len(labels) - len(labels) % devices]
    one_hot = np.eye(classes, dtype=np.float32)
    base = keras.utils.PyDataset if hasattr(keras.utils, "PyDataset") else keras.utils.Sequence

    class Batches(base):  # type: ignore[misc, valid-type]
        epoch = 0

        def __len__(self) -> int:
            whole = len(labels) // batch_size if seed is not None else math.ceil(len(labels) / batch_size)
            return max(whole, 1)

        def __getitem__(self, step: int) -> tuple[np.ndarray, np.ndarray]:
            order = self.order()[step * batch_size : (step + 1) * batch_size]
            chosen = np.sort(order) if isinstance(order, np.ndarray) else order
            targets = one_hot[labels[chosen]]
            if continued is not None and seed is not None:
                rng = np.random.default_rng([seed, self.epoch, step, 1])
                clips = moved_on(samples, chosen, continued, rng, around)
            else:
                clips = np.pad(samples[chosen], ((0, 0), (around, around)))
            if onset and seed is not None:
                rng = np.random.default_rng([seed, self.epoch, step, 2])
                among = np.isin(labels[chosen], no_word) & (rng.random(len(chosen)) < onset)
                clips = out_of_quiet(clips, among, rng, around)
            if mixup and seed is not None:
                clips, targets = mixed(clips, targets, mixup, np.random.default_rng([seed, self.epoch, step]))
            inputs = prepare(clips, self.epoch, step) if prepare else clips
            return inputs, (teach(inputs) if teach else targets)

        def order(self) -> Any:
            if seed is None:
                return np.arange(len(labels))
            if getattr(self, "drawn", None) != self.epoch:
                self.permutation = np.random.default_rng([seed, self.epoch]).permutation(len(labels))
                self.drawn = self.epoch
            return self.permutation

    if not hasattr(keras.utils, "PyDataset"):
        return Batches()
    # with two threads or more tf.data has no autotuner, for which the end of an epoch waited as long as the epoch took;
    # a GPU takes batches faster than two threads mix them
    workers = min(max(os.cpu_count() or 2, 2), MOST_WORKERS)
    return Batches(workers=workers, max_queue_size=max(2 * workers, 10))


def moved_on(
    samples: np.ndarray, chosen: np.ndarray, continued: np.ndarray, rng: np.random.Generator, around: int = 0
) -> np.ndarray:
    """The chosen clips of samples (n, length) with ``around`` samples more on either side: (chosen, length + 2 around).

    Those that continue in the next clip are a stretch of both from a random sample on, the others lie in silence.
    """
    length = samples.shape[1]
    flat = samples.reshape(-1)
    starts = chosen * length + rng.integers(around, length - around, len(chosen)) * continued[chosen]
    moved = np.pad(samples[chosen], ((0, 0), (around, around)))
    for row in np.flatnonzero(continued[chosen]):
        moved[row] = flat[starts[row] - around : starts[row] + length + around]
    return moved


def out_of_quiet(samples: np.ndarray, chosen: np.ndarray, rng: np.random.Generator, around: int = 0) -> np.ndarray:
    """Clips, int16 (batch, n + 2 around), of which those ``chosen``, bool (batch,), are lowered up to a random place.

    Place, within the n samples of the clip, and depth, 20 to 70 dB, are uniform; the sound rises within 10 ms.
    """
    count, length = samples.shape
    inner = length - 2 * around
    place = around + rng.integers(inner // 10, inner * 9 // 10, count)
    low = np.power(10.0, -rng.uniform(LEAST_DB, MOST_DB, count) / 20)
    rise = np.clip((np.arange(length) - place[:, None]) / _RISE, 0, 1)
    gain = (low[:, None] + (1 - low[:, None]) * rise).astype(np.float32)
    changed = np.rint(samples * gain).astype(np.int16)  # a gain is at most 1
    return np.where(chosen[:, None], changed, samples)


def mixed(
    samples: np.ndarray, targets: np.ndarray, alpha: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """``s x1 + (1 - s) x2`` of clips, int16 (batch, n), and targets, float32 (batch, classes), with s from Beta(alpha,
    alpha): mixup (Zhang et al., arXiv:1710.09412).

    As in Tokozume et al. (arXiv:1711.10282), both clips first get the same level, or only the louder one would be
    heard. The sum gets the level of the first.
    """
    count, length = samples.shape
    partner = rng.permutation(count)
    share = rng.beta(alpha, alpha, (count, 1)).astype(np.float32)
    share = np.maximum(share, 1 - share)
    rows = max(_CACHED // length, 1)
    groups = [slice(first, first + rows) for first in range(0, count, rows)]
    level = np.concatenate([_rms(samples[group].astype(np.float32)) for group in groups]) + 1
    other = (1 - share) * (level / level[partner])
    sound = np.empty_like(samples)
    for group in groups:
        mix = samples[group] * share[group]
        mix += samples[partner[group]] * other[group]
        sound[group] = to_int16(mix, level[group] / (_rms(mix) + 1))
    return sound, share * targets + (1 - share) * targets[partner]


def _rms(clips: np.ndarray) -> np.ndarray:
    return np.sqrt(np.mean(np.square(clips), axis=1, keepdims=True))
