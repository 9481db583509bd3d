"""Folders as kinds of sound, and recordings one after the other with each sample's origin."""

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from edgekws.errors import UserError
from edgekws.listen import sound_kinds
from edgekws.listen.sound_kinds import Recording, Tape


def ramp(path, first, count, rate=16_000):
    soundfile.write(path, np.arange(first, first + count, dtype=np.int16), rate, subtype="PCM_16")
    return path


@pytest.mark.parametrize(
    ("name", "sort"),
    [
        ("librispeech", "speech"),
        ("my talk", "speech"),
        ("Music", "music"),
        ("street_noise", "noise"),
        ("sounds", "noise"),
        ("white-noise-2", "noise"),
        ("rain", "noise"),
        ("words-alone", "words alone"),
        ("words", "speech"),
        ("musical", "music"),
        ("train-clean-100", "speech"),  # has a rain in it
        ("classroom", "speech"),
        ("songbird", "speech"),
    ],
)
def test_a_folders_name_says_what_sort_of_sound_it_holds(name, sort):
    assert sound_kinds.sort_of(name) == sort


def test_folders_are_kinds_with_their_recordings_and_speakers(tmp_path):
    (talk := tmp_path / "talk" / "deep").mkdir(parents=True)
    ramp(talk / "ann_nohash_0.wav", 0, 8000)
    ramp(tmp_path / "talk" / "other.flac", 0, 22_050, 44_100)
    (kind,) = sound_kinds.find([tmp_path / "talk"], "--negatives")
    assert [(one.name, one.speaker, one.seconds) for one in kind.recordings] == [
        ("deep/ann_nohash_0.wav", "ann", 0.5),
        ("other.flac", "", 0.5),
    ]
    assert (kind.name, kind.sort, kind.seconds) == ("talk", "speech", 1.0)


def test_a_missing_empty_or_second_folder_of_a_name_is_told(tmp_path):
    for place in (tmp_path / "a" / "x", tmp_path / "b" / "x"):
        place.mkdir(parents=True)
        ramp(place / "r.wav", 0, 100)
    (tmp_path / "empty").mkdir()
    for folders, told in (([tmp_path / "no"], "is not a folder"), ([tmp_path / "empty"], "no recordings in"),
                          ([tmp_path / "a" / "x", tmp_path / "b" / "x"], "two folders are called x")):  # fmt: skip
        with pytest.raises(UserError, match=told):
            sound_kinds.find(folders, "--negatives")


@settings(max_examples=40)
@given(st.lists(st.tuples(st.floats(0, 3), st.floats(0, 1)), max_size=4))
def test_every_sample_of_a_tape_comes_from_where_it_says(tmp_path_factory, cuts):
    folder = tmp_path_factory.getbasetemp()
    lengths, recordings = (30_000, 900, 20_000), []
    for i, length in enumerate(lengths):
        path = folder / f"{i}.wav"
        if not path.exists():
            ramp(path, 0, length)
        recordings.append(Recording.of(path, folder))
    tape = Tape(recordings, {0: [(a, a + b) for a, b in cuts]})
    sound = np.concatenate(list(tape.blocks()))
    assert len(sound) == tape.samples
    for at in range(0, len(sound), 997):
        number, place = tape.origin(at)
        assert place == sound[at]
        assert not any(round(a * 16_000) <= place < round((a + b) * 16_000) for a, b in cuts if number == 0)
    if not cuts:
        assert tape.samples == sum(lengths)
        assert [tape.span(i) for i in range(3)] == [(0, 30_000), (30_000, 900), (30_900, 20_000)]


def test_a_pause_comes_before_each_recording(tmp_path):
    paths = [ramp(tmp_path / f"{i}.wav", 1000 * i, 2000) for i in (1, 2)]
    tape = Tape([Recording.of(path, tmp_path) for path in paths], pause=500)
    sound = np.concatenate(list(tape.blocks()))
    assert (tape.samples, tape.pauses, len(sound)) == (5000, 1000, 5000)
    assert np.array_equal(sound[500:2500], np.arange(1000, 3000))
    assert np.array_equal(sound[3000:], np.arange(2000, 4000))
    assert 0 < np.abs(sound[2500:3000]).max() < 20  # faint, and no digital silence
    assert [tape.origin(at) for at in (500, 3000, 4999)] == [(0, 0), (1, 0), (1, 1999)]


def test_excerpts_are_the_samples_asked_for(tmp_path):
    path = ramp(tmp_path / "r.wav", 0, 30_000)
    spans = [(-500, 500), (400, 1400), (20_000, 22_000), (21_000, 21_500), (29_000, 31_000), (40_000, 41_000)]
    found = list(sound_kinds.excerpts(path, spans))
    for (first, last), sound in zip(spans, found, strict=True):
        assert np.array_equal(sound, np.arange(max(first, 0), max(min(last, 30_000), min(first, 30_000)))), (
            first,
            last,
        )


def test_short_streams_do_not_count_beside_long_ones():
    assert sound_kinds.long_enough([2.0, 0.01]) == [True, False]
    assert sound_kinds.long_enough([0.02, 0.01]) == [True, True]
