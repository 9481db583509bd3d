"""The Python API: load a model as a ``Spotter``, train one with ``run``, write a ``bundle``.

The command line uses the same functions. Heavy imports stand inside functions, so that ``import edgekws`` is quick.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
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
    from edgekws.workspace import Run

Samples = npt.NDArray[Any]  # int16, or floats from -1 to 1; (n,) or (n, channels)


class Spotter:
    """A model that names the word in a recording, and finds words in sound that goes on.

    Attributes:
        name: the model's name.
        labels: the model's classes, in order. A class whose name begins with _ is never detected.
        engine: what computes the scores, as text for people.
        window: the number of samples, at 16 kHz, that the model hears at once.
        hop: the number of samples, at 16 kHz, from one score to the next.
        settings: the thresholds and the averaging of the detector.
    """

    def __init__(self, artifact: Artifact, threshold: float | None = None, openers: Sequence[Spotter] = ()) -> None:
        from convert.engine import host_library
        from edgekws.listen import detector

        self.name, self.labels = artifact.name, artifact.labels
        self.tuned, self._openers = artifact.detector, tuple(openers)
        self._scorer = host_library.scorer(artifact)
        self.engine, self.hop, self.window = self._scorer.words, self._scorer.hop, self._scorer.window
        self.settings: Settings = artifact.settings(self.hop)
        if threshold is not None:
            self.settings = detector.with_threshold(self.settings, threshold)

    def classify(self, samples: Samples, rate: int = SAMPLE_RATE) -> dict[str, float]:
        """The probability of each class, best first, in the window where a word is surest.

        samples: int16, or floats from -1 to 1, of shape (n,) or (n, channels). Fewer samples than a window are put into
        the middle of silence. rate: samples a second, 1,000 to 768,000; other rates than 16,000 are resampled.
        Each call is independent of what was heard before. The probabilities are multiples of 1/256.
        Raises UserError where there are no samples, for another type or shape, and for a rate out of range.
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
        """Yield an event for each word in a recording, or in blocks of samples, as soon as the word is known.

        source: a path ("-" is standard input), or any iterable of blocks. A block is int16, or floats from -1 to 1, of
        shape (n,) or (n, channels) and of any length. rate: samples a second of the blocks; a recording has its own.
        An event has ``time`` (seconds from the start to the middle of the word), ``word`` and ``score`` (0 to 1).
        Raises UserError for a file that is no recording, a block of another type or shape, and a rate out of range.
        """
        from edgekws.listen.events import Event

        if isinstance(source, str | Path):
            heard = self.hear(blocks(source, Faults()), ends=True)
        else:
            heard = self.hear(_as_int16(source, rate))
        return (item for item in heard if isinstance(item, Event))

    def hear(self, sound: Iterable[np.ndarray], *, ends: bool = False) -> Iterator[Event | Progress]:
        """Yield events and, after each block, a ``Progress``; sound is int16 blocks of shape (n,) at 16 kHz.

        ends: the sound is a whole recording; quiet is added at both ends, so that the first and last words are heard.
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
    opened_by: Sequence[str] = (),
    open_seconds: float | None = None,
) -> Spotter:
    """Load a model: a model that ships by its name ("small"), a run folder, a bundle or a .tflite file.

    false_accepts_per_hour: take the thresholds for at most this many false accepts an hour, as the model was tuned.
    threshold: one threshold for every word, from 0 to 1, in place of the model's own. opened_by: words of the model,
    or other models, such as "wake": words count only for open_seconds (5) after one of these was heard.
    Raises UserError where there is no such model or word, and for false_accepts_per_hour of a model that was not tuned.
    """
    from convert.engine import host_library
    from convert.tflite import artifact
    from edgekws.listen import detector

    found = artifact.load(model).at(false_accepts_per_hour)
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
    """Another model, whose words open the detector of one."""
    from convert.tflite import artifact

    try:
        return artifact.load(name)
    except UserError as error:
        words = ", ".join(label for label in opened.labels if not label.startswith("_"))
        raise UserError(f"{name!r} is no word of {opened.name} ({words}), and no model: {error}") from None


def microphone() -> Iterator[np.ndarray]:
    """Yield what the default microphone hears, without end: int16 blocks of shape (n,) at 16 kHz.

    A microphone that is unplugged is waited for. Raises UserError where there is none.
    """
    from edgekws.audio import microphone as device

    return device.blocks(Faults())


def run(recipe: str | Path | None = None, *, folder: str | Path | None = None, **changes: Any) -> Run:
    """Train, quantize, convert and prove, as ``edgekws run`` does; a run that was stopped goes on.

    recipe: a TOML file; without one, the recipe inside edgekws. folder: the run's folder (default: runs/NAME).
    changes: keys of the recipe with __ in place of the dot, such as ``training__epochs=3``.
    Returns the run. ``run(...).read_report()`` has every figure; its key "parity" has the proof.
    Raises UserError for a mistake in the recipe or the data, and where another process works on the same run.
    """
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
    opened_by: Sequence[str] = (),
    open_seconds: float | None = None,
) -> Path:
    """Write what a board or phone builds from, as ``edgekws bundle`` does, and return its folder or zip file.

    model: as for ``load``. target: a name in ``edgekws bundle --list``. folder: where to write; an earlier bundle there
    is replaced, unless it was changed. false_accepts_per_hour, opened_by, open_seconds: as for ``load``.
    Raises UserError where there is no such model or target, and where the folder holds something else.
    """
    from convert import targets
    from convert.targets import bundle as bundles
    from convert.tflite import artifact

    found = artifact.load(model).at(false_accepts_per_hour).opened(opened_by, open_seconds)
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
