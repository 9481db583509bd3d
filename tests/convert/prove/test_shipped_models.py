"""The parity of every model that ships: on self-made clips anywhere, on the testing split where recordings are."""

import json
import os

import numpy as np
import pytest
from engine import host

from convert.prove import parity
from convert.tflite import artifact, conversion, mediapipe, tflm_reference
from edgekws import workspace, zoo
from edgekws.corpus import sources
from edgekws.corpus.clips import Split, rejects
from edgekws.model import coding, front_end
from edgekws.report import metrics

NAMES = list(zoo.folders())
RECORDINGS = os.environ.get("EDGEKWS_SPEECH_COMMANDS")


def self_made_clips(length: int) -> np.ndarray:
    """Silence, full scale, impulses, and syllables: harmonics under a moving formant, in noise, at four levels."""
    rng = np.random.default_rng(7)
    t = np.arange(length) / 16_000
    clips = [np.zeros(length), np.full(length, 32_767.0), np.where(np.arange(length) % 1600 == 0, -32_768.0, 0)]
    for level in (300, 2000, 9000, 30_000):
        for _ in range(3):
            pitch, formant = rng.uniform(90, 250), np.interp(t, [0, t[-1]], rng.uniform(300, 3000, 2))
            harmonics = np.arange(1, 25)[:, None] * pitch
            voice = (np.sin(2 * np.pi * harmonics * t) / (1 + ((harmonics - formant) / 200) ** 2)).sum(0)
            voice *= np.exp(-(((t - 0.5) / 0.15) ** 2))
            clips.append(level * (voice / np.abs(voice).max() + 0.03 * rng.standard_normal(length)))
    return np.clip(np.rint(clips), -32_768, 32_767).astype(np.int16)


@pytest.mark.parametrize("name", NAMES)
def test_every_int8_rung_on_self_made_clips(name, tmp_path):
    """Float stands beside int8 on recordings only, below: of sounds that are no speech, a network is rarely sure."""
    folder, shipped = zoo.folders()[name], artifact.load(zoo.folders()[name])
    clips = self_made_clips(shipped.graph.layers[0].input.length)
    codes = coding.encode(clips, shipped.coding)
    reference = np.array([tflm_reference.run(shipped.graph, code)[-1][0] for code in codes])
    engine = host.build(shipped.graph, tmp_path, coding=shipped.coding)
    assert np.array_equal([engine.scores(clip) for clip in clips], reference)
    xnnpack = parity.probabilities(conversion.predict(shipped.content, codes, kernels="xnnpack", title=""))
    assert np.array_equal(mediapipe.scores(folder / "model_phone.tflite", clips), xnnpack)
    int8 = parity.probabilities(conversion.predict(shipped.content, codes, kernels="reference", title=""))
    # TensorFlow Lite rounds the dense layer once: logits may differ by a unit, so a probability by half of it
    unit = shipped.graph.layers[-1].input.scale
    assert np.abs(int8 - parity.probabilities(reference)).max() <= unit / 2 + 1 / 256


def published_figures(report: dict, labels: tuple[str, ...]) -> tuple[int, int, float]:
    """Clips, right ones and accuracy of int8 over the words; clips that are no words are made, and not looked at."""
    classes = [label for label in labels if rejects(label)]
    if not classes:
        return report["testing_clips"], report["correct"]["int8"], report["accuracy"]["int8"]
    title = f"classes {' and '.join(classes)}"
    found = next(rule["words"] for rule in report["rejection"]["rules"] if rule["title"] == title)
    return found["total"], found["correct"], found["accuracy"]


def every_fourth(split: Split) -> Split:
    return Split(split.clips[::4], split.samples[::4], split.labels[::4])


@pytest.mark.slow
@pytest.mark.skipif(not RECORDINGS, reason="set EDGEKWS_SPEECH_COMMANDS to an unpacked Speech Commands folder")
@pytest.mark.parametrize("name", [name for name in NAMES if name != "wake"])  # its phrases are not in Speech Commands
def test_every_rung_on_recordings(name, tmp_path):
    """The published figure where the whole testing split is here, its interval where only a part is; every form of
    the model, from float to the C engine, near to int8. The engine is equal to the bit to TFLM's arithmetic, above."""
    from edgekws.train import float_model

    folder, shipped = zoo.folders()[name], artifact.load(zoo.folders()[name])
    words = [label for label in shipped.labels if not rejects(label)]
    total, correct, accuracy = published_figures(json.loads((folder / "report.json").read_text()), shipped.labels)
    split = sources.load(RECORDINGS, words, progress=False).split("testing")
    if shipped.graph.multiply_accumulates > 60e6:  # the reference kernels take seconds a clip
        split = every_fourth(split)
    clips = front_end.process(np.asarray(split.samples), shipped.level_control)
    codes = coding.encode(clips, shipped.coding)
    int8 = parity.probabilities(conversion.predict(shipped.content, codes, kernels="reference", title=name))
    floats = float_model.load(folder / "float.keras").predict(coding.network_input(codes), verbose=0)
    measured = metrics.accuracy(int8, split.labels)
    if measured.total == total:
        assert measured.correct == correct
        bound = workspace.load_run(folder).recipe.parity.accuracy_drop_points / 100
        assert metrics.paired_difference(int8, floats, split.labels).value >= -bound
    else:
        low, high = measured.interval
        assert low <= accuracy <= high
        assert metrics.paired_difference(int8, floats, split.labels).value >= -0.005
    xnnpack = parity.probabilities(conversion.predict(shipped.content, codes, kernels="xnnpack", title=name))
    assert np.array_equal(mediapipe.scores(folder / "model_phone.tflite", clips), xnnpack)
    kernels = (*host.native_kernels(), "portable")[0]  # each set is equal to TFLM on every model: test_trained
    engine = host.build(shipped.graph, tmp_path, host.FAST, coding=shipped.coding, kernels=kernels)
    on_device = parity.probabilities(np.array([engine.scores(clip) for clip in clips]))
    for rung in (xnnpack, on_device):
        assert (rung.argmax(1) == int8.argmax(1)).mean() >= 0.99
        assert abs(metrics.accuracy(rung, split.labels).value - measured.value) <= 0.003
