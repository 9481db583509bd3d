"""Spotters that run on one stream: edgekws's models, and peers where their packages are installed.

pip install pymicro-wakeword pyopen-wakeword pocketsphinx
"""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Callable, Iterator, Sequence

import numpy as np

import edgekws

Heard = list[tuple[float, str]]  # seconds from the start of the stream, and the word
Spotter = Callable[[np.ndarray], Heard]  # of int16 (n,) at 16 kHz
CHUNK = 1_280  # samples that are given at once
QUIET_SECONDS = 0.75  # after a detection, for spotters that have no such time of their own


def spotters(models: Sequence[str], words: Sequence[str]) -> dict[str, Spotter]:
    """By name: each of ``models`` of edgekws, and each peer that is installed and can know a phrase of ``words``."""
    found: dict[str, Spotter] = {f"edgekws {name}": _edgekws(name) for name in models}
    for package, make in (("pymicro_wakeword", _micro), ("pyopen_wakeword", _open), ("pocketsphinx", _pocketsphinx)):
        if importlib.util.find_spec(package):
            found |= make(words)
    return found


def _edgekws(name: str) -> Spotter:
    spotter = edgekws.load(name)

    def hear(stream: np.ndarray) -> Heard:
        return [(event.time, event.word) for event in spotter.listen(_chunks(stream))]

    return hear


def _micro(words: Sequence[str]) -> dict[str, Spotter]:
    """microWakeWord's own models, of phrases that it has, at their own thresholds."""
    from pymicro_wakeword import MicroWakeWord, MicroWakeWordFeatures, Model

    def spotter(model: Model) -> Spotter:
        def hear(stream: np.ndarray) -> Heard:
            network, features = MicroWakeWord.from_builtin(model), MicroWakeWordFeatures()
            fired = [
                any([network.process_streaming(one) for one in features.process_streaming(chunk.tobytes())])
                for chunk in _chunks(stream)
            ]
            return _apart(fired, model.value)

        return hear

    return {f"microWakeWord {one.value}": spotter(one) for one in Model if _wanted(one.value, words)}


def _open(words: Sequence[str]) -> dict[str, Spotter]:
    """openWakeWord's own models, of phrases that it has, at its threshold of 0.5."""
    from pyopen_wakeword import Model, OpenWakeWord, OpenWakeWordFeatures

    def spotter(model: Model) -> Spotter:
        def hear(stream: np.ndarray) -> Heard:
            network, features = OpenWakeWord.from_builtin(model), OpenWakeWordFeatures.from_builtin()
            fired = []
            for chunk in _chunks(stream):
                scores = [
                    score
                    for embeddings in features.process_streaming(chunk.tobytes())
                    for score in network.process_streaming(embeddings)
                ]
                fired.append(max(scores, default=0.0) > 0.5)
            return _apart(fired, model.value)

        return hear

    return {f"openWakeWord {one.value}": spotter(one) for one in Model if _wanted(one.value, words)}


def _pocketsphinx(words: Sequence[str]) -> dict[str, Spotter]:
    """PocketSphinx looking for one word at a time would be slow: all at once, at one threshold that it documents."""
    import tempfile
    from pathlib import Path

    from pocketsphinx import Decoder

    def hear(stream: np.ndarray) -> Heard:
        with tempfile.TemporaryDirectory() as folder:
            listed = Path(folder) / "words"
            listed.write_text("".join(f"{word} /1e-5/\n" for word in words))
            decoder = Decoder(kws=str(listed), loglevel="FATAL")
        decoder.start_utt()
        heard = []
        for number, chunk in enumerate(_chunks(stream)):
            decoder.process_raw(chunk.tobytes(), False, False)
            if (hypothesis := decoder.hyp()) is not None:
                heard.append(((number + 1) * CHUNK / 16_000 - 0.5, hypothesis.hypstr.split()[0]))
                decoder.end_utt()
                decoder.start_utt()
        return heard

    return {"PocketSphinx": hear}


def _wanted(phrase: str, words: Sequence[str]) -> bool:
    return not words or phrase.replace("_", " ").removeprefix("hey ") in {word.removeprefix("hey ") for word in words}


def _chunks(stream: np.ndarray) -> Iterator[np.ndarray]:
    for start in range(0, len(stream), CHUNK):
        yield stream[start : start + CHUNK]


def _apart(fired: Sequence[bool], word: str) -> Heard:
    """Times of detections that are some time apart: a spotter that stays over its threshold heard one word."""
    times: list[float] = []
    for number in np.flatnonzero(fired):
        now = (number + 1) * CHUNK / 16_000
        if not times or now - times[-1] > QUIET_SECONDS:
            times.append(now)
    return [(time, word) for time in times]


warnings.filterwarnings("ignore", category=RuntimeWarning, module="pymicro_wakeword")
