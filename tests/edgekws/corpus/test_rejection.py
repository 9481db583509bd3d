"""The classes _unknown_ and _silence_: what is in them, split by speaker as the words are."""

import numpy as np
import pytest

from edgekws import recipe
from edgekws.corpus import rejection, sources
from edgekws.corpus.clips import SILENCE, SPLITS, UNKNOWN, Noise, Rejection, Selection
from edgekws.corpus.spoken import espeak
from edgekws.errors import UserError

WORDS = ("yes", "no")
ALL = Rejection(("stop", "eight"), unknown_made=20, silence=10)


@pytest.fixture
def source(speech, recordings):
    recordings(*(f"{word}/speaker{number}_nohash_0.wav" for word in ("stop", "eight") for number in range(40)))
    return recordings("_background_noise_/tap.wav", "_background_noise_/bike.wav", samples=50_000)


def load(folder, tmp_path, wanted, words=WORDS):
    return sources.load(str(folder), words, rejection=wanted, cache=tmp_path / "cache", progress=False)


def test_the_classes_come_last_and_the_words_stay_what_they_were(source, tmp_path):
    plain, loaded = load(source, tmp_path, None), load(source, tmp_path, ALL)
    assert loaded.words == (*WORDS, UNKNOWN, SILENCE)
    assert plain.fingerprint != loaded.fingerprint
    assert plain.fingerprint == load(source, tmp_path, Rejection()).fingerprint
    for name in SPLITS:
        before, split = plain.split(name), loaded.split(name)
        words = split.labels < 2
        assert [clip for clip in split.clips if clip.word in WORDS] == list(before.clips)
        np.testing.assert_array_equal(split.samples[words], before.samples)
        assert np.all(np.diff(split.labels) >= 0)
    counts = loaded.counts()
    recorded = {name: 2 * n["yes"] for name, n in plain.counts().items()}
    assert counts["training"][UNKNOWN] == recorded["training"] + 20
    assert counts["training"][SILENCE] == 10
    assert all(counts[name][label] > 0 for name in SPLITS for label in loaded.words)


def test_made_clips_hold_only_their_own_splits_sound(source, tmp_path):
    loaded = load(source, tmp_path, ALL)
    for name in SPLITS:
        split = loaded.split(name)
        speakers = {clip.speaker for clip in split.clips if clip.word in WORDS}
        made = [i for i, clip in enumerate(split.clips) if clip.name.startswith(f"{UNKNOWN}/made")]
        sounds = {samples.tobytes() for samples in split.samples}
        backwards = [np.ascontiguousarray(split.samples[i][::-1]).tobytes() in sounds for i in made]
        assert backwards == [number % 2 == 0 for number in range(len(made))]
        assert {split.clips[i].speaker for i in made} <= speakers


def test_spoken_clips_are_by_voices_of_their_split(speech, tmp_path):
    loaded = load(speech, tmp_path, Rejection(unknown_spoken=12))
    assert loaded.words == (*WORDS, UNKNOWN)
    voices, drawn = espeak.split_voices(Selection()), {}
    for name in SPLITS:
        split = loaded.split(name)
        spoken = [i for i, clip in enumerate(split.clips) if clip.word == UNKNOWN]
        assert spoken
        speakers = {split.clips[i].speaker for i in spoken}
        drawn[name] = {speaker for speaker in speakers if "+drawn" in speaker}
        assert speakers - drawn[name] <= set(voices[name])
        assert all(np.abs(split.samples[i].astype(int)).max() > 700 for i in spoken)
    assert drawn["training"]
    assert not drawn["training"] & (drawn["validation"] | drawn["testing"])


def test_the_same_seed_gives_the_same_clips(source, tmp_path):
    first, again = (load(source, tmp_path / place, ALL) for place in ("a", "b"))
    assert first.fingerprint == again.fingerprint
    other = sources.load(str(source), WORDS, Selection(seed=1), rejection=ALL, cache=tmp_path, progress=False)
    assert other.fingerprint != first.fingerprint


def test_each_class_can_be_alone(source, tmp_path):
    assert load(source, tmp_path, Rejection(silence=5)).words == (*WORDS, SILENCE)
    assert load(source, tmp_path, Rejection(unknown=("stop",))).words == (*WORDS, UNKNOWN)
    assert load(source, tmp_path, Rejection(unknown_made=5)).words == (*WORDS, UNKNOWN)


def test_noise_is_kept_apart():
    noises = [Noise(name, np.full(20_000, value, np.int16)) for value, name in enumerate("abc")]
    assert [n[0] for n in rejection.noise_of("training", noises, ["b"])] == [0, 2]
    assert [(len(n), n[0]) for n in rejection.noise_of("testing", noises, ["b"])] == [(10_000, 1)]
    assert [n[0] for n in rejection.noise_of("validation", noises, [])] == [0, 1, 2]


def test_halves_meet_at_the_border_of_two_words():
    first, second = np.zeros((2, 16_000), np.int16)
    first[4000:8000], second[10_000:12_000] = 1000, 2000
    joined = rejection.halves(first, second)
    assert np.all(joined[200:1900] == 1000)  # the second half of the first word
    assert np.all(joined[15_200:15_800] == 2000)  # the first half of the second
    assert not joined[2100:14_900].any()
    assert rejection.halves(first, np.zeros(16_000, np.int16)).dtype == np.int16


def test_silence_is_at_all_levels_and_never_beyond_16_bits():
    rng = np.random.default_rng(0)
    clips = np.array([rejection.silence(rng, [np.full(20_000, 9000, np.int16)]) for _ in range(200)], float)
    levels = np.sqrt(np.mean(clips**2, axis=1))
    assert (levels == 0).sum() > 2
    assert levels[levels > 0].min() < 40
    assert levels.max() > 3000


def test_a_word_in_both_lists_and_a_missing_one_are_told(source, tmp_path):
    with pytest.raises(UserError, match="both hold yes"):
        recipe.replace(recipe.Recipe(), {"data.words": ["yes", "no"], "data.unknown": ["yes"]})
    with pytest.raises(UserError, match="no folder for eigth; did you mean 'eight'"):
        load(source, tmp_path, Rejection(("eigth",)))


def test_unreadable_recordings_are_still_told(source, tmp_path):
    (source / "eight/speaker3_nohash_0.wav").write_bytes(b"no")
    with pytest.raises(UserError, match="speaker3"):
        load(source, tmp_path, ALL)


def test_other_words_are_those_of_the_source_that_have_clips_in_every_split(source, tmp_path, monkeypatch, recordings):
    monkeypatch.setenv("EDGEKWS_CACHE", str(tmp_path / "cache"))
    recordings("rare/speaker0_nohash_0.wav")
    made = recipe.replace(recipe.Recipe(), {"data.source": str(source), "data.words": list(WORDS)})
    found = sources.other_words(made)
    assert found.words == ("eight", "stop")
    assert found.counts()["training"] == {"eight": 1, "stop": 1}
    testing = {clip.speaker for clip in found.split("testing").clips}
    assert testing == {clip.speaker for clip in load(source, tmp_path, None).split("testing").clips}
    everything = recipe.replace(made, {"data.words": [*WORDS, "eight", "stop", "rare"]})
    assert sources.other_words(everything) is None
    assert sources.other_words(recipe.Recipe()) is None


def test_silence_holds_noises_of_every_kind(monkeypatch):
    rng, made = np.random.default_rng(0), []
    for kind in ("hum", "clicks", "coloured_noise", "calls"):
        real = getattr(rejection.acoustics, kind)
        monkeypatch.setattr(rejection.acoustics, kind, lambda *a, k=kind, r=real: made.append(k) or r(*a))
    for _ in range(60):
        rejection.silence(rng, [])
    assert {"hum", "clicks", "coloured_noise", "calls"} <= set(made)
