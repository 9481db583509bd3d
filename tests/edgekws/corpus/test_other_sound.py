"""Folders of sound in which no word is said: cut into seconds of _unknown_, each recording in one split."""

import os
import shutil
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import soundfile

from edgekws import audio
from edgekws.audio import Preparation
from edgekws.corpus import other_sound, sources
from edgekws.corpus.clips import SPLITS, UNKNOWN, Rejection, Selection
from edgekws.errors import UserError

WORDS = ("yes", "no")


def load(folder, tmp_path, *folders, cache="cache"):
    wanted = Rejection(unknown_from=tuple(map(str, folders)))
    return sources.load(str(folder), WORDS, rejection=wanted, cache=tmp_path / cache, progress=False)


def others(loaded, split):
    return [clip for clip in loaded.split(split).clips if clip.word == UNKNOWN]


def write_talk(folder, people=40, names="person{}_nohash_0.flac"):
    """Talk of 2.5 s and at 8 kHz each; every second of a file holds its number alone."""
    folder.mkdir(parents=True)
    for number in range(people):
        sound = np.full(20_000, (number + 1) * 256, np.int16)
        soundfile.write(folder / names.format(number), sound, 8_000)


@pytest.fixture
def talk(tmp_path):
    """Talk by 40 people, in a folder within the folder."""
    folder = tmp_path / "my talk"
    write_talk(folder / "deep")
    (folder / "notes.txt").write_text("no sound")
    return folder


def recording(path):
    """It as it is found, whatever split it is for."""
    return other_sound._recording(path, path.name, Selection(), {})


def test_any_folder_of_sound_is_unknown_second_by_second(speech, talk, tmp_path):
    loaded, plain = load(speech, tmp_path, talk), load(speech, tmp_path)
    assert loaded.words == (*WORDS, UNKNOWN)
    where = {}
    for name in SPLITS:
        split = loaded.split(name)
        assert len(others(loaded, name)) == loaded.counts()[name][UNKNOWN] > 0
        assert [clip for clip in split.clips if clip.word != UNKNOWN] == list(plain.split(name).clips)
        for clip, samples in zip(split.clips, split.samples, strict=True):
            assert other_sound.holds(clip) == (clip.word == UNKNOWN)
            if clip.word == UNKNOWN:
                person = clip.name.split("/person")[1].split("_")[0]
                assert abs(int(samples[8_000]) - (int(person) + 1) * 256) <= 2
                where.setdefault(person, set()).add(name)
    assert len(where) == 40
    assert all(len(splits) == 1 for splits in where.values()), "a person is in one split"
    assert sum(n[UNKNOWN] for n in loaded.counts().values()) == 80  # two whole seconds of each


def test_seconds_are_the_recording_to_the_sample(tmp_path):
    sound = np.random.default_rng(0).integers(-9000, 9000, 3 * 16_000 + 7_000).astype(np.int16)
    soundfile.write(tmp_path / "a.wav", sound, 16_000)
    found = [samples for samples, _ in other_sound.seconds(recording(tmp_path / "a.wav"))]
    np.testing.assert_array_equal(found, sound[:48_000].reshape(3, 16_000))


@pytest.mark.parametrize("rate", [8_000, 22_050, 44_100, 48_000])
def test_seconds_of_another_rate_are_those_of_the_whole_recording(rate, tmp_path):
    tone = 9000 * np.sin(np.arange(round(2.3 * rate)) * 2 * np.pi * 440 / rate)
    soundfile.write(tmp_path / "a.wav", np.stack([tone, tone], 1).astype(np.int16), rate)
    found = np.concatenate([samples for samples, _ in other_sound.seconds(recording(tmp_path / "a.wav"))])
    whole = audio.read(tmp_path / "a.wav")[0][:32_000].astype(int)
    assert np.abs(found - whole)[100:].max() <= 2


def test_memory_does_not_grow_with_the_length(tmp_path):
    def peak(seconds):
        rng, path = np.random.default_rng(0), tmp_path / f"{seconds}.wav"
        with soundfile.SoundFile(path, "w", 44_100, 2, "PCM_16") as file:
            for _ in range(seconds):
                file.write(rng.integers(-9000, 9000, (44_100, 2)).astype(np.int16))
        one = recording(path)
        tracemalloc.start()
        assert sum(len(samples) for samples, _ in other_sound.seconds(one)) == seconds * 16_000
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    peak(2)  # what is imported on the way
    assert peak(60) < 1.1 * peak(6)


def test_what_was_done_counts_once_a_recording(speech, talk, tmp_path):
    loud = np.zeros((40_000, 2), np.float32)
    loud[:100] = 1.5
    soundfile.write(talk / "loud.wav", loud, 16_000, "FLOAT")
    soundfile.write(talk / "short.wav", np.full(4_000, 500, np.int16), 16_000)
    loaded = load(speech, tmp_path, talk)
    done = Preparation(clips=len(loaded.clips), resampled=40, mixed_down=1, clipped=1, padded=1)
    assert len(loaded.clips) == 80 + 80 + 2 + 1
    assert loaded.preparation == done


@pytest.mark.parametrize(
    ("value", "told"), [(np.nan, "not numbers .NaN or infinity.; export it again"), (np.inf, "not numbers")]
)
def test_a_recording_that_is_not_finite_is_refused(value, told, tmp_path):
    sound = np.zeros(40_000, np.float32)
    sound[39_000] = value
    soundfile.write(tmp_path / "a.wav", sound, 16_000, "FLOAT")
    with pytest.raises(UserError, match=told):
        list(other_sound.seconds(recording(tmp_path / "a.wav")))


def test_a_recording_that_is_cut_off_or_became_shorter_is_refused(tmp_path):
    path = tmp_path / "a.wav"
    soundfile.write(path, np.zeros(100_000, np.int16), 16_000)
    one, content = recording(path), path.read_bytes()
    path.write_bytes(content[:100_000])
    with pytest.raises(UserError, match="truncated"):
        list(other_sound.seconds(one))
    soundfile.write(path, np.zeros(40_000, np.int16), 16_000)
    with pytest.raises(UserError, match="became shorter while it was read"):
        list(other_sound.seconds(one))


def test_a_speaker_is_the_speaker_and_stays_in_one_split(recordings, speech, talk, tmp_path):
    for number in range(40):  # who also says the words, and in another file more
        soundfile.write(talk / f"speaker{number}_nohash_3.wav", np.full(16_000, 99 + number, np.int16), 16_000)
    soundfile.write(talk / "a radio.wav", np.full(16_000, 98, np.int16), 16_000)
    lists = {"validation_list.txt": range(10), "testing_list.txt": range(10, 20)}  # not as the rule has it
    for name, numbers in lists.items():
        (speech / name).write_text("".join(f"{word}/speaker{n}_nohash_0.wav\n" for word in WORDS for n in numbers))
    loaded = load(speech, tmp_path, talk)
    where = {}
    for clip in loaded.clips:
        where.setdefault(clip.speaker, set()).add(clip.split)
    assert all(len(splits) == 1 for splits in where.values())
    assert where["speaker3"] == {"validation"}
    assert where["speaker13"] == {"testing"}
    assert {clip.speaker for clip in loaded.clips if clip.word == UNKNOWN} == {
        "my talk/a radio.wav", *(f"{who}{number}" for who in ("person", "speaker") for number in range(40))
    }  # fmt: skip


def write_lists(folder, validation, testing, names="deep/person{}_nohash_0.flac"):
    for name, people in {"validation_list.txt": validation, "testing_list.txt": testing}.items():
        (folder / name).write_text("".join(names.format(number) + "\n" for number in people))


def test_a_folders_own_lists_say_which_split_a_recording_is_for(speech, talk, tmp_path):
    before = load(speech, tmp_path, talk).fingerprint
    write_lists(talk, range(3, 9), range(20, 31))
    loaded = load(speech, tmp_path, talk)
    people = {split: {clip.speaker for clip in others(loaded, split)} for split in SPLITS}
    assert people["validation"] == {f"person{number}" for number in range(3, 9)}
    assert people["testing"] == {f"person{number}" for number in range(20, 31)}
    assert len(people["training"]) == 40 - 6 - 11
    assert loaded.fingerprint != before


def test_lists_that_divide_a_speaker_are_told(speech, talk, tmp_path):
    shutil.copy(talk / "deep" / "person3_nohash_0.flac", talk / "deep" / "person3_nohash_1.flac")
    write_lists(talk, range(3, 9), range(20, 31))
    with pytest.raises(UserError, match="the lists put person3 into validation and training; expected one split"):
        load(speech, tmp_path, talk)
    (talk / "deep" / "person3_nohash_1.flac").unlink()
    shutil.copy(talk / "deep" / "person3_nohash_0.flac", talk / "speaker1_nohash_7.flac")  # who says words, in training
    write_lists(speech, [30, 31], [32, 33], "yes/speaker{0}_nohash_0.wav\nno/speaker{0}_nohash_0.wav")
    with (talk / "testing_list.txt").open("a") as file:
        file.write("speaker1_nohash_7.flac\n")
    with pytest.raises(UserError, match=r"speaker1_nohash_7\.flac is listed for testing, but .* words of training"):
        load(speech, tmp_path, talk)


def test_a_copy_of_a_recording_of_a_later_split_is_left_out_whatever_its_name(speech, talk, tmp_path):
    before = {clip.name.rpartition("/")[0]: clip.split for clip in load(speech, tmp_path, talk).clips}
    write_talk(again := tmp_path / "again")
    for number in range(40):  # as another person, who may belong to another split
        (again / f"person{number}_nohash_0.flac").rename(again / f"somebody{number}_nohash_0.flac")
    write_talk(again / "more", 80, "other{}_nohash_0.flac")
    loaded = load(speech, tmp_path, talk, again)
    split = {clip.name.rpartition("/")[0]: clip.split for clip in loaded.clips}
    apart = 0
    for number in range(40):
        names = ("my talk/deep/person", "again/somebody", "again/more/other")
        found = [split.get(f"{UNKNOWN}/{name}{number}_nohash_0.flac") for name in names]
        own = before[f"{UNKNOWN}/my talk/deep/person{number}_nohash_0.flac"]
        assert len(set(found) - {None}) == 1
        assert found[0] in (own, None)
        apart += found.count(None)
    assert loaded.preparation.copies_left_out == apart > 0


def test_source_and_licence_name_the_folders_without_their_place(speech, talk, tmp_path):
    write_talk(tmp_path / "b" / "music")
    loaded, plain = load(speech, tmp_path, talk, tmp_path / "b" / "music"), load(speech, tmp_path)
    assert loaded.source == f"{plain.source}; of no word, second by second: the recordings in my talk, music"
    assert loaded.licence == (
        f"{plain.licence} The recordings in my talk, music are the user's own; whoever passes the model on states "
        "their licence."
    )


def test_a_folder_is_called_by_its_name_however_it_is_given(speech, talk, tmp_path, monkeypatch):
    monkeypatch.chdir(talk / "deep")
    assert {clip.name.split("/")[1] for clip in others(load(speech, tmp_path, "."), "training")} == {"deep"}
    there = load(speech, tmp_path, "..")
    assert {clip.name.split("/")[1] for clip in others(there, "training")} == {"my talk"}
    assert there.fingerprint == load(speech, tmp_path, talk).fingerprint


def test_recordings_that_would_come_twice_and_folders_of_one_name_are_told(speech, talk, tmp_path):
    write_talk(tmp_path / "b" / "my talk")
    with pytest.raises(UserError, match="both called my talk.* expected folders of different names: rename one"):
        load(speech, tmp_path, talk, tmp_path / "b" / "my talk")
    for other in (talk, talk / "deep", f"{talk}/deep/.."):
        for pair in ((talk, other), (other, talk)):
            with pytest.raises(UserError, match="hold the same recordings; leave one of them out"):
                load(speech, tmp_path, *pair)


def change_content(folder: Path) -> None:
    soundfile.write(folder / "person7_nohash_0.flac", np.full(20_000, 9, np.int16), 8_000)


def add_one(folder: Path) -> None:
    soundfile.write(folder / "person99_nohash_0.flac", np.full(20_000, 9, np.int16), 8_000)


def take_one(folder: Path) -> None:
    (folder / "person7_nohash_0.flac").unlink()


def make_longer(folder: Path) -> None:
    soundfile.write(folder / "person7_nohash_0.flac", np.full(30_000, 8 * 256, np.int16), 8_000)


@pytest.mark.parametrize("change", [change_content, add_one, take_one, make_longer])
def test_other_recordings_are_another_corpus(change, speech, talk, tmp_path):
    first = load(speech, tmp_path, talk)
    assert load(speech, tmp_path, talk).fingerprint == first.fingerprint
    assert len(list((tmp_path / "cache" / "corpora").iterdir())) == 1
    change(talk / "deep")
    second = load(speech, tmp_path, talk)
    assert second.fingerprint != first.fingerprint
    assert load(speech, tmp_path, talk, cache="fresh").fingerprint == second.fingerprint


def test_the_same_recordings_elsewhere_are_the_same_corpus(speech, talk, tmp_path):
    first = load(speech, tmp_path, talk)
    moved = shutil.copytree(talk, tmp_path / "b" / "my talk")
    assert load(speech, tmp_path, moved).fingerprint == first.fingerprint


def test_recordings_elsewhere_that_are_alike_by_name_size_and_time_are_not_taken_for_the_same(speech, tmp_path):
    for place, sound in (("a", 100), ("b", 200)):
        write_talk(tmp_path / place / "talk", names="person{}_nohash_0.wav")
        for number, path in enumerate(sorted((tmp_path / place / "talk").iterdir())):
            soundfile.write(path, np.full(16_000, sound + number, np.int16), 16_000)
            os.utime(path, (0, 0))
    one, other = (load(speech, tmp_path, tmp_path / place / "talk") for place in ("a", "b"))
    assert one.clips == other.clips
    assert one.fingerprint != other.fingerprint


def test_a_folder_of_sound_that_does_not_serve_is_told(speech, talk, tmp_path):
    with pytest.raises(UserError, match=r"data\.unknown_from: .*none is not a folder; .* --set .* --unknown-from"):
        load(speech, tmp_path, tmp_path / "none")
    (few := tmp_path / "few").mkdir()
    with pytest.raises(UserError, match="none of the 0 recordings in .*few is for training or validation or testing"):
        load(speech, tmp_path, few)
    (talk / "._hidden.wav").write_text("what other systems leave")
    (talk / "bad.wav").write_text("no sound")
    with pytest.raises(UserError, match=r"bad\.wav"):
        load(speech, tmp_path, talk)
    (talk / "bad.wav").unlink()
    flac = bytearray((talk / "deep" / "person1_nohash_0.flac").read_bytes())
    flac[21] &= 0xF0  # its number of samples: 0, not known
    flac[22:26] = bytes(4)
    (talk / "piped.flac").write_bytes(flac)
    names = " ".join(clip.name for clip in load(speech, tmp_path, talk).clips)
    assert "piped.flac" in names, "its seconds are counted by reading it"
    (talk / "piped.flac").unlink()
    (talk / "podcast.m4a").write_text("not a format that is read")
    with pytest.raises(UserError, match=r"podcast\.m4a"):
        load(speech, tmp_path, talk)
