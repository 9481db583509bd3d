"""Mining: which windows are taken, what is written, when rounds end, and that a killed mining goes on."""

import csv
import json
from dataclasses import replace

import numpy as np
import pytest
import soundfile
import tone_corpus

from convert import mining, pipeline
from convert.mining import Mining
from convert.prove import mined, tuning
from convert.tflite import artifact
from edgekws import cli, recipe, workspace
from edgekws.corpus import heard, other_sound, sources
from edgekws.corpus.clips import Selection
from edgekws.errors import UserError
from edgekws.listen import sound_kinds
from edgekws.listen.hearing import Texts
from edgekws.listen.sound_kinds import Tape
from edgekws.listen.thresholds import Scored

LABELS, HOP = ("yes", "no", "_unknown_"), 2000
SPEAKERS = [f"voice{i}" for i in range(30)]


@pytest.fixture(scope="module")
def talk(tmp_path_factory):
    """Four seconds of each speaker; every sample of a recording is its place, modulo 2^15."""
    (folder := tmp_path_factory.mktemp("mine") / "talk").mkdir()
    sound = (np.arange(64_000) % 2**15).astype(np.int16)
    for speaker in SPEAKERS:
        soundfile.write(folder / f"{speaker}_nohash_0.wav", sound, 16_000)
    return sound_kinds.find([folder], "--from")[0]


def stream(kind, fired):
    """The tape of a kind, and scores with a word (result, class, score) here and there."""
    tape = Tape(kind.recordings)
    samples = sum(len(block) for block in tape.blocks())
    scores = np.full(((samples - 16_000) // HOP + 1, 3), -128, np.int8)
    for result, word, score in fired:
        scores[result, word] = score - 128
    return Scored(kind.name, None, samples / 16_000, scores, ()), tape


def test_of_near_windows_the_highest_is_taken_and_none_in_which_a_word_is_said(talk):
    fired = [(3, 0, 90), (4, 0, 200), (5, 1, 80), (9, 1, 100), (9, 2, 250), (12, 0, 40), (40, 0, 255)]
    scored, tape = stream(talk, fired)
    found = mined.windows(scored, tape, HOP, LABELS, 0.2, {})
    assert [(one.recording.name, one.start, one.word, round(256 * one.score)) for one in found] == [
        ("voice10_nohash_0.wav", 40 * HOP - 64_000, "yes", 255),
        ("voice0_nohash_0.wav", 4 * HOP, "yes", 200),
        ("voice0_nohash_0.wav", 9 * HOP, "no", 100),
    ]
    spoken = {0: [("no", 2.5, 2.6)]}  # in the neighbours of the window at 1.125 s alone
    again = mined.windows(scored, tape, HOP, LABELS, 0.2, spoken)
    assert [one.start for one in again] == [40 * HOP - 64_000, 4 * HOP, 9 * HOP]
    spoken = {0: [("no", 2.2, 2.6)]}
    assert len(mined.windows(scored, tape, HOP, LABELS, 0.2, spoken)) == 2
    assert len(mined.windows(scored, tape, HOP, LABELS, 0.2, {0: [("no", 0.0, float("inf"))]})) == 1


def test_a_window_and_its_neighbours_are_clips_for_training_alone(talk, tmp_path):
    scored, tape = stream(talk, [(4, 0, 200), (39, 1, 255)])
    fired = mined.windows(scored, tape, HOP, LABELS, 0.2, {})
    mined.write(tmp_path / "mined-1", sorted(fired, key=lambda one: one.recording.name))
    rows = list(csv.DictReader((tmp_path / "mined-1" / "mined.csv").open()))
    assert [(row["file"], row["time"], row["word"]) for row in rows] == [
        ("voice0_nohash_0.wav", "0.500", "yes"),
        ("voice10_nohash_0.wav", "0.875", "no"),
    ]
    assert mined.counted(tmp_path / "mined-1") == (2, 2)
    starts = [0.3, 0.4, 0.5, 0.6, 0.7]
    for place, start in enumerate(starts):
        sound, _ = soundfile.read(tmp_path / "mined-1" / f"{rows[0]['clip']}_{place}.wav", dtype="int16")
        assert np.array_equal(sound, (np.arange(16_000) + round(start * 16_000)) % 2**15)
    found = other_sound.find([str(tmp_path / "mined-1")], Selection(), {"voice0": "validation"})
    assert [one.split for one in found] == ["training"] * 10
    assert {one.speaker for one in found} == {"voice0", "voice10"}
    assert sum(len(list(one.clips)) for one in found) == 10


def test_clips_at_the_ends_of_a_recording_stay_within_it(talk, tmp_path):
    scored, tape = stream(talk, [(0, 0, 200), (31, 0, 200)])  # the second window begins in one and ends in the next
    fired = mined.windows(scored, tape, HOP, LABELS, 0.2, {})
    assert sorted(one.start for one in fired) == [0, 48_000]
    mined.write(tmp_path / "mined-1", fired)
    for path in (tmp_path / "mined-1").glob("*.wav"):
        assert soundfile.info(path).frames == 16_000


def test_each_speaker_is_in_one_split_and_testing_is_not_used(talk, tmp_path):
    run = workspace.Run(tmp_path, recipe.Recipe())
    parts = mining.parts([talk], run, None)
    names = {split: {one.speaker for kind in kinds for one in kind.recordings} for split, kinds in parts.items()}
    assert not names["training"] & names["validation"]
    assert len(names["training"] | names["validation"]) < len(SPEAKERS)
    known = {split: heard.Heard(frozenset(), frozenset()) for split in ("training", "validation")}
    known["validation"] = heard.Heard(frozenset(names["training"]), frozenset())
    with pytest.raises(UserError, match="--from: none of the 30 recordings is for training"):
        mining.parts([talk], run, known)


def test_a_folders_own_lists_say_who_is_for_testing(talk, tmp_path):
    run, place = workspace.Run(tmp_path, recipe.Recipe()), talk.recordings[0].path.parent
    by_rule = mining.parts([talk], run, None)
    validation, testing = sorted(one.name for kind in by_rule["training"] for one in kind.recordings)[:2]
    chosen = {"validation_list.txt": validation, "testing_list.txt": testing}
    for file, listed in chosen.items():
        (place / file).write_text(listed)
    try:
        parts = mining.parts([sound_kinds.find([place], "--from")[0]], run, None)
    finally:
        for file in chosen:
            (place / file).unlink()
    assert {one.name for one in parts["validation"][0].recordings} == {validation}
    assert not {one.name for one in parts["training"][0].recordings} & {validation, testing}


@pytest.fixture
def staged(talk, tmp_path, monkeypatch):
    """A run, with what takes long put aside: training does nothing, and validation gives what the test says."""
    run = workspace.open_run(tmp_path / "runs" / "made", recipe.from_tables({"name": "made"}))
    run.folder.mkdir(parents=True)
    trained, validation = [], []
    monkeypatch.setattr(sources, "of_recipe", lambda *_, **__: None)
    monkeypatch.setattr(tuning, "material", lambda *_: None)
    monkeypatch.setattr(artifact, "load", lambda folder: folder)
    monkeypatch.setattr(mined, "find", lambda *_: mined.windows(*stream(talk, [(4, 0, 200)]), HOP, LABELS, 0.2, {}))
    monkeypatch.setattr(mined, "validate", lambda *_: {"missed": validation.pop(0), "per_hour": 2.0, "words": 9})

    def load_corpus(run):
        run.state("x").parent.mkdir(parents=True, exist_ok=True)
        run.recipe_file.write_text(recipe.to_toml(run.recipe))

    monkeypatch.setattr(pipeline, "load_corpus", load_corpus)
    for step in ("quantize", "convert"):
        monkeypatch.setattr(pipeline, step, lambda run, clips: None)
    monkeypatch.setattr(pipeline, "train", lambda run, clips: trained.append(run.recipe))
    return run, trained, validation


def call(run, kind, how, place):
    told = []
    return mining.mine(run, [kind], Texts(), how, place, told.append), told


def test_rounds_go_on_from_the_last_and_end_when_validation_gains_no_more(staged, talk, tmp_path):
    run, trained, validation = staged
    validation += [0.5, 0.4, 0.3, 0.3, 0.1]
    state, told = call(run, talk, Mining(rounds=9), tmp_path / "m")
    assert [one.name for one in trained] == ["made-mined-1", "made-mined-2", "made-mined-3"]
    assert trained[0].training.start_from == str(run.folder.resolve())
    assert trained[2].training.start_from == str((tmp_path / "m" / "run-2").resolve())
    assert [path.rsplit("/", 1)[1] for path in trained[2].data.unknown_from] == ["mined-1", "mined-2", "mined-3"]
    assert state["best"].endswith("run-2")
    assert "no gain" in told[-1]
    assert "50.0 % of 9 words missed at 2.0 false accepts an hour on validation" in told[0]
    assert (tmp_path / "m" / "run-2" / "mined-2.csv").read_text().startswith("clip,kind,file,time,word,score\n")
    known = heard.read(tmp_path / "m" / "run-1" / "heard.json")
    assert known["training"].speakers == {"voice0"}


def test_a_mining_that_was_stopped_goes_on_and_another_is_refused(staged, talk, tmp_path):
    run, trained, validation = staged
    validation += [0.5, 0.4]
    with pytest.raises(IndexError):  # in the middle of the second round
        call(run, talk, Mining(rounds=2), tmp_path / "m")
    assert len(trained) == 2
    validation += [0.3]
    state, _ = call(run, talk, Mining(rounds=2), tmp_path / "m")
    assert [one.name for one in trained[2:]] == ["made-mined-2"]
    assert [one["after"]["missed"] for one in state["rounds"]] == [0.4, 0.3]
    assert json.loads((tmp_path / "m" / "mining.json").read_text())["best"].endswith("run-2")
    state, _ = call(run, talk, Mining(rounds=2), tmp_path / "m")
    assert len(trained) == 3, "nothing is done again"
    with pytest.raises(UserError, match="has the mining of another run, or one with other settings"):
        call(run, talk, Mining(rounds=2, epochs=1), tmp_path / "m")


def test_where_nothing_fires_nothing_is_trained(staged, talk, tmp_path, monkeypatch):
    run, trained, validation = staged
    validation += [0.5]
    monkeypatch.setattr(mined, "find", lambda *_: [])
    state, told = call(run, talk, Mining(), tmp_path / "m")
    assert not trained
    assert state["best"] == ""
    assert "nothing in these recordings sets it off" in told[-1]


def test_what_validation_gave_is_told():
    found = {"missed": 1.0, "per_hour": 9.0, "words": 40}
    assert mining.told(found, 5.0) == "9.0 false accepts an hour at best on validation, over 5"
    found |= {"per_hour": 0.0}
    assert mining.told(found, 5.0) == "100.0 % of 40 words missed at 0.0 false accepts an hour on validation"


def test_a_round_is_better_where_fewer_words_are_missed_or_as_many_at_fewer_false_accepts():
    one = {"missed": 0.3, "per_hour": 4.0}
    assert mining.better(one | {"missed": 0.2, "per_hour": 5.0}, one)
    assert mining.better(one | {"per_hour": 3.0}, one)
    assert not mining.better(one, one)
    assert not mining.better(one | {"missed": 0.31, "per_hour": 0.0}, one)


def test_a_mistaken_call_is_told(tmp_path, capsys):
    assert cli.main(["mine", "small-listen", "--from", str(tmp_path), "--rounds", "0"]) == 2
    assert "--rounds, --epochs and --most are 1 or more" in capsys.readouterr().err
    assert cli.main(["mine", str(tmp_path), "--from", str(tmp_path)]) == 2
    assert "no recipe.toml" in capsys.readouterr().err
    assert cli.main(["mine", "small-listen", "--from", str(tmp_path)]) == 2
    assert "there are no recordings in" in capsys.readouterr().err


@pytest.mark.slow
def test_a_run_is_mined_end_to_end(tmp_path, monkeypatch, capsys):
    """Tones of other pitches set off a network that knows three; mined, they are in the run's `_unknown_`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EDGEKWS_CACHE", str(tmp_path / "cache"))
    tone_corpus.write(tmp_path / "tones", clips=30)
    tables = tone_corpus.recipe(tmp_path / "tones", training__epochs=1, quantization__epochs=0)
    tables |= {"data.unknown_made": 20}
    made = [part for key, value in tables.items() for part in ("--set", f"{key}={json.dumps(value)}")]
    for step in ("train", "quantize", "convert"):
        assert cli.main([step, *made]) == 0
    (tmp_path / "talk").mkdir()
    rng, time = np.random.default_rng(0), np.arange(48_000) / 16_000
    for i in range(24):
        sound = 0.3 * np.sin(2 * np.pi * rng.uniform(250, 3000) * time) + rng.normal(0, 0.01, 48_000)
        soundfile.write(tmp_path / "talk" / f"voice{i}_nohash_0.wav", sound, 16_000)
    capsys.readouterr()
    assert cli.main(["mine", "runs/tones", "--from", "talk", "--rounds", "1", "--epochs", "1", "--above", "0.3"]) == 0
    out = capsys.readouterr().out
    assert "before: " in out
    assert "round 1: " in out
    state = json.loads((tmp_path / "runs" / "tones-mined" / "mining.json").read_text())
    run = workspace.load_run(tmp_path / "runs" / "tones-mined" / "run-1")
    assert state["rounds"][0]["windows"] == len((run.folder / "mined-1.csv").read_text().splitlines()) - 1 > 0
    assert run.int8_model.exists()
    speakers = {row["file"].split("_")[0] for row in csv.DictReader((run.folder / "mined-1.csv").open())}
    assert speakers <= heard.read(run.heard)["training"].speakers
    assert replace(run.recipe.training, start_from="") == replace(
        recipe.replace(run.recipe, {"training.epochs": 1}).training, start_from=""
    )
