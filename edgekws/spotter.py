"""The Python API: load a model as a ``Spotter``, train one with ``run``, write a ``bundle``.

The command line uses the same functions. Heavy imports are inside functions, so that ``import edgekws`` is quick.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from edgekws.audio import Faults, blocks, fit
from edgekws.audio.convert import SAMPLE_RATE, Converter
from edgekws.errors import UserError
from edgekws.text import normal

if TYPE_CHECKING:
    from convert.tflite.artifact import Artifact
    from edgekws.listen.detector import Settings
    from edgekws.listen.events import Event, Progress
    from edgekws.listen.hearing import Scorer
    from edgekws.workspace import Run

Samples = npt.NDArray[Any]  # int16, or floats from -1 to 1; (n,) or (n, channels)


class Spotter:
    """A model that names the word in a recording, and finds words in continuous sound. ``edgekws.load`` makes one.

    Attributes:
        name: the model's name.
        labels: the model's classes, in order. A class whose name begins with _ is never detected.
        engine: what computes the scores, as text for people.
        window: how many samples, at 16 kHz, the model hears at once.
        hop: how many samples, at 16 kHz, are between two scores.
        settings: the thresholds and the averaging of the detector.
    """

    def __init__(self, artifact: Artifact, threshold: float | None = None, openers: Sequence[Spotter] = ()) -> None:
        from convert.engine import host_library
        from edgekws.listen import detector

        self.name, self.labels = artifact.name, artifact.labels
        self.tuned, self._openers = artifact.detector, tuple(openers)
        self._artifact, self._scorer = artifact, host_library.scorer(artifact)
        self.engine, self.hop, self.window = self._scorer.words, self._scorer.hop, self._scorer.window
        self.settings: Settings = artifact.settings(self.hop)
        if threshold is not None:
            self.settings = detector.with_threshold(self.settings, threshold)

    @cached_property
    def _clips(self) -> Scorer:
        """What scores recordings of a word: as ``_scorer``, but words are not lowered."""
        from convert.engine import host_library

        plain = replace(self._artifact, logit_adjustment=0.0)
        return host_library.scorer(plain) if self._artifact.logit_adjustment else self._scorer

    def classify(self, samples: Samples, rate: int = SAMPLE_RATE) -> dict[str, float]:
        """Return the probability of each class, highest first, in the window where a word has the highest probability.

        Each call begins anew: earlier calls do not matter.

        Args:
            samples: int16, or floats from -1 to 1, of shape (n,) or (n, channels). If there are fewer samples than a
                window, silence is added before and after them.
            rate: samples a second, 1,000 to 768,000. Other rates than 16,000 are resampled.

        Returns:
            {class: probability}, 0 to 1 in multiples of 1/256.

        Raises:
            UserError: there are no samples, their type or shape is another, or the rate is out of range.
        """
        heard = np.concatenate([*_as_int16([samples], rate)])
        if not len(heard):
            raise UserError("there are no samples to classify; expected int16 or floats from -1 to 1")
        self._clips.reset()
        scores = self._clips.push(heard if len(heard) > self.window else fit(heard, self.window)).astype(np.int64)
        words = [i for i, label in enumerate(self.labels) if not label.startswith("_")]
        best = scores[scores[:, words].max(axis=1).argmax()]
        ranked = sorted(zip(self.labels, best.tolist(), strict=True), key=lambda pair: -pair[1])
        return {label: (score + 128) / 256 for label, score in ranked}

    def listen(self, source: str | Path | Iterable[Samples], rate: int = SAMPLE_RATE) -> Iterator[Event]:
        """Yield an event for each word in a recording or in blocks of samples, as soon as the word is known.

        Args:
            source: the path of a recording, "-" for standard input, or any iterable of blocks. A block is int16, or
                floats from -1 to 1, of shape (n,) or (n, channels), with any n.
            rate: samples a second of the blocks, 1,000 to 768,000. A recording has its own rate.

        Yields:
            Events with ``time`` (seconds from the start to the middle of the word), ``word`` and ``score`` (averaged
            probability, 0 to 1).

        Raises:
            UserError: a file is not a recording, a block has another type or shape, or the rate is out of range.
        """
        from edgekws.listen.events import Event

        if isinstance(source, str | Path):
            heard = self.hear(blocks(source, Faults()), ends=True)
        else:
            heard = self.hear(_as_int16(source, rate))
        return (item for item in heard if isinstance(item, Event))

    def hear(self, sound: Iterable[np.ndarray], *, ends: bool = False) -> Iterator[Event | Progress]:
        """Yield events and, after each block, a ``Progress``.

        Args:
            sound: int16 blocks of shape (n,) at 16 kHz.
            ends: the sound is a whole recording. Quiet is added at both ends, so that words there are heard.
        """
        from edgekws.listen.events import Ear, listen, within_quiet

        slowest = max((self, *self._openers), key=lambda one: one.settings.delay).settings
        lead = slowest.delay if ends else 0
        within = within_quiet(sound, slowest) if ends else sound
        for one in (self, *self._openers):
            one._scorer.reset()
        openers = [Ear(one._scorer.push, one.settings, one.labels, lead) for one in self._openers]
        return listen(within, self._scorer.push, self.settings, self.labels, lead, openers)


def load(
    model: str | Path,
    *,
    false_accepts_per_hour: float | None = None,
    threshold: float | None = None,
    alone: float | None = None,
    opened_by: Sequence[str] = (),
    open_seconds: float | None = None,
) -> Spotter:
    """Load a model.

    Args:
        model: a shipped model's name, such as "small", or the path of a run folder, a bundle or a .tflite file.
        false_accepts_per_hour: use the thresholds that tuning chose for at most so many false accepts an hour: words
            heard where none was said.
        threshold: one threshold for every word, above 0 and up to 1, in place of the model's own. After talk up to
            ``alone`` more is needed.
        alone: by how much thresholds are higher at most, 0 to 1, for a word that follows talk; None: as it was tuned.
        opened_by: words of the model, or other models, such as "wake". Words count only after one of these was heard.
        open_seconds: for how many seconds words then count (default: 5).

    Raises:
        UserError: there is no such model or word, the model was not tuned for ``false_accepts_per_hour``, or a number
            is out of range.
    """
    from convert.engine import host_library
    from convert.tflite import artifact
    from edgekws.listen import detector

    found = artifact.load(model).at(false_accepts_per_hour).said_alone(alone)
    if false_accepts_per_hour is not None:
        detector.check_hop(found.detector, host_library.hop(found), found.name)
    words = [name for name in opened_by if normal(name) in found.labels]
    others = [name for name in opened_by if normal(name) not in found.labels]
    if opened_by:
        found = found.opened(words, artifact.OPEN_SECONDS if open_seconds is None else open_seconds)
    elif open_seconds is not None:
        raise UserError("say what opens the detector for so many seconds: a word of the model, or another model")
    return Spotter(found, threshold, [Spotter(_opener(name, found)) for name in others])


def _opener(name: str, opened: Artifact) -> Artifact:
    """The other model whose words open this model's detector."""
    from convert.tflite import artifact

    try:
        return artifact.load(name)
    except UserError as error:
        words = ", ".join(label for label in opened.labels if not label.startswith("_"))
        raise UserError(f"{name!r} is no word of {opened.name} ({words}), and no model: {error}") from None


def microphone() -> Iterator[np.ndarray]:
    """Yield the sound of the default microphone without end: int16 blocks of shape (n,) at 16 kHz.

    If the microphone is unplugged, it waits for it. Raises UserError if there is no microphone, or the package
    sounddevice is not installed.
    """
    from edgekws.audio import microphone as device

    return device.blocks(Faults())


def run(recipe: str | Path | None = None, *, folder: str | Path | None = None, **changes: Any) -> Run:
    """Train, quantize, convert and prove a model, as ``edgekws run`` does. A run that was stopped continues.

    Args:
        recipe: the path of a TOML file; None: the recipe inside edgekws.
        folder: the run's folder; None: runs/NAME, with the recipe's name.
        changes: keys of the recipe with __ in place of the dot, such as ``training__epochs=3``.

    Returns:
        The run. ``read_report()`` gives all its figures; their key "parity" has the proof.

    Raises:
        UserError: there is a mistake in the recipe or the data, or another process works on the same run.
    """
    from edgekws.progress import fewer_logs

    fewer_logs()
    from convert import pipeline
    from edgekws.train import opening

    keys = {key.replace("__", "."): value for key, value in changes.items()}
    made = opening.opened(
        Path(recipe) if recipe else None, keys, folder=Path(folder) if folder else None, origin="edgekws.run"
    )
    pipeline.complete(made, pipeline.load_corpus(made))
    return made


def bundle(
    model: str | Path,
    target: str,
    folder: str | Path,
    *,
    false_accepts_per_hour: float | None = None,
    alone: float | None = None,
    opened_by: Sequence[str] = (),
    open_seconds: float | None = None,
) -> Path:
    """Write the files that a board's or phone's build needs, as ``edgekws bundle`` does.

    Args:
        model: as for ``load``.
        target: a name in ``edgekws bundle --list``.
        folder: where to write. An earlier bundle there is replaced, unless it was changed.
        false_accepts_per_hour, alone, opened_by, open_seconds: as for ``load``, but only words of the model can open
            it.

    Returns:
        The bundle's folder, or its zip file.

    Raises:
        UserError: there is no such model or target, or something other than an unchanged bundle is in the way.
    """
    from convert import targets
    from convert.targets import bundle as bundles
    from convert.tflite import artifact

    found = artifact.load(model).at(false_accepts_per_hour).opened(opened_by, open_seconds).said_alone(alone)
    return bundles.make(targets.request(found, targets.find(target)), target, Path(folder))


def _as_int16(source: Iterable[Samples], rate: int) -> Iterator[np.ndarray]:
    """Blocks as int16 mono at 16 kHz. 16-bit mono at this rate stays unchanged."""
    if not 1_000 <= rate <= 768_000:
        raise UserError(f"the rate must be from 1,000 to 768,000 samples a second, got {rate}")
    converter = Converter(rate, Faults())
    for block in source:
        sound = np.asarray(block)
        if sound.ndim not in (1, 2) or not (sound.dtype == np.int16 or np.issubdtype(sound.dtype, np.floating)):
            raise UserError(
                f"expected samples as int16, or floats from -1 to 1, of shape (n,) or (n, channels); got {sound.dtype} "
                f"of shape {sound.shape}"
            )
        scaled = sound.astype(np.float32) / (32_768 if sound.dtype == np.int16 else 1)
        yield converter.convert(scaled if sound.ndim == 2 else scaled[:, None])
    yield converter.convert(np.zeros((0, 1), np.float32), last=True)
