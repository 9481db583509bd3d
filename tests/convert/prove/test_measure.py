"""Measuring on a user's own sound, by a stand-in for the engine that hears tones."""

import csv
import json

import numpy as np
import page_reader
import pytest
import soundfile
import synthetic_tflite

from convert.engine import host_library
from convert.prove import measure
from convert.tflite import artifact
from edgekws import cli
from edgekws.corpus import heard
from edgekws.listen import detector
from edgekws.model import catalogue

LABELS = ("low", "high", "_unknown_")
TONES = {"low": 500, "high": 2000}
HOP = 2000


class Tones:
    """The word whose tone is loudest in the middle of a window; nothing where it is quiet, or under -45 dBFS."""

    hop, window, words = HOP, 16_000, "a stand-in"

    def __init__(self, *_):
        self.reset()

    def reset(self):
        self.sound, self.given = np.zeros(0, np.int16), 0

    def push(self, samples):
        self.sound = np.concatenate([self.sound, samples])
        rows = []
        while 16_000 + self.given * HOP <= len(self.sound):
            middle = self.sound[self.given * HOP + 6000 :][:4000].astype(float)
            power = np.abs(np.fft.rfft(middle))
            rows.append([-128, -128, 127])
            for i, tone in enumerate(TONES.values()):
                if power[tone // 4] > max(20 * np.median(power), 0.9 * power.max()) and np.std(middle) > 180:
                    rows[-1] = [127 if k == i else -128 for k in range(3)]
            self.given += 1
        return np.array(rows, np.int8).reshape(-1, 3)


def tone(word, start=0.3, seconds=1.0, amplitude=6000):
    time = np.arange(round(seconds * 16_000)) / 16_000
    inside = (time >= start) & (time < start + 0.5)
    return (amplitude * np.sin(2 * np.pi * TONES[word] * time) * inside).astype(np.int16)


@pytest.fixture
def place(tmp_path, monkeypatch):
    """Sound of each kind, and a run folder that was tuned and says what it learned from."""
    monkeypatch.setattr(host_library, "scorer", Tones)
    monkeypatch.setattr(host_library, "hop", lambda model: HOP)
    rng = np.random.default_rng(0)
    for word in TONES:
        (tmp_path / "words" / word).mkdir(parents=True)
        for i in range(6):
            file = tmp_path / "words" / word / f"speaker{i}_nohash_0.wav"
            soundfile.write(file, tone(word) + rng.integers(-9, 9, 16_000).astype(np.int16), 16_000)
    for kind, count in (("talk", 3), ("read aloud", 2), ("music", 1)):
        (tmp_path / kind).mkdir()
        for i in range(count):
            file = tmp_path / kind / f"{kind[0]}{i}_nohash_0.wav"
            sound = tone("low" if i else "high", 2.0, 6.0) + rng.integers(-9, 9, 96_000).astype(np.int16)
            soundfile.write(file, sound * (kind != "music"), 16_000)
    (run := tmp_path / "run").mkdir()
    content = synthetic_tflite.build(catalogue.find("nano").architecture, len(LABELS))
    (run / "model_int8.tflite").write_bytes(content)
    (run / "labels.txt").write_text("".join(f"{label}\n" for label in LABELS))
    (run / "recipe.toml").write_text('name = "mine"\n[data]\nwords = ["low", "high"]\n')
    (run / "corpus.json").write_text("{}")
    settings = detector.with_threshold(detector.default(LABELS, HOP), 0.5)
    tuned = detector.Tuned(settings, {0.5: settings, 5.0: detector.with_threshold(settings, 0.2)})
    (run / "detector.json").write_text(json.dumps(detector.tuned_to_json(tuned, LABELS)))
    know(run, [])
    return tmp_path


def know(run, speakers, recordings=()):
    content = {"speakers": list(speakers), "recordings": " ".join(recordings)}
    (run / "heard.json").write_text(json.dumps({"training": content, "validation": {"speakers": [], "recordings": ""}}))


def call(place, *more):
    folders = [str(place / name) for name in ("talk", "read aloud", "music")]
    sound = ["--negatives", *folders, "--keywords", str(place / "words"), "--level=-20"]
    return cli.main(["measure", str(place / "run"), *sound, *more])


def figures(place):
    return json.loads((place / "run" / "measured.json").read_text())


def test_each_kind_has_its_rate_and_the_headline_is_the_worst_kind_of_speech(place, capsys):
    assert call(place, "--snr", "20,0") == 0
    found = figures(place)
    counts = {row["kind"]: (row["sort"], row["false_accepts"], row["recordings"]) for row in found["negatives"]}
    assert counts == {"talk": ("speech", 3, 3), "read aloud": ("speech", 2, 2), "music": ("music", 0, 1)}
    assert found["worst"]["speech"]["kind"] in ("talk", "read aloud")
    assert found["worst"]["speech"]["per_hour"] == pytest.approx(3 / (18 / 3600))
    assert found["negatives"][0]["by_word"] == {"low": 2, "high": 1}
    assert found["worst"]["noise"] is None
    out, err = capsys.readouterr()
    assert out.splitlines()[0].startswith("600.00 false accepts an hour [")
    assert "in the worst kind of speech:" in out.splitlines()[0]
    assert "thresholds that were tuned for 0.5 false accepts an hour" in out
    assert err.splitlines()[-1].startswith("next: ")


def test_words_are_found_at_every_ratio_and_missed_at_a_level_that_is_not_heard(place):
    assert call(place, "--snr", "20,10", "--level=-50,-20") == 0
    found = figures(place)
    assert [(row["snr_db"], row["missed"], row["total"]) for row in found["keywords"]["misses"]] == [
        (20.0, 0, 12),
        (10.0, 0, 12),
    ]
    assert [(row["level_db"], row["snr_db"], row["missed"]) for row in found["levels"]] == [
        (-50.0, 10.0, 12),
        (-20.0, 10.0, 0),
    ]
    assert found["keywords"]["misses_by_word"] == {"low": [0, 0, 6], "high": [0, 0, 6]}
    assert found["keywords"]["delay_ms"]["median"] > 0
    assert [one["goal"] for one in found["goals"]] == [0.5, 5.0]
    assert {curve["kind"] for curve in found["det"]} == {"talk", "read aloud", "music"}


def test_words_are_measured_in_rooms_too(place, capsys):
    (place / "rooms").mkdir()
    click = np.zeros(12_000)
    click[0] = 0.9
    soundfile.write(place / "rooms" / "dry.wav", click, 16_000)
    assert call(place, "--snr", "20,10", "--rooms", str(place / "rooms")) == 0
    rooms = figures(place)["rooms"]
    assert (rooms["snr_db"], rooms["missed"], rooms["total"]) == (10.0, 0, 12)
    soundfile.write(place / "rooms" / "echo.wav", 0.5 * click + 0.4 * np.roll(click, 3_000), 16_000)
    assert call(place, "--snr", "10", "--rooms", str(place / "rooms")) == 0
    assert figures(place)["rooms"]["total"] == 12
    assert "in the rooms of" in capsys.readouterr().out
    assert "In the rooms of" in (place / "run" / "measured.html").read_text()


def test_the_page_shows_the_figures_and_pictures(place):
    assert call(place, "--snr", "10") == 0
    page = page_reader.read(place / "run" / "measured.html")
    text = page_reader.words_of(page.text)
    assert not page.open
    assert "600.00" in text
    assert "in the worst kind of speech" in text
    assert "The same words at other levels, at 10 dB" in text
    assert sum(tag == "svg" for tag, _ in page.elements) == 3


def test_false_accepts_are_saved_with_time_word_and_score(place, tmp_path):
    accepts = tmp_path / "accepts"
    assert call(place, "--snr", "10", "--save-accepts", str(accepts)) == 0
    rows = list(csv.DictReader((accepts / "accepts.csv").open()))
    assert [row["kind"] for row in rows] == ["talk"] * 3 + ["read aloud"] * 2
    for row in rows:
        assert float(row["time"]) == pytest.approx(2.25, abs=0.2)
        sound, rate = soundfile.read(accepts / row["wav"], dtype="int16")
        assert (rate, len(sound)) == (16_000, 32_000)
        spectrum = np.abs(np.fft.rfft(sound.astype(float)))
        assert spectrum.argmax() / 2 == TONES[row["word"]]
        assert 0.5 <= float(row["score"]) <= 1


def test_transcripts_take_words_that_are_said_out_of_the_count(place, tmp_path, capsys):
    texts = tmp_path / "texts.csv"
    texts.write_text("file,transcript,words\nt0_nohash_0.wav,so high,so:1.0-1.2 high:2.0-2.5\nt1_nohash_0.wav,high,\n")
    assert call(place, "--snr", "10", "--transcripts", str(texts)) == 0
    assert [row["false_accepts"] for row in figures(place)["negatives"]] == [2, 2, 0]
    assert figures(place)["transcripts"] == {"mode": "times", "without": 3}
    assert "3 recordings have no text" in capsys.readouterr().out
    assert call(place, "--snr", "10", "--transcripts", str(texts), "--said", "cut") == 0
    assert figures(place)["negatives"][0]["hours"] == pytest.approx((18 - 0.5 - 6) / 3600)
    texts.write_text("file,transcript\nm0_nohash_0.wav,\n" + "".join(f"t{i}_nohash_0.wav,low\n" for i in range(3)))
    assert call(place, "--transcripts", str(texts), "--said", "cut") == 2
    assert "talk holds less than 1 s of sound once the words are cut out" in capsys.readouterr().err


def test_sound_that_the_run_learned_from_is_refused_left_out_or_told(place, capsys):
    know(place / "run", ["speaker1", "t2"])
    assert call(place, "--snr", "10") == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert "the run learned from 3 of these 18 recordings or from their speakers" in error
    assert "low/speaker1_nohash_0.wav" in error
    assert call(place, "--snr", "10", "--shared", "leave-out") == 0
    found = figures(place)
    assert (found["keywords"]["clips"], found["negatives"][0]["recordings"]) == (10, 2)
    assert "(3 of training) were left out" in capsys.readouterr().out
    assert call(place, "--snr", "10", "--shared", "allow") == 0
    assert "(3 of training) are measured all the same, as was asked" in capsys.readouterr().out
    assert figures(place)["keywords"]["clips"] == 12


def test_a_recording_is_known_again_under_another_name(place, capsys):
    sound, _ = soundfile.read(place / "talk" / "t1_nohash_0.wav", dtype="int16")
    know(place / "run", [], [heard.key(sound)])
    assert call(place, "--snr", "10") == 2
    assert "1 of these 18 recordings" in capsys.readouterr().err


def test_where_nobody_knows_what_a_model_learned_from_it_says_so(place, capsys):
    assert cli.main(["measure", str(place / "run" / "model_int8.tflite"), "--negatives", str(place / "talk")]) == 0
    out, err = capsys.readouterr()
    assert "what this model learned from is not known" in out
    assert err.splitlines()[-1].startswith("next: ")
    (place / "run" / "heard.json").unlink()
    assert call(place, "--snr", "10") == 0
    assert "is not known" in capsys.readouterr().out


def test_json_goes_to_standard_output_alone_and_a_bound_to_the_exit_status(place, capsys):
    assert call(place, "--snr", "10", "--json", "--at-most", "599") == 1
    captured = capsys.readouterr()
    assert json.loads(captured.out) == figures(place)
    assert "more than 599 false accepts an hour" in captured.err
    assert call(place, "--snr", "10", "--at-most", "600") == 0


def test_the_same_call_gives_the_same_figures(place):
    assert call(place, "--snr", "5", "--clips", "3") == 0
    first = figures(place)
    assert first["keywords"]["clips"] == 6
    assert call(place, "--snr", "5", "--clips", "3") == 0
    assert figures(place) == first


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (["--negatives", "nowhere"], "nowhere is not a folder"),
        (["--keywords", "."], "has no folder for any word of the model"),
        (["--clips", "-1"], "--clips is a number of recordings"),
        (["--false-accepts-per-hour", "0.1"], "no thresholds are known for 0.1"),
        (["--threshold", "2"], "a threshold is a probability"),
        (["--rooms", "nowhere"], "--rooms: nowhere is not a folder; expected one of impulse responses"),
        (["--transcripts", "nowhere.csv"], "nowhere.csv"),
    ],
)
def test_a_mistaken_call_is_told(place, capsys, monkeypatch, more, told):
    monkeypatch.chdir(place / "run")
    assert call(place, *more) == 2
    assert told in capsys.readouterr().err


def test_without_sound_it_says_what_to_give(place, capsys):
    assert cli.main(["measure", str(place / "run")]) == 2
    assert "give sound to measure on" in capsys.readouterr().err


def test_a_lists_testing_split_is_what_is_measured(place):
    (place / "words" / "testing_list.txt").write_text("low/speaker0_nohash_0.wav\nhigh/speaker0_nohash_0.wav\n")
    (place / "words" / "validation_list.txt").write_text("low/speaker1_nohash_0.wav\n")
    assert call(place, "--snr", "10") == 0
    assert (figures(place)["keywords"]["clips"], figures(place)["keywords"]["listed"]) == (2, True)


def test_the_settings_are_the_models_for_a_goal_or_one_threshold(place):
    model = artifact.load(place / "run")
    assert measure.settings_of(model, None, None) == model.detector.settings
    assert measure.settings_of(model, 7.0, None) == model.detector.goals[5.0]
    assert set(measure.settings_of(model, None, 0.9).thresholds) == {230, detector.NEVER}
