"""The Python API: load a model as a ``Spotter``, train one with ``run``, write a ``bundle``.

The command line uses the same functions. Heavy imports stand inside functions, so that ``import edgekws`` is quick.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from edgekws.audio import Faults, blocks, fit
from edgekws.audio.convert import SAMPLE_RATE, Converter
from edgekws.errors import UserError

if TYPE_CHECKING:
    from convert.tflite.artifact import Artifact
    from edgekws.listen.detector import Settings
    from edgekws.listen.events import Event, Progress
    from edgekws.workspace import Run

Samples = npt.NDArray[Any]  # int16, or floats from -1 to 1; (n,) or (n, channels)


class Spotter:
    """A model that names the word in a recording and finds words in sound that goes on.

    name: of the model. labels: its classes in order; those that begin with _ are never detected. engine: what computes
    the scores, for people. settings: thresholds and averaging of the detector. hop: samples at 16 kHz between scores.
    window: samples that a score is of.
    """

    def __init__(self, artifact: Artifact, threshold: float | None = None) -> None:
        from convert.engine import host_library
        from edgekws.listen import detector

        self.name, self.labels = artifact.name, artifact.labels
        self.tuned = artifact.detector
        self._scorer = host_library.scorer(artifact)
        self.engine, self.hop, self.window = self._scorer.words, self._scorer.hop, self._scorer.window
        self.settings: Settings = detector.fitting(artifact.detector, artifact.labels, self.hop, self.window)
        if threshold is not None:
            self.settings = detector.with_threshold(self.settings, threshold)

    def classify(self, samples: Samples, rate: int = SAMPLE_RATE) -> dict[str, float]:
        """The probability of each class, best first, in the window where a word is surest.

        samples: int16, or floats from -1 to 1, (n,) or (n, channels); shorter ones lie in the middle of silence.
        rate: samples a second. A new stream begins: nothing is remembered of what was heard before.
        Raises UserError for no samples, another type, or a rate out of range.
        """
        heard = np.concatenate([*_as_int16([samples], rate)])
        if not len(heard):
            raise UserError("there are no samples to classify; expected int16 or floats from -1 to 1")
        self._scorer.reset()
        scores = self._scorer.push(heard if len(heard) > self.window else fit(heard, self.window)).astype(np.int64)
        words = [i for i, label in enumerate(self.labels) if not label.startswith("_")]
        best = scores[scores[:, words].max(axis=1).argmax()]
        ranked = sorted(zip(self.labels, best.tolist(), strict=True), key=lambda pair: -pair[1])
        return {label: (score + 128) / 256 for label, score in ranked}

    def listen(self, source: str | Path | Iterable[Samples], rate: int = SAMPLE_RATE) -> Iterator[Event]:
        """The words in a recording, or in blocks of samples as they come, each as soon as it is known.

        source: a path ("-" is standard input), or any iterable of blocks: int16, or floats from -1 to 1, (n,) or
        (n, channels), of any length. rate: of the blocks, samples a second; a recording says its own.
        An event has ``time`` (seconds from the start to the middle of the word), ``word`` and ``score`` (0 to 1).
        Raises UserError for what is no recording, another type, or a rate out of range.
        """
        from edgekws.listen.events import Event

        if isinstance(source, str | Path):
            heard = self.hear(blocks(source, Faults()), ends=True)
        else:
            heard = self.hear(_as_int16(source, rate))
        return (item for item in heard if isinstance(item, Event))

    def hear(self, sound: Iterable[np.ndarray], *, ends: bool = False) -> Iterator[Event | Progress]:
        """Events, and after each block how far it is, of int16 blocks (n,) at 16 kHz.

        ends: the sound is a whole recording, whose first and last words are heard as if it lay between quiet.
        """
        from edgekws.listen.events import listen, within_quiet

        self._scorer.reset()
        lead = self.settings.delay if ends else 0
        within = within_quiet(sound, self.settings) if ends else sound
        return listen(within, self._scorer.push, self.settings, self.labels, lead)


def load(model: str | Path, *, false_accepts_per_hour: float | None = None, threshold: float | None = None) -> Spotter:
    """A model that ships by its name ("small"), a run folder, a bundle or a .tflite file.

    false_accepts_per_hour: the thresholds that the model was tuned to for at most this many. threshold: one for every
    word, 0 to 1, in place of the model's own. Raises UserError for what is no model, and where it was not tuned.
    """
    from convert.engine import host_library
    from convert.tflite import artifact
    from edgekws.listen import detector

    found = artifact.load(model).at(false_accepts_per_hour)
    if false_accepts_per_hour is not None:
        detector.check_hop(found.detector, host_library.hop(found), found.name)
    return Spotter(found, threshold)


def microphone() -> Iterator[np.ndarray]:
    """The default microphone as int16 blocks (n,) at 16 kHz, without end; a UserError where there is none."""
    from edgekws.audio import microphone as device

    return device.blocks(Faults())


def run(recipe: str | Path | None = None, *, folder: str | Path | None = None, **changes: Any) -> Run:
    """Train, quantize, convert and prove, as ``edgekws run`` does; a run that was stopped goes on.

    recipe: a TOML file; without one the embedded default. folder: of the run (runs/NAME). changes: recipe keys with
    __ in place of the dot, such as ``training__epochs=3``. Raises UserError for a mistake in the recipe or the data.
    The proof is in the ``report.json`` of the run's folder: ``run(...).read_report()["parity"]``.
    """
    from convert import pipeline
    from edgekws.train import opening

    keys = {key.replace("__", "."): value for key, value in changes.items()}
    made = opening.opened(
        Path(recipe) if recipe else None, keys, folder=Path(folder) if folder else None, origin="edgekws.run"
    )
    pipeline.complete(made, pipeline.load_corpus(made))
    return made


def bundle(model: str | Path, target: str, folder: str | Path, *, false_accepts_per_hour: float | None = None) -> Path:
    """What a board or phone builds from, as ``edgekws bundle`` makes it; the folder.

    model: as for ``load``. target: a name of ``edgekws bundle --list``. Raises UserError for what is no model, and an
    unknown target.
    """
    from convert import targets
    from convert.targets import bundle as bundles
    from convert.tflite import artifact

    found = artifact.load(model).at(false_accepts_per_hour)
    return bundles.make(targets.request(found, targets.find(target)), target, Path(folder))


def _as_int16(source: Iterable[Samples], rate: int) -> Iterator[np.ndarray]:
    """Blocks as int16 mono at 16 kHz; 16-bit mono of this rate comes through as it is."""
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
