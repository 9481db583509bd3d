"""Several sources as one: each clip with its own sound, voices apart, synthetic voices beside people for training."""

import shutil

import numpy as np
import pytest
import soundfile

from edgekws.corpus import sources
from edgekws.corpus.clips import SPLITS, UNKNOWN, Rejection, Selection, speakers
from edgekws.corpus.spoken import engines
from edgekws.errors import UserError

WORDS = ("hey edge", "go")


@pytest.fixture
def takes(tmp_path):
    """Recordings of the words by twelve people, each of a level of its own."""
    for i, word in enumerate(WORDS):
        for number in range(12):
            place = tmp_path / "takes" / word / f"person{number}_nohash_0.wav"
            place.parent.mkdir(parents=True, exist_ok=True)
            level = 1_000 + 500 * i + 20 * number
            soundfile.write(
                place, np.full(16_000, level, np.int16) * np.resize([1, -1], 16_000).astype(np.int16), 16_000
            )
    return str(tmp_path / "takes")


def load(tmp_path, source, further, **settings):
    return sources.load(
        source,
        WORDS,
        Selection(clips_per_word=8),
        further=further,
        cache=tmp_path / "cache",
        progress=False,
        **settings,
    )


def test_takes_beside_spoken_words_serve_every_split(takes, tmp_path):
    alone, both = load(tmp_path, "espeak", ()), load(tmp_path, "espeak", (takes,))
    for split in SPLITS:
        for word in WORDS:
            assert both.counts()[split][word] > alone.counts()[split][word]
    assert (speakers(both).nameless, speakers(both).shared) == (0, 0)
    assert "espeak" in both.source.lower()
    assert "takes" in both.source
    mine = [i for i, clip in enumerate(both.clips) if clip.name.startswith("_from_/takes/")]
    for i in mine:
        person = int(both.clips[i].speaker.removeprefix("takes: person"))
        assert np.abs(both.samples[i]).max() == 1_000 + 500 * WORDS.index(both.clips[i].word) + 20 * person
    words = [clip.word for clip in both.clips if clip.split == "training"]
    assert set(words) == set(WORDS)


def test_beside_recordings_synthetic_voices_only_train(takes, tmp_path):
    alone, both = load(tmp_path, takes, ()), load(tmp_path, takes, ("espeak",))
    for split in ("validation", "testing"):
        assert both.counts()[split] == alone.counts()[split]
    for word in WORDS:
        assert both.counts()["training"][word] == alone.counts()["training"][word] + 8


def test_what_is_no_word_comes_after_all_of_them(takes, tmp_path):
    both = load(tmp_path, takes, ("espeak",), rejection=Rejection(neighbours=20))
    assert both.words == (*WORDS, UNKNOWN)
    assert both.counts()["training"][UNKNOWN] == 20
    spoken = both.samples[[i for i, clip in enumerate(both.clips) if clip.word == UNKNOWN]]
    assert (np.abs(spoken.astype(int)).max(axis=1) > 300).all()


def test_a_further_source_that_is_not_there_is_told(takes, tmp_path):
    with pytest.raises(UserError, match="there is no folder"):
        load(tmp_path, takes, (str(tmp_path / "nowhere"),))


@pytest.mark.skipif(shutil.which("flite") is None, reason="flite is not installed")
def test_flite_says_the_words_and_as_many_other_things(tmp_path, monkeypatch):
    monkeypatch.setattr(engines, "FLITE_CLIPS", 4)
    found = load(tmp_path, "espeak", ("flite",), rejection=Rejection(neighbours=5))
    mine = [i for i, clip in enumerate(found.clips) if clip.name.startswith("_from_/flite/")]
    assert [found.clips[i].word for i in mine].count(UNKNOWN) == len(mine) // 2 == 8
    assert {found.clips[i].split for i in mine} == {"training"}
    assert all(np.abs(found.samples[i].astype(int)).max() > 1_000 for i in mine)


@pytest.mark.skipif(shutil.which("flite") is None, reason="flite is not installed")
@pytest.mark.parametrize("rejection", [None, Rejection(silence=5)])
def test_without_a_class_for_them_flite_says_no_other_things(tmp_path, monkeypatch, rejection):
    monkeypatch.setattr(engines, "FLITE_CLIPS", 4)
    found = load(tmp_path, "espeak", ("flite",), rejection=rejection)
    mine = [clip.word for clip in found.clips if clip.name.startswith("_from_/flite/")]
    assert sorted(mine) == sorted(4 * WORDS)
    assert len(found.split("training").labels) == sum(found.counts()["training"].values())


def test_a_piper_voice_needs_both_of_its_files(takes, tmp_path):
    (tmp_path / "voices").mkdir()
    (tmp_path / "voices" / "joe.onnx").write_bytes(b"")
    with pytest.raises(UserError, match=r"joe.onnx.json beside it"):
        load(tmp_path, takes, (str(tmp_path / "voices"),))


def test_each_speaker_of_a_piper_model_is_a_voice(tmp_path):
    (tmp_path / "many.onnx").write_bytes(b"")
    (tmp_path / "many.onnx.json").write_text('{"num_speakers": 3}')
    assert engines._speakers(tmp_path / "many.onnx") == ["many:0", "many:1", "many:2"]
    (tmp_path / "many.onnx.json").write_text('{"num_speakers": 1}')
    assert engines._speakers(tmp_path / "many.onnx") == ["many"]
