import importlib.metadata
import itertools

import numpy as np
import pytest

from edgekws import audio
from edgekws.corpus import acoustics, sources
from edgekws.corpus.clips import SPLITS, Selection
from edgekws.corpus.spoken import espeak, spoken_words
from edgekws.errors import UserError

WORDS = ("seven", "cat", "house")


@pytest.fixture(scope="module")
def spoken(tmp_path_factory):
    cache = tmp_path_factory.mktemp("espeak")
    return sources.load("espeak", WORDS, Selection(clips_per_word=15), cache=cache, progress=False)


def test_counts_and_order(spoken):
    assert spoken.counts() == {
        "training": dict.fromkeys(WORDS, 15),
        "validation": dict.fromkeys(WORDS, 2),
        "testing": dict.fromkeys(WORDS, 3),
    }
    assert spoken.preparation.clips == spoken.preparation.resampled == len(spoken.clips) == 60
    assert "eSpeak NG" in spoken.source
    assert "GPL-3.0" in spoken.licence
    assert len({clip.name for clip in spoken.clips}) == 60


def test_every_clip_is_a_word_somewhere_in_its_second(spoken):
    frames = spoken.samples.astype(float).reshape(60, 50, 320)
    energy = (frames**2).mean(axis=2)
    loud = energy > 0.01 * energy.max(axis=1, keepdims=True)
    assert (loud.sum(axis=1) >= 4).all(), "80 ms of speech at the least"
    assert loud.sum(axis=1).mean() < 35, "not noise from end to end"
    peaks = np.abs(spoken.samples.astype(int)).max(axis=1) / 32768
    assert (peaks > 0.03).all()
    assert (peaks < 1).all()
    centres = (energy * np.arange(50)).sum(axis=1) / energy.sum(axis=1)
    assert centres.std() > 4, "words begin at different times"
    assert len({samples.tobytes() for samples in spoken.samples}) == 60


def test_the_plan_keeps_speakers_apart_and_names_clips_by_them():
    plan = spoken_words.plan(WORDS, Selection(clips_per_word=150))
    speakers = {split: {clip.speaker for clip in plan.clips if clip.split == split} for split in SPLITS}
    for one, other in itertools.combinations(speakers.values(), 2):
        assert not {name.split("+")[1] for name in one} & {name.split("+")[1] for name in other}
    assert all(clip.name.startswith(f"{clip.word}/{clip.speaker}_nohash_") for clip in plan.clips)
    assert len({clip.name for clip in plan.clips}) == len(plan.clips)


def test_the_plan_depends_on_the_seed_and_on_nothing_else():
    key = spoken_words.plan(WORDS, Selection(clips_per_word=5)).key()
    assert spoken_words.plan(WORDS, Selection(clips_per_word=5)).key() == key
    assert spoken_words.plan(WORDS, Selection(clips_per_word=5, seed=1)).key() != key
    assert spoken_words.plan(WORDS[::-1], Selection(clips_per_word=5)).key() != key


def test_more_clips_than_voices_repeat_voices():
    plan = spoken_words.plan(WORDS, Selection(clips_per_word=2000))
    voices = [clip.speaker for clip in plan.clips if clip.split == "training" and clip.word == "cat"]
    own = [voice for voice in voices if "+drawn" not in voice]
    assert len(voices) == 2000
    assert 700 < len(own) < 900, "two clips of five are by eSpeak's own variants"
    assert 250 < len(set(own)) < len(own)
    assert max(own.count(voice) for voice in set(own) if not voice.startswith("en-us+")) <= 2000 // 300
    assert 0.35 < sum(voice.startswith("en-us+") for voice in voices) / 2000 < 0.48, "five of twelve"
    assert len(set(voices) - set(own)) == 2000 - len(own), "every other clip is by a voice of its own"


def test_noises_for_augmentation(spoken):
    names = [noise.name.removeprefix("_background_noise_/").removesuffix(".wav") for noise in spoken.noise]
    assert names == ["white", "pink", "brown", "hum_50_hz", "hum_60_hz", "clicks", "babble_1", "babble_2"]
    for noise in spoken.noise:
        assert noise.samples.shape == (30 * 16_000,)
        assert noise.samples.dtype == np.int16
        assert np.abs(noise.samples.astype(int)).max() == pytest.approx(16_384, abs=2)
        seconds = noise.samples.astype(float).reshape(30, 16_000)
        assert (seconds.std(axis=1) > 20).all(), "no second is silent"
    slopes = [_slope(noise.samples) for noise in spoken.noise[:3]]
    assert slopes == pytest.approx([0, -1, -2], abs=0.1)


def _slope(samples: np.ndarray) -> float:
    """Power of the frequency by which the spectrum falls, between 100 Hz and 4 kHz."""
    power = (np.abs(np.fft.rfft(samples.astype(float).reshape(-1, 16_000))) ** 2).mean(axis=0)
    frequency = np.arange(100, 4_000)
    return float(np.polyfit(np.log(frequency), np.log(power[100:4_000]), 1)[0])


def test_babble_says_none_of_the_words(monkeypatch):
    said = []

    def speak(utterances):
        said.extend(utterance.text for utterance in utterances)
        yield from np.ones((len(utterances), 100), np.float32)

    monkeypatch.setattr(espeak, "speak", speak)
    list(spoken_words._make_noise(("honey", "rain", "Music"), ["en+m1", "en+f1"], 0))
    assert said
    assert not {"honey", "rain", "music"} & set(" ".join(said).split())
    everything = tuple({word for sentence in spoken_words._SENTENCES for word in sentence.split()})
    assert [noise.name for noise in spoken_words._make_noise(everything, ["en+m1"], 0)][-1].endswith("clicks.wav")


def test_espeak_not_installed(monkeypatch):
    def version(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", version)
    with pytest.raises(UserError, match="pip install espeakng-loader"):
        spoken_words.plan(WORDS, Selection(clips_per_word=1))


def test_the_words_of_this_test_can_be_told_apart_across_voices(tmp_path, monkeypatch):
    """The nearest training clip by spectrum says the word better than chance: labels and sounds belong together.

    Without rooms and microphones, whose colour says nothing of the word.
    """
    monkeypatch.setattr(acoustics, "record", lambda rng, word, length: audio.fit(word, length))
    spoken = sources.load("espeak", WORDS, Selection(clips_per_word=60), cache=tmp_path, progress=False)

    def features(samples):
        spectra = np.log(1 + np.abs(np.fft.rfft(samples.astype(float).reshape(-1, 100, 160), 256)))
        spectrum = spectra.mean(axis=1) - spectra.mean(axis=(1, 2), keepdims=True)[:, 0]
        return spectrum / np.linalg.norm(spectrum, axis=1, keepdims=True)

    training, testing = spoken.split("training"), spoken.split("testing")
    nearest = (features(testing.samples) @ features(training.samples).T).argmax(axis=1)
    assert (training.labels[nearest] == testing.labels).mean() > 0.6


def test_the_same_clips_are_made_another_time(spoken, tmp_path):
    again = sources.load("espeak", WORDS, Selection(clips_per_word=15), cache=tmp_path, progress=False)
    assert again.fingerprint == spoken.fingerprint


def test_a_share_of_the_training_clips_has_sounds_of_other_accents():
    settings = Selection(clips_per_word=200, accented=0.4)
    plan = spoken_words.plan(WORDS, settings)
    said = [(clip, text) for clip, (text, *_) in zip(plan.clips, plan.settings[-1], strict=True)]
    accented = [(clip, text) for clip, text in said if text.startswith("[[")]
    assert {clip.split for clip, _ in accented} == {"training"}
    assert 0.32 < len(accented) / (200 * len(WORDS)) < 0.48
    assert len({text for _, text in accented}) > 60
    plain = spoken_words.plan(WORDS, Selection(clips_per_word=200))
    assert not any(text.startswith("[[") for text, *_ in plain.settings[-1])
    assert spoken_words.plan(WORDS, settings).key() == plan.key() != plain.key()


def test_a_word_with_other_sounds_is_no_other_word_of_the_set():
    plan = spoken_words.plan(("bat", "pad"), Selection(clips_per_word=400, accented=1))
    for clip, (text, *_) in zip(plan.clips, plan.settings[-1], strict=True):
        assert text not in {"bat": ("[[p'ad]]", "[[p'aad]]"), "pad": ("[[b'at]]", "[[b'aat]]")}[clip.word]
