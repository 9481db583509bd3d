"""What a run learned from is written beside it, and known again under another name."""

import dataclasses

import finished_run
import numpy as np
import pytest

from edgekws import recipe, workspace
from edgekws.corpus import heard
from edgekws.corpus.clips import Clip
from edgekws.errors import UserError

CLIPS = finished_run.corpus(("yes", "no", "_unknown_"), per_split=3)
SPLITS = ("training", "validation", "testing")


def named(clip: Clip) -> Clip:
    number = clip.name.rsplit("-", 1)[1].split(".")[0]
    name = (
        f"_unknown_/made_0000{number}"
        if clip.word == "_unknown_"
        else f"{clip.word}/ann{number}{clip.split}_nohash_0.wav"
    )
    return dataclasses.replace(clip, name=name, speaker=f"ann{number}{clip.split}")


def begun(folder, clips):
    run = workspace.open_run(folder / "made", recipe.from_tables({"name": "made", "data": {"words": ["yes", "no"]}}))
    workspace.begin(run, clips)
    return run


def test_a_run_says_which_speakers_and_recordings_it_learned_from(tmp_path):
    clips = dataclasses.replace(CLIPS, clips=tuple(map(named, CLIPS.clips)))
    run = begun(tmp_path, clips)
    known = heard.read(run.heard)
    assert set(known) == {"training", "validation"}
    for split in SPLITS:
        samples = clips.split(split).samples
        for i, clip in enumerate(clips.split(split).clips):
            sum_, made = heard.key(samples[i]), clip.word == "_unknown_"
            for name, one in known.items():
                assert (sum_ in one.recordings) == (name == split and not made)
                assert (clip.speaker in one.speakers) == (name == split)


def test_a_run_that_began_earlier_gets_it_when_it_is_opened_with_its_recordings(tmp_path):
    run = begun(tmp_path, CLIPS)
    text = run.heard.read_text()
    run.heard.unlink()
    assert heard.read(run.heard) is None
    workspace.begin(run, CLIPS)
    assert run.heard.read_text() == text


def test_seconds_of_a_longer_recording_are_one_recording_known_by_its_first_sound(tmp_path):
    names = [f"_unknown_/talk/x.wav/{i:05}" for i in range(3)]
    samples = np.zeros((3, 16_000), np.int16)
    samples[1:] = np.random.default_rng(0).integers(-99, 99, (2, 16_000))
    clips = tuple(Clip(name, "_unknown_", "talk/x.wav", "training") for name in names)
    text = heard.to_text(dataclasses.replace(CLIPS, words=("_unknown_",), clips=clips, samples=samples))
    (tmp_path / "heard.json").write_text(text)
    known = heard.read(tmp_path / "heard.json")["training"]
    assert len(known.recordings) == 1
    assert heard.learned({"training": known}, "", samples.ravel()) == "training"
    assert heard.learned({"training": known}, "", samples[2]) == ""
    assert not known.speakers
    assert heard.key(np.zeros(40_000, np.int16)) == ""
    assert heard.learned({"training": known}, "", np.zeros(40_000, np.int16)) == ""


def test_a_damaged_file_is_told(tmp_path):
    (tmp_path / "heard.json").write_text('{"training": 1}')
    with pytest.raises(UserError, match="heard.json: damaged list of what the run learned from"):
        heard.read(tmp_path / "heard.json")
