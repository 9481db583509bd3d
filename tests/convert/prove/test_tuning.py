"""Tuning end to end on a model that was not trained: what is written, shown and used afterwards."""

import json
import shutil
from dataclasses import replace

import finished_run
import numpy as np
import pytest
import soundfile
import synthetic_tflite
from page_reader import page, words_of

from convert import pipeline
from convert.prove import figures, tuning
from convert.targets import Request, bundle
from convert.tflite import artifact
from edgekws import cli, workspace
from edgekws.corpus import heard, other_sound
from edgekws.corpus.clips import Noise
from edgekws.errors import UserError
from edgekws.listen import detector, sound_kinds, thresholds
from edgekws.listen.thresholds import Scored
from edgekws.model import catalogue
from edgekws.report import listening_lines, run_report

WORDS = ("yes", "no", "_unknown_")
HOURS = 0.02 + 4 / 3600  # and the seconds of other sound in a split


@pytest.fixture(scope="module")
def tuned(tmp_path_factory):
    """A checked run whose detector was tuned, its recordings, and the figures."""
    folder, patch = tmp_path_factory.mktemp("a run"), pytest.MonkeyPatch()
    patch.setenv("EDGEKWS_CACHE", str(folder / "cache"))
    clips = finished_run.corpus(WORDS, per_split=4)
    hiss = np.random.default_rng(1).integers(-900, 900, 40_000).astype(np.int16)
    of_talk = (replace(c, name=f"_unknown_/talk/{c.split}/{i // 2 + i}") if c.word == "_unknown_" else c
               for i, c in enumerate(clips.clips))  # fmt: skip
    clips = clips.__class__(**(vars(clips) | {"noise": (Noise("hiss", hiss),), "clips": tuple(of_talk)}))
    run = finished_run.build(folder, clips, wrong=1, float_wrong=1)
    run.labels.write_text("".join(f"{word}\n" for word in WORDS))
    recipe_text = run.recipe_file.read_text().replace(', "_unknown_"]', "]")
    run.recipe_file.write_text(recipe_text)
    run = workspace.load_run(run.folder)
    run_report.write(run, clips, figures.collect(run, clips, finished_run.ladder(run)))
    found = pipeline.tune(run, clips, tuning.Asked(60.0, 0.02))
    patch.undo()
    return run, clips, found


def test_settings_and_figures_are_written_and_a_bundle_would_take_them(tuned):
    run, _, found = tuned
    tuned_to = detector.read(run.detector, WORDS)
    settings = tuned_to.settings
    assert detector.to_json(settings, WORDS) == found["settings"]
    assert settings.thresholds[2] == detector.NEVER
    loaded = artifact.load(run.folder)
    assert loaded.detector == tuned_to
    assert [one["goal"] for one in found["goals"]] == list(tuned_to.goals)
    assert 60.0 in tuned_to.goals  # what was asked for, beside those that are always kept
    assert 50.0 in tuned_to.goals
    assert loaded.at(None) is loaded
    for goal, wanted in tuned_to.goals.items():
        assert loaded.at(goal).detector.settings == wanted
    assert workspace.damaged_files(run) == []
    assert {"detector.json", "listening.json"} <= set(json.loads(run.manifest.read_text())["sha256"])
    assert json.loads(run.report.read_text())["listening"] == json.loads(run.listening.read_text())["found"]


def test_the_splits_share_no_clip_voice_or_noise(tuned):
    run, clips, _ = tuned
    one, other = (tuning.material(run, clips, clips, name) for name in ("validation", "testing"))
    for found, name in ((one, "validation"), (other, "testing")):
        split = clips.split(name)
        assert np.array_equal(found.keywords, split.samples[split.labels < 2])
        assert np.array_equal(found.others, split.samples)
        recorded = found.sound["talk"]
        assert len(recorded) == 1 + np.flatnonzero(~other_sound.continued(split.clips)[split.labels == 2][:-1]).size
        assert np.array_equal([piece for one in recorded for piece in one], split.samples[split.labels == 2])
        assert found.voices
    for kind in ("keywords", "others"):
        assert not {clip.tobytes() for clip in getattr(one, kind)} & {clip.tobytes() for clip in getattr(other, kind)}
    assert not set(one.voices) & set(other.voices)
    assert len(set(tuning.SEEDS.values())) == 2, "the same seed draws the same sentences"
    assert np.array_equal(np.concatenate([*one.noises, *other.noises]), clips.noise[0].samples)


def test_every_figure_is_of_the_streams_it_names(tuned):
    _, _, found = tuned
    for name in ("validation", "testing"):
        one = found[name]
        assert one["hours_in_all"] == pytest.approx(HOURS, rel=1e-3)
        assert one["by_kind"][-1]["kind"] == "talk"
        assert one["kind"] in ("eSpeak's voices", "talk")
        headline = next(row for row in one["by_kind"] if row["kind"] == one["kind"])
        assert all(one[key] == headline[key] for key in ("false_accepts", "hours", "per_hour", "interval"))
        assert one["by_kind"][-1]["hours"] == pytest.approx(4 / 3600)
        assert sum(kind["false_accepts"] for kind in one["by_kind"]) == sum(one["by_word"].values())
        assert [row["total"] for row in one["misses"]] == [8] * 4  # the clips of _unknown_ are no keywords
        assert one["interval"][0] <= one["per_hour"] <= one["interval"][1]
    assert found["goals"]
    for one in found["goals"]:
        assert one["unseen_per_hour"] <= one["goal"]
        assert one["per_hour"] == pytest.approx(one["false_accepts"] / one["hours"], rel=1e-3)
        assert [row["total"] for row in one["misses"]] == [8] * 4
    assert found["sliding"]["aligned"]["total"] == 8
    assert [curve["snr_db"] for curve in found["det"]] == [20.0, 10.0, 5.0, 0.0]
    for curve in found["det"]:
        rates, missed = zip(*curve["points"], strict=True)
        assert list(rates) == sorted(set(rates))
        assert list(missed) == sorted(set(missed), reverse=True)
    expected = f"and {found['quiet_per_hour']:.2f} in noise and music"
    assert any(expected in line for line in listening_lines.lines(found))
    assert found["testing"]["quiet"]["kind"] == "noise"
    assert found["quiet_goal"] == 0.5
    for hours, told in ((3.3, True), (3.4, False)):  # the goal is 0.3 an hour
        text = listening_lines.lines(found | {"goal": 0.3, "unseen_hours": hours})
        assert any(f"{hours:.2f} h of it are too few to count 0.3 an hour" in line for line in text) == told
    for rate, told in ((0.4, False), (1.0, True)):
        rows = [row | {"rate": rate if row["snr_db"] == 20 else 1.0} for row in found["testing"]["misses"]]
        text = listening_lines.lines(found | {"testing": found["testing"] | {"misses": rows}})
        assert ("% of the words are missed even at 20 dB" in text[-1]) == told


def test_the_report_and_the_card_show_it_and_a_check_keeps_it(tuned):
    run, _, found = tuned
    text, card = words_of(page(run).text), (run.folder / "model_card.md").read_text()
    assert "Misses over false accepts an hour" in text
    kinds = "; ".join(dict.fromkeys(found[name]["kind"] for name in ("validation", "testing")))
    assert f"worst kind of speech ({kinds}){found['validation']['per_hour']:.2f}" in text
    assert f"**{found['testing']['per_hour']:.2f} false accepts an hour**" in card
    rows = [line.split("|")[1:-1] for line in card.splitlines() if line.startswith("| ") and line.count("|") == 8]
    assert [row[0].strip() for row in rows] == ["goal", *(f"{one['goal']:g}" for one in found["goals"])]
    assert [row[1].strip() for row in rows[1:]] == [f"{one['per_hour']:.2f}" for one in found["goals"]]
    assert text.count("missed at 20 dB") == 3
    assert "\n\n\n" not in card
    assert pipeline._known(run, run.listening) == found
    old = run.int8_model.read_bytes()
    run.int8_model.write_bytes(old + b"\0")
    assert pipeline._known(run, run.listening) is None  # of another model
    run.int8_model.write_bytes(old)


def speech(folder, speakers, seed=0):
    """A folder of a second and a half of noise by each speaker."""
    folder.mkdir()
    rng = np.random.default_rng(seed)
    for speaker in speakers:
        soundfile.write(folder / f"{speaker}_nohash_0.wav", rng.uniform(-0.2, 0.2, 24_000), 16_000)
    return sound_kinds.find([folder], "--negatives")[0]


def test_each_speaker_of_given_sound_chooses_or_tests_and_none_that_was_trained_on(tuned, tmp_path):
    run, _, _ = tuned
    kind = speech(tmp_path / "radio", [f"voice{i}" for i in range(40)])
    parts = tuning.apart(kind, run, None)
    names = {split: {one.speaker for one in part.recordings} for split, part in parts.items()}
    assert not names["validation"] & names["testing"]
    assert len(names["validation"] | names["testing"]) == 40
    assert min(map(len, names.values())) >= 10
    learned = {"training": heard.Heard(frozenset(names["testing"]), frozenset()),
               "validation": heard.Heard(frozenset({"voice0"}), frozenset())}  # fmt: skip
    with pytest.raises(UserError, match="none of the 40 recordings in radio is left for testing"):
        tuning.apart(kind, run, learned)
    learned["training"] = heard.Heard(frozenset({"voice1"}), frozenset())
    again = tuning.apart(kind, run, learned)
    assert "voice0" in {one.speaker for one in again["validation"].recordings}
    assert all(one.speaker != "voice1" for part in again.values() for one in part.recordings)


def test_rates_are_told_by_kind_and_the_headline_is_the_worst_kind_of_speech():
    rows = [("noise", 5, 5.0), ("eSpeak's voices", 3, 2.5), ("unknown words", 90, 2.5), ("read aloud", 20, 2.0),
            ("short talk", 9, 0.01)]  # fmt: skip
    labels, hop = ("yes", "no"), 2000
    settings = replace(detector.default(labels, hop), thresholds=(200, 200), releases=(149, 149))
    streams = []
    for kind, count, hours in rows:
        scores = np.full((round(hours * 3600 * 8), 2), -128, np.int8)
        for i in range(count):
            scores[20 + 25 * i : 24 + 25 * i, 0] = 127
        streams.append(Scored(kind, None, hours * 3600, scores, ()))
    said = np.full((60, 2), -128, np.int8)
    keywords = [Scored("keywords", 10.0, 8.0, said, (thresholds.Spoken("yes", 1, 2, 3),))]
    found = tuning.summary(settings, labels, keywords, streams)
    assert (found["kind"], found["false_accepts"], found["per_hour"]) == ("read aloud", 20, 10.0)
    assert {row["kind"]: row["false_accepts"] for row in found["by_kind"]} == {kind: n for kind, n, _ in rows}
    assert found["hours_in_all"] == pytest.approx(12.01)
    assert [stream.kind for stream in tuning.deciding(streams)] == ["noise", "read aloud"]
    assert [stream.kind for stream in tuning.deciding(streams[:3])] == ["noise", "eSpeak's voices", "unknown words"]


def test_the_talk_that_a_user_gives_decides_alone_with_noise():
    kinds = ["noise", "eSpeak's voices", "learned talk", "my talk", "music"]
    streams = [Scored(kind, None, 3600.0, np.zeros((1, 2), np.int8), ()) for kind in kinds]
    decided = {
        given: [stream.kind for stream in tuning.deciding(streams, given)] for given in [("my talk",), ("music",), ()]
    }
    assert decided["my talk",] == ["noise", "my talk"]
    assert decided["music",] == decided[()] == ["noise", "learned talk", "my talk", "music"]  # nobody speaks in it


def test_given_sound_is_a_kind_of_its_own_in_report_and_card(tuned, tmp_path, monkeypatch, capsys):
    run, clips, _ = tuned
    copy = workspace.Run(shutil.copytree(run.folder, tmp_path / "given"), run.recipe)
    speech(tmp_path / "read aloud", [f"voice{i}" for i in range(20)])
    monkeypatch.setattr(pipeline, "load_corpus", lambda run: clips)
    monkeypatch.setenv("EDGEKWS_CACHE", str(tmp_path / "cache"))
    call = ["tune", str(copy.folder), "--negatives", str(tmp_path / "read aloud"), "--hours", "0.01"]
    assert cli.main(call) in (0, 1)
    found = json.loads(copy.listening.read_text())["found"]
    assert found["given"]["read aloud"]["left_out"] == 0
    assert "read aloud" in {row["kind"] for row in found["testing"]["by_kind"]}
    assert "read aloud" in words_of(page(copy).text)
    assert "| read aloud | 0.0" in (copy.folder / "model_card.md").read_text()
    out = capsys.readouterr().out
    assert "recordings for validation" in out
    assert ("measured on synthetic voices only" in out) == found["synthetic_only"]


def test_a_bundle_takes_the_thresholds_of_a_goal_in_sliding_mode(tuned, tmp_path, capsys):
    run, _, _ = tuned
    changed = json.loads(run.detector.read_text())
    fifty = changed["goals"]["50.0"]
    fifty["thresholds"] |= {"yes": 111, "no": 122}
    fifty["releases"] = dict.fromkeys(WORDS, 100)
    (folder := tmp_path / "run").mkdir()
    for path in (run.recipe_file, run.labels):
        shutil.copyfile(path, folder / path.name)
    content = synthetic_tflite.build(catalogue.find("nano").architecture, len(WORDS))
    (folder / run.int8_model.name).write_bytes(content)
    (folder / detector.FILE).write_text(json.dumps(changed))
    call = ["bundle", str(folder), "--out", str(tmp_path / "b"), "--false-accepts-per-hour", "55"]
    assert cli.main([*call, "--mode", "window"]) == 2
    assert "needs --mode sliding" in capsys.readouterr().err
    assert cli.main([*call, "--mode", "sliding", "--target", "tflm"]) == 2
    assert "does not run the engine" in capsys.readouterr().err
    for target, mode in (("c99", "sliding"), ("tflm", None)):  # who writes a detector there finds them too
        assert cli.main([*call, "--target", target]) == 0
        manifest = json.loads((tmp_path / "b" / "manifest.json").read_text())
        assert manifest["detector"]["thresholds"] == fifty["thresholds"]
        assert manifest.get("mode") == mode
        assert cli.main(["verify", str(tmp_path / "b")]) == 0


def test_a_bundle_of_another_hop_than_was_tuned_for_is_refused(tmp_path):
    content = synthetic_tflite.build(catalogue.find("nano").architecture, len(WORDS))
    tuned_to = detector.Tuned(detector.default(WORDS, 2_000))
    model = replace(artifact.Artifact.of(content, "mine", WORDS), detector=tuned_to)
    with pytest.raises(UserError, match="mine was tuned for another hop than"):
        bundle.make(Request(model, None, "sliding"), "c99", tmp_path / "b")
    assert not list(tmp_path.iterdir())


def test_what_was_tuned_before_goals_were_kept_is_shown(tuned, tmp_path):
    run, clips, _ = tuned
    older = json.loads(run.report.read_text())
    del older["listening"]["goals"]
    older["training"]["qat"].pop("learned")
    copy = workspace.Run(shutil.copytree(run.folder, tmp_path / "older"), run.recipe)
    run_report.write(copy, clips, older)
    assert "Thresholds by goal" not in page(copy).text
    assert "Thresholds by goal" not in (copy.folder / "model_card.md").read_text()
    assert "Thresholds by goal" in page(run).text


def test_a_mistaken_call_is_told(tuned, tmp_path, capsys):
    run, clips, _ = tuned
    assert cli.main(["tune", str(tmp_path)]) == 2
    assert "no recipe.toml" in capsys.readouterr().err
    assert cli.main(["tune", str(run.folder), "--false-accepts-per-hour", "0"]) == 2
    assert "must be above 0" in capsys.readouterr().err
    fresh = finished_run.build(tmp_path, clips)
    with pytest.raises(UserError, match="report.json is missing; run 'edgekws check' first"):
        pipeline.tune(fresh, clips, tuning.Asked(0.5, 0.02))
    shutil.copytree(run.folder, tmp_path / "published")
    (tmp_path / "published/predictions.npz").unlink()
    with pytest.raises(UserError, match=r"predictions.npz is missing; run 'edgekws check' first"):
        pipeline.tune(workspace.load_run(tmp_path / "published"), clips, tuning.Asked(0.5, 0.02))


def test_false_accepts_are_laid_to_what_was_said():
    labels = ("yes", "no")
    scores = np.full((60, 2), -128, np.int8)
    scores[20:24, 0] = 127
    settings = replace(detector.default(labels, 2000), thresholds=(200, 200), releases=(149, 149))
    middles = [16_000 + t * 2000 - settings.delay for t in (5, 23, 50)]
    said = tuple(
        thresholds.Spoken(kind, m - 3000, m, m + 3000) for kind, m in zip(("a", "b", "a"), middles, strict=True)
    )
    assert tuning._during(Scored("unknown words", None, 8.0, scores, said), settings) == {
        "a (2 said)": 0,
        "b (1 said)": 1,
    }
