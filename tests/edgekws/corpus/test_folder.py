import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import soundfile

from edgekws import audio
from edgekws.audio import Preparation
from edgekws.corpus import folder, sources
from edgekws.corpus.clips import SPLITS, Selection
from edgekws.corpus.folder import speaker_split
from edgekws.errors import UserError

WORDS = ("yes", "no")
GSC16 = "zero one two three four five yes no up down left right go bed cat happy"


def _load(path, tmp_path, words=WORDS, **settings):
    return sources.load(str(path), words, cache=tmp_path / "cache", progress=False, **settings)


@pytest.mark.parametrize(
    ("speaker", "split"),
    [  # from the official lists of v0.01
        ("004ae714", "training"),
        ("3402e488", "training"),
        ("026290a7", "validation"),
        ("8a5acefd", "validation"),
        ("5fadb538", "validation"),
        ("1528225c", "testing"),
        ("ca48dc76", "testing"),
        ("1b4c9b89", "testing"),
    ],
)
def test_the_rule_gives_the_official_splits(speaker, split):
    assert speaker_split(speaker, 10, 10) == split


def test_speakers_stay_where_they_are_as_the_percentages_say():
    splits = Counter(speaker_split(f"{number:08x}", 10, 20) for number in range(10_000))
    assert splits["validation"] / 10_000 == pytest.approx(0.1, abs=0.01)
    assert splits["testing"] / 10_000 == pytest.approx(0.2, abs=0.01)
    for number in range(1_000):
        if speaker_split(f"{number:08x}", 5, 10) == "validation":
            assert speaker_split(f"{number:08x}", 10, 10) == "validation"


def test_lists_decide_and_the_rest_is_for_training(recordings, tmp_path):
    path = recordings(*(f"{word}/{letter}_nohash_0.wav" for word in WORDS for letter in "abcd"))
    (path / "validation_list.txt").write_text("yes/a_nohash_0.wav\nno/a_nohash_0.wav\n\n")
    (path / "testing_list.txt").write_text("yes/b_nohash_0.wav\r\nno\\b_nohash_0.wav\r\n")
    loaded = _load(path, tmp_path)
    assert {clip.name: clip.split for clip in loaded.clips if clip.word == "no"} == {
        "no/a_nohash_0.wav": "validation",
        "no/b_nohash_0.wav": "testing",
        "no/c_nohash_0.wav": "training",
        "no/d_nohash_0.wav": "training",
    }
    assert "own lists" in loaded.source


def test_entries_of_other_words_are_ignored_and_missing_files_counted(recordings, tmp_path):
    path = recordings(*(f"{word}/{letter}_nohash_0.wav" for word in WORDS for letter in "abc"))
    (path / "validation_list.txt").write_text("yes/a_nohash_0.wav\nno/a_nohash_0.wav\nhouse/a_nohash_0.wav\n?\n")
    (path / "testing_list.txt").write_text("yes/b_nohash_0.wav\nno/b_nohash_0.wav\nno/gone_nohash_0.wav\n")
    assert _load(path, tmp_path).preparation == Preparation(clips=6, not_found=1)


def test_bad_lists(recordings, tmp_path):
    path = recordings(*(f"{word}/{letter}_nohash_0.wav" for word in WORDS for letter in "abc"))
    (path / "testing_list.txt").write_text("yes/a_nohash_0.wav\n")
    with pytest.raises(UserError, match=r"has testing_list\.txt but no validation_list\.txt"):
        _load(path, tmp_path)
    (path / "validation_list.txt").write_text("yes/a_nohash_0.wav\n")
    with pytest.raises(UserError, match=r"yes/a_nohash_0\.wav is in both"):
        _load(path, tmp_path)
    (path / "validation_list.txt").write_bytes(b"\xff\xfe\xfd")
    with pytest.raises(UserError, match="cannot be read as text"):
        _load(path, tmp_path)
    (path / "validation_list.txt").write_text("no/a_nohash_0.wav\n")
    with pytest.raises(UserError, match=r"speaker a is in two splits: no/a_nohash_0\.wav in validation, yes/a"):
        _load(path, tmp_path)


def test_recordings_of_ones_own(recordings, tmp_path):
    path = recordings(*(f"yes/take {number}.flac" for number in range(60)))
    recordings(*(f"no/Take{number}.WAV" for number in range(60)), samples=40_000, rate=44_100, channels=2)
    (path / "no" / "notes.txt").write_text("quiet room")
    (path / "no" / ".hidden.wav").write_text("not audio")
    loaded = _load(path, tmp_path)
    assert loaded.preparation == Preparation(clips=120, resampled=60, mixed_down=60, padded=60, not_audio=1)
    assert all(clip.split == speaker_split(clip.speaker, 10, 10) for clip in loaded.clips)
    assert {clip.speaker for clip in loaded.clips if clip.word == "yes"} == {f"take {n}" for n in range(60)}
    assert "own" in loaded.licence


def test_the_same_person_is_in_one_split_in_all_words(recordings, tmp_path):
    path = recordings(*(f"{word}/{person}_nohash_{i}.wav" for word in WORDS for person in range(60) for i in range(2)))
    splits = {}
    for clip in _load(path, tmp_path).clips:
        assert splits.setdefault(clip.speaker, clip.split) == clip.split
    assert set(splits.values()) == set(SPLITS)


def test_clips_per_word_limits_training_only_and_is_drawn_by_the_seed(speech, tmp_path):
    whole, few, again, other = (
        _load(speech, tmp_path, clips_per_word=number, seed=seed) for number, seed in ((0, 0), (5, 0), (5, 0), (5, 1))
    )
    assert few.counts()["training"] == {"yes": 5, "no": 5}
    for split in ("validation", "testing"):
        assert few.counts()[split] == whole.counts()[split]
    assert few.preparation.left_out == len(whole.clips) - len(few.clips) > 0
    assert few.clips == again.clips != other.clips
    assert set(few.clips) < set(whole.clips)


def test_background_noise_keeps_its_length_and_name(speech, recordings, tmp_path):
    recordings("_background_noise_/tap.wav", samples=50_000)
    recordings("_background_noise_/bike.wav", samples=24_000, rate=8_000)
    (speech / "_background_noise_" / "README.md").write_text("recorded by hand")
    noise = _load(speech, tmp_path).noise
    assert [(n.name, n.samples.shape) for n in noise] == [
        ("_background_noise_/bike.wav", (48_000,)),
        ("_background_noise_/tap.wav", (50_000,)),
    ]
    tap = audio.read(speech / "_background_noise_/tap.wav")[0]
    np.testing.assert_array_equal(noise[1].samples, tap)


def test_missing_words_name_the_nearest(speech, tmp_path):
    with pytest.raises(UserError, match="no folder for yess; did you mean 'yes'"):
        _load(speech, tmp_path, ("yess", "no"))
    with pytest.raises(UserError, match="no folder for elephant, giraffe; the folders there are: no, yes"):
        _load(speech, tmp_path, ("elephant", "giraffe"))


def test_a_word_without_clips_in_a_split(recordings, tmp_path):
    path = recordings("yes/004ae714_nohash_0.wav", "yes/004ae714_nohash_1.wav", "no/004ae714_nohash_0.wav")
    with pytest.raises(UserError, match=r"yes \(validation, testing\), no \(validation, testing\).*validation_percent"):
        _load(path, tmp_path)
    (path / "empty").mkdir()
    with pytest.raises(UserError, match=r"empty \(training, validation, testing\)"):
        _load(path, tmp_path, ("empty", "no"))
    for name in ("validation_list.txt", "testing_list.txt"):
        (path / name).write_text("")
    with pytest.raises(UserError, match=r"no \(validation, testing\); add clips, or change validation_list\.txt"):
        _load(path, tmp_path)


def test_one_bad_recording_is_named(speech, tmp_path):
    (speech / "no" / "speaker0_nohash_0.wav").write_text("not audio")
    with pytest.raises(UserError, match=r"no/speaker0_nohash_0\.wav is text; expected a recording"):
        _load(speech, tmp_path)
    assert list((tmp_path / "cache" / "corpora").iterdir()) == []


def test_all_bad_recordings_are_found_in_one_go(speech, tmp_path):
    for number in range(4):
        (speech / "no" / f"speaker{number}_nohash_0.wav").write_bytes(b"")
        soundfile.write(speech / "yes" / f"speaker{number}_nohash_0.wav", np.full(99, np.nan), 16_000, subtype="FLOAT")
    with pytest.raises(UserError, match=r"8 recordings cannot be used: .*empty file.*and 3 more") as error:
        _load(speech, tmp_path)
    assert str(error.value).count(".wav") == 5


def test_recordings_in_formats_that_cannot_be_read_are_not_passed_over(speech, tmp_path):
    (speech / "no" / "speaker0_nohash_1.m4a").write_bytes(b"\0\0\0\x20ftypM4A ")
    with pytest.raises(UserError, match=r"m4a is M4A, .* convert it: ffmpeg -i .*m4a -ac 1 -ar 16000 .*nohash_1\.wav"):
        _load(speech, tmp_path)


def test_a_file_instead_of_a_folder(tmp_path):
    (tmp_path / "a.wav").touch()
    with pytest.raises(UserError, match="is not a folder"):
        folder.plan(tmp_path / "a.wav", WORDS, Selection())


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_a_folder_without_permission(speech, tmp_path):
    (speech / "no").chmod(0)
    with pytest.raises(UserError, match="no permission to read"):
        _load(speech, tmp_path)
    (speech / "no").chmod(0o755)


@pytest.mark.slow
def test_real_recordings(tmp_path):
    if "EDGEKWS_SPEECH_COMMANDS" not in os.environ:
        pytest.skip("set EDGEKWS_SPEECH_COMMANDS to an unpacked Speech Commands folder")
    path = Path(os.environ["EDGEKWS_SPEECH_COMMANDS"])
    words = GSC16.split()
    loaded = _load(path, tmp_path, words, clips_per_word=100)
    assert loaded.counts()["training"] == dict.fromkeys(words, 100)
    assert all(speaker_split(clip.speaker, 10, 10) == clip.split for clip in loaded.clips), "the rule made the lists"
    assert "CC BY 4.0" in loaded.licence
    assert len(loaded.noise) == 6
    clip = loaded.split("testing").clips[0]
    values, rate = soundfile.read(path / clip.name, dtype="int16")
    assert rate == audio.SAMPLE_RATE
    np.testing.assert_array_equal(loaded.split("testing").samples[0], audio.fit(values))
