import os
import shutil
import sys
import unicodedata
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import soundfile

from edgekws import audio
from edgekws.audio import Preparation
from edgekws.corpus import folder, sources
from edgekws.corpus.clips import SPLITS, Selection, speakers
from edgekws.corpus.folder.splits import speaker_split
from edgekws.errors import UserError

WORDS = ("yes", "no")
GSC16 = "zero one two three four five yes no up down left right go bed cat happy"


def _load(path, tmp_path, words=WORDS, **settings):
    return sources.load(str(path), words, Selection(**settings), cache=tmp_path / "cache", progress=False)


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
    assert {clip.speaker for clip in loaded.clips} == {""}, "their names do not say who speaks"
    for clip in loaded.clips:
        take = Path(clip.name).stem
        assert clip.split == speaker_split(take, 10, 10)
    assert "(takes split it)" in loaded.source
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


def test_a_word_without_recordings_says_why(recordings, tmp_path):
    path = recordings(*(f"yes/{name}_nohash_0.wav" for name in "abc"))
    recordings("no/a_nohash_0.wav", "no/b_nohash_0.wav")
    (path / "empty").mkdir()
    for number in range(3):
        (path / "raw" / "session").mkdir(parents=True, exist_ok=True)
        (path / "raw" / "session" / f"{number}.pcm").write_bytes(b"12")
        (path / "raw" / f"{number}.PCM").write_bytes(b"12")
    (path / "raw" / "README").write_text("mine")
    with pytest.raises(UserError, match=r"recordings: the folder of empty is empty$"):
        _load(path, tmp_path, ("empty", "yes"))
    with pytest.raises(
        UserError,
        match=r"none of the 7 files of raw has the suffix of a recording \(6 \.pcm, 1 without suffix; such as "
        r"raw/0\.PCM\); convert",
    ):
        _load(path, tmp_path, ("raw", "yes"))
    with pytest.raises(UserError, match=r"no has too few recordings: 2; it needs 3 at least$"):
        _load(path, tmp_path, ("no", "yes"))
    recordings(*(f"no/b_nohash_{number}.wav" for number in range(1, 9)))
    with pytest.raises(UserError, match=r"no is said by two speakers only \(a, b\).*needs 3 speakers, or"):
        _load(path, tmp_path, ("no", "yes"))
    assert _load(path, tmp_path, ("no", "yes"), split_by="take").counts()["testing"].keys() == {"no", "yes"}
    for name in ("validation_list.txt", "testing_list.txt"):
        (path / name).write_text("")
    with pytest.raises(UserError, match=r"no \(validation, testing\).*; add clips, or change validation_list\.txt"):
        _load(path, tmp_path)


def test_folders_of_speakers_are_understood(recordings, tmp_path):
    path = recordings(*(f"{w}/person {p}/{t}.wav" for w in WORDS for p in range(5) for t in range(4)))
    recordings("yes/person 0/monday/1.flac", "yes/.hidden/1.wav")
    loaded = _load(path, tmp_path)
    assert {clip.speaker for clip in loaded.clips} == {f"person {p}" for p in range(5)}
    assert len(loaded.clips) == 41
    assert all(min(words.values()) > 0 for words in loaded.counts().values())
    assert speakers(loaded).shared == 0
    assert "(speakers split it)" in loaded.source


def test_a_pattern_says_who_speaks_and_one_that_fits_nothing_is_told(recordings, tmp_path):
    path = recordings(*(f"{w}/{p}-{t}.wav" for w in WORDS for p in ("ann", "bob", "cem", "dan") for t in range(4)))
    loaded = _load(path, tmp_path, speaker_pattern="{speaker}-{take}")
    assert {clip.speaker for clip in loaded.clips} == {"ann", "bob", "cem", "dan"}
    assert (speakers(loaded).nameless, speakers(loaded).shared) == (0, 0)
    with pytest.raises(UserError, match=r"fits none of 32 recordings, such as no/ann-0\.wav"):
        _load(path, tmp_path, speaker_pattern="{speaker}_{take}")


@pytest.mark.parametrize(
    "layout", ["{w}/take {t}.wav", "{w}/anna_nohash_{t}.wav", "{w}/anna/{t}.wav", "{w}/{w}{t}.wav"]
)
def test_one_persons_own_recordings_are_split_by_take_and_no_more_is_claimed(layout, recordings, tmp_path):
    path = recordings(*(layout.format(w=w, t=t) for w in WORDS for t in range(24)))
    loaded = _load(path, tmp_path)
    assert all(min(words.values()) > 0 for words in loaded.counts().values())
    assert speakers(loaded).nameless or speakers(loaded).shared
    assert "(takes split it)" in loaded.source


def test_copies_are_found_by_their_samples_and_stay_in_one_split(recordings, tmp_path):
    path = recordings(*(f"{w}/take{t}.wav" for w in WORDS for t in range(24)))
    for word in WORDS:
        for t in range(24):
            samples, rate = soundfile.read(path / word / f"take{t}.wav", dtype="int16")
            soundfile.write(path / word / f"take{t} (1).flac", samples, rate)
            shutil.copy(path / word / f"take{t}.wav", path / word / f"Copy of take{t}.wav")
    loaded = _load(path, tmp_path)
    assert len(loaded.clips) == 144
    assert loaded.preparation.copies == 96
    split = {clip.name: clip.split for clip in loaded.clips}
    assert all(len({split[name] for name in group}) == 1 for group in loaded.copies)
    assert _load(path, tmp_path).clips == loaded.clips


def test_by_lists_only_the_copy_in_the_later_split_is_kept(recordings, tmp_path):
    path = recordings(*(f"{word}/{letter}.wav" for word in WORDS for letter in "abcd"))
    shutil.copy(path / "yes/a.wav", path / "yes/a copy.wav")
    (path / "validation_list.txt").write_text("yes/b.wav\nno/b.wav\n")
    (path / "testing_list.txt").write_text("yes/a copy.wav\nno/a.wav\n")
    loaded = _load(path, tmp_path)
    assert loaded.preparation == Preparation(clips=8, copies_left_out=1)
    assert "yes/a.wav" not in {clip.name for clip in loaded.clips}


def test_one_recording_under_two_words_is_told(recordings, tmp_path):
    path = recordings(*(f"{word}/{t}.wav" for word in WORDS for t in range(20)))
    shutil.copy(path / "yes/3.wav", path / "no/other.wav")
    with pytest.raises(UserError, match=r"yes/3\.wav and no/other\.wav|no/other\.wav and yes/3\.wav.*under two words"):
        _load(path, tmp_path)


def test_silent_recordings_are_no_copies(recordings, tmp_path):
    path = recordings(*(f"{word}/{t}.wav" for word in WORDS for t in range(20)))
    for word in WORDS:
        for number in range(3):
            soundfile.write(path / word / f"silent{number}.wav", np.zeros(16_000, np.int16), 16_000)
    assert _load(path, tmp_path).preparation.copies == 0


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_words_meet_their_folders_composed_or_decomposed(form, recordings, tmp_path):
    other = {"NFC": "NFD", "NFD": "NFC"}[form]
    names = [f"{unicodedata.normalize(other, 'öffnen')}/é{t}.wav" for t in range(9)]
    path = recordings(*names, *(f"no/{t}.wav" for t in range(12)))
    lists = {"validation": names[0], "testing": names[1]}
    for split, name in lists.items():
        (path / f"{split}_list.txt").write_text(unicodedata.normalize(form, name) + f"\nno/{len(split)}.wav\n")
    loaded = _load(path, tmp_path, (unicodedata.normalize(form, "öffnen"), "no"))
    assert loaded.words == ("öffnen", "no")
    assert {clip.split: clip.name for clip in loaded.clips if clip.split != "training" and clip.word != "no"} == lists


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="names there are Unicode")
def test_names_in_latin_1_are_read(recordings, tmp_path):
    path = recordings(*(f"{word}/{t}.wav" for word in WORDS for t in range(9)))
    (path / "no").rename(os.fsdecode(os.fsencode(path) + b"/n\xf6"))
    for number in range(3):
        (path / "yes" / f"{number}.wav").rename(os.fsdecode(os.fsencode(path) + b"/yes/caf\xe9 %d.wav" % number))
    loaded = _load(path, tmp_path, ("yes", "nö"))
    assert sum(clip.word == "nö" for clip in loaded.clips) == 9
    assert "yes/caf\\xe9 1.wav" in {clip.name for clip in loaded.clips}, "text, for reports and lists"
    assert len(loaded.clips) == 18


def test_a_link_to_the_folder_itself_ends(recordings, tmp_path):
    path = recordings(*(f"{word}/{t}.wav" for word in WORDS for t in range(9)))
    (path / "yes" / "again").symlink_to(path / "yes")
    (path / "yes" / "loop").symlink_to("loop")
    assert len(_load(path, tmp_path).clips) == 18


def test_a_list_of_an_earlier_time_leaves_out_what_came_later(recordings, tmp_path):
    path = recordings(*(f"{word}/{t}.wav" for word in WORDS for t in range(12)), "_background_noise_/hum.wav")
    first = _load(path, tmp_path, clips_per_word=5)
    listed = {clip.name: clip.split for clip in first.clips} | {noise.name: "noise" for noise in first.noise}
    recordings("yes/new.wav", "no/later.wav", "_background_noise_/rain.wav")
    again = _load(path, tmp_path, clips_per_word=5, listed=listed)
    assert again.fingerprint == first.fingerprint
    assert again.clips == first.clips
    assert again.ignored == first.preparation.left_out + 2
    (path / first.clips[0].name).unlink()
    with pytest.raises(UserError, match=rf"began with are gone: {first.clips[0].name}.*--data"):
        _load(path, tmp_path, clips_per_word=5, listed=listed)


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
