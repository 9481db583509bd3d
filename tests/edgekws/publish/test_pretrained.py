"""Models that ship: found by name, and made from finished runs without a trace of the machine they came from."""

import dataclasses
import json
import re

import finished_run
import numpy as np
import pytest
import soundfile

from convert import pipeline
from convert.prove import figures, parity, robustness
from convert.tflite import artifact
from edgekws import cli, recipe, workspace, zoo
from edgekws.corpus import sources
from edgekws.errors import UserError
from edgekws.listen import detector
from edgekws.publish import pretrained
from edgekws.recipe import Parity
from edgekws.report import run_report

SAID = 'words "of" mine: ünö <b>\n#'
WORDS = ("yes", "no", "ünö")


@pytest.fixture
def run(tmp_path):
    clips = finished_run.corpus(WORDS, source="/home/me/recordings (its own lists split it)")
    made = finished_run.build(tmp_path / "runs", clips)
    made = dataclasses.replace(made, recipe=recipe.replace(made.recipe, {"data.source": "/home/me/recordings"}))
    made.recipe_file.write_text(recipe.to_toml(made.recipe))
    made.labels.write_text("".join(f"{word}\n" for word in WORDS))
    facts = figures.collect(made, clips, finished_run.ladder(made))
    run_report.write(made, clips, facts)
    workspace.write_manifest(made, {"versions": facts["versions"]})
    return made


def test_a_published_run_names_no_path_and_is_whole(run, tmp_path, capsys):
    folder = tmp_path / "pretrained" / "mine"
    assert cli.main(["publish", str(run.folder), str(folder), "--source", "words of mine"]) == 0
    for path in folder.iterdir():
        assert b"/home/me" not in path.read_bytes(), path
    published = workspace.load_run(folder)
    assert workspace.damaged_files(published) == []
    assert published.recipe.data.source == "recordings"
    assert "words of mine" in (folder / "model_card.md").read_text()
    assert json.loads(published.report.read_text())["accuracy"] == json.loads(run.report.read_text())["accuracy"]
    assert artifact.load(folder).labels == WORDS
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    pretrained.publish(run, folder, source="words of mine")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_a_repository_of_the_hub_has_front_matter_that_its_library_takes(run, tmp_path, capsys):
    hub = pytest.importorskip("huggingface_hub", reason="no huggingface_hub here: pip install huggingface_hub")
    folder = tmp_path / "hub"
    assert cli.main(["publish", str(run.folder), "--to-folder", str(folder), "--source", SAID]) == 0
    assert f"next: 'hf upload YOU/MODEL {folder}'" in capsys.readouterr().err
    card = hub.ModelCard.load(folder / "README.md")
    (result,) = card.data.eval_results
    told = json.loads((folder / "report.json").read_text())
    assert (card.data.model_name, card.data.pipeline_tag) == ("made", "audio-classification")
    assert result.dataset_name == 'words "of" mine: ünö <b> #'
    assert result.metric_value == pytest.approx(told["accuracy"]["int8"], abs=1e-6)
    assert card.text.lstrip().startswith("# made")
    assert (folder / "model_card.md").read_bytes() == (folder / "README.md").read_bytes()
    assert "*.tflite filter=lfs" in (folder / ".gitattributes").read_text()
    assert artifact.load(folder).labels == WORDS
    assert workspace.damaged_files(workspace.load_run(folder)) == []
    pretrained.publish(run, folder, source="again", hub=True)
    (folder / "README.md").write_text("mine")
    with pytest.raises(UserError, match=r"changed since: README\.md; move them away"):
        pretrained.publish(run, folder, source="again", hub=True)


@pytest.mark.parametrize("name", zoo.folders())
def test_a_model_that_ships_is_laid_out_for_the_hub_with_its_own_card(name, tmp_path):
    hub = pytest.importorskip("huggingface_hub", reason="no huggingface_hub here: pip install huggingface_hub")
    folder = tmp_path / "hub"
    assert cli.main(["publish", name, "--to-folder", str(folder)]) == 0
    card = hub.ModelCard.load(folder / "README.md")
    assert card.data.datasets == (None if name == "wake" else ["google/speech_commands"])
    of_ours = (zoo.folders()[name] / "model_card.md").read_text()
    assert (folder / "README.md").read_text().endswith(of_ours)
    told = json.loads((folder / "report.json").read_text())
    values = {result.metric_type: result.metric_value for result in card.data.eval_results}
    assert 0.9 < values["accuracy"] < 1
    assert ("miss-rate" in values) == bool(told.get("listening"))


def test_what_stays_unsaid_is_asked_for(run, tmp_path, capsys):
    assert cli.main(["publish", str(run.folder), "--to-folder", str(tmp_path / "hub")]) == 2
    assert cli.main(["publish", str(run.folder), "--source", "x"]) == 2
    assert cli.main(["publish", str(run.folder), "a", "--to-folder", "b", "--source", "x"]) == 2
    told = capsys.readouterr().err.splitlines()
    assert "--source: say in one line what the recordings of" in told[0]
    assert told[1:] == ["edgekws: error: publish writes one folder: give FOLDER, or --to-folder DIR"] * 2


def published(run, folder, changes):
    """The run, changed, as it is published from ``folder``."""
    made = dataclasses.replace(run, recipe=recipe.replace(run.recipe, changes))
    facts = json.loads(run.report.read_text()) | {"recipe": recipe.to_tables(made.recipe)}
    made.recipe_file.write_text(recipe.to_toml(made.recipe))
    made.report.write_text(json.dumps(facts))
    workspace.write_manifest(made, {})
    return pretrained.publish(made, folder, source="words of mine")


def test_a_published_run_names_folders_of_other_sound_without_their_place(run, tmp_path, monkeypatch):
    (tmp_path / "me" / "radio").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "me" / "radio")
    folders = ["/home/me/talk", "~/deep/music", "."]
    folder = published(run, tmp_path / "mine", {"data.source": ".", "data.unknown_from": folders})
    for path in folder.iterdir():
        assert b"/home/me" not in path.read_bytes(), path
        assert b"deep" not in path.read_bytes(), path
    data = workspace.load_run(folder).recipe.data
    assert data.unknown_from == ("talk", "music", "radio")
    assert data.source == "radio"
    card = (folder / "model_card.md").read_text()
    assert "words of mine; of no word, second by second: the recordings in talk, music, radio.\n" in card
    assert "What was done to a recording that was cut into seconds counts once.\n" in card


@pytest.mark.parametrize(
    ("private", "public"),
    [
        ("/home/me/models/runs/first", "runs/first"),
        ("~/models/runs/first", "runs/first"),
        ("/home/me/first", "runs/first"),
        ("/home/me/runs/sweep/nano", "runs/nano"),
        (str(zoo.folders()["nano"]), "nano"),
        ("runs/first", "runs/first"),
        ("nano", "nano"),
        ("", ""),
    ],
)
@pytest.mark.parametrize("key", ["training.start_from", "training.teacher"])
def test_a_published_run_names_other_runs_without_their_place(run, tmp_path, key, private, public):
    folder = published(run, tmp_path / "pretrained" / "mine", {key: private})
    for path in folder.iterdir():
        assert b"/home/me" not in path.read_bytes(), path
        assert b"~/work" not in path.read_bytes(), path
    assert workspace.load_run(folder).recipe == recipe.replace(run.recipe, {"data.source": "recordings", key: public})


def test_what_is_not_finished_whole_and_within_its_bounds_is_refused(run, tmp_path):
    def refused(match):
        with pytest.raises(UserError, match=match):
            pretrained.publish(run, tmp_path / "out", source="x")
        assert not (tmp_path / "out").exists()

    facts = json.loads(run.report.read_text())
    facts["parity"]["holds"] = False
    run.report.write_text(json.dumps(facts))
    refused("changed since the check")
    workspace.write_manifest(run, {})
    refused("bound of its parity ladder is broken")
    run.report.unlink()
    refused("not finished")


def test_a_strange_folder_is_left_alone(run, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(UserError, match="not a published model"):
        pretrained.publish(run, tmp_path, source="x")
    assert (tmp_path / "notes.txt").exists()


def test_a_run_is_not_published_onto_itself(run, tmp_path):
    folder = pretrained.publish(run, tmp_path / "mine", source="words of mine")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    (tmp_path / "link").symlink_to(folder)
    for place in (folder, tmp_path / "link"):
        with pytest.raises(UserError, match="is the run itself, which would be replaced"):
            pretrained.publish(workspace.load_run(folder), place, source=None)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_names_are_looked_up_where_no_path_is(run, tmp_path, monkeypatch):
    monkeypatch.setattr(zoo, "folders", lambda: {"nano": run.folder})
    assert zoo.place("nano") == run.folder == zoo.default()
    assert zoo.default(zoo.LISTENING) == run.folder
    assert zoo.place(run.folder) == run.folder
    assert artifact.load("nano").labels == artifact.load(run.int8_model).labels == WORDS
    with pytest.raises(UserError, match="did you mean nano"):
        zoo.place("nao")
    monkeypatch.setattr(zoo, "folders", dict)
    with pytest.raises(UserError, match="no pretrained model ships"):
        zoo.default()


def test_a_model_that_ships_is_checked_by_name(run, tmp_path, monkeypatch, capsys):
    folder = pretrained.publish(run, tmp_path / "pretrained" / "mine", source="words of mine")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    monkeypatch.setattr(zoo, "folders", lambda: {"mine": folder})
    monkeypatch.chdir(tmp_path)
    assert cli.main(["check", "mine"]) == 0
    assert "every file is as it was published" in capsys.readouterr().out
    others = dataclasses.replace(finished_run.corpus(WORDS), fingerprint="0" * 64)
    asked = []
    monkeypatch.setattr(sources, "of_recipe", lambda recipe: asked.append(recipe.data.source) or others)
    monkeypatch.setattr(pipeline, "measure_robustness", lambda run, clips: {"asked": clips.fingerprint})
    monkeypatch.setattr(robustness, "lines", lambda found: [str(found)])
    monkeypatch.setattr(pipeline, "check", lambda run, clips, write: ladder(clips, write))
    assert cli.main(["check", "mine", "--robustness", "--data", "elsewhere"]) == 0
    out = capsys.readouterr().out
    assert asked == ["elsewhere"]
    assert "not quite those it was trained and proved with" in out
    assert "000'}" in out
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    (folder / "labels.txt").write_text("yes\n")
    assert cli.main(["check", "mine"]) == 1
    assert "labels.txt" in capsys.readouterr().out


def ladder(clips, write):
    assert not write
    labels = clips.split("testing").labels
    scores = dict.fromkeys(parity.RUNGS, finished_run.near_labels(labels, len(WORDS), wrong=1))
    return parity.climb(scores, labels, Parity())


def test_a_model_that_ships_is_checked_without_its_recordings_of_no_word(run, tmp_path, monkeypatch, capsys):
    run = dataclasses.replace(run, recipe=recipe.replace(run.recipe, {"data.unknown_from": ["talk"]}))
    (run.folder / "recipe.toml").write_text(recipe.to_toml(run.recipe))
    facts = json.loads(run.manifest.read_text())
    workspace.write_manifest(run, {key: value for key, value in facts.items() if key != "sha256"})
    folder = pretrained.publish(run, tmp_path / "pretrained" / "mine", source="words of mine")
    monkeypatch.setattr(zoo, "folders", lambda: {"mine": folder})
    monkeypatch.chdir(tmp_path)
    asked = []
    others = finished_run.corpus(WORDS)
    monkeypatch.setattr(sources, "of_recipe", lambda recipe: asked.append(recipe.data.unknown_from) or others)
    monkeypatch.setattr(pipeline, "check", lambda run, clips, write: ladder(clips, write))
    assert cli.main(["check", "mine", "--data", "elsewhere"]) == 0
    assert "note: without its recordings of no word, talk (--unknown-from says where" in capsys.readouterr().out
    (tmp_path / "talk").mkdir()
    cli.main(["check", "mine", "--data", "elsewhere"])
    assert asked == [(), (str(tmp_path / "talk"),)]


def test_every_form_of_a_model_that_ships_hears_recordings_and_nothing_is_written(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("EDGEKWS_CACHE", str(tmp_path / "cache"))
    folder = zoo.folders()["nano"]
    before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    time = np.arange(16_000) / 16_000
    for number, word in enumerate(artifact.load("nano").labels):
        (tmp_path / "words" / word).mkdir(parents=True)
        for speaker in range(30):
            tone = (
                9000 * np.sin(2 * np.pi * (200 + 100 * number + 9 * speaker) * time) * np.exp(-((5 * time - 2.5) ** 2))
            )
            path = tmp_path / "words" / word / f"speaker{speaker}_nohash_0.wav"
            soundfile.write(path, tone.astype(np.int16), 16_000)
    assert cli.main(["check", "nano", "--data", str(tmp_path / "words")]) in (0, 1)  # of tones, a bound may break
    out = capsys.readouterr().out
    for title in parity.TITLES.values():
        assert f"{title} " in out
    assert "bound: clips with equal scores, model_phone.tflite and XNNPACK: 1.0000 (limit 1.0) holds" in out
    right = re.search(r"TFLite reference kernels +accuracy \S+ \[.*\] \((\d+/\d+)\)", out)[1]
    assert re.search(rf"^words heard right by int8, testing: .*\({right}\)$", out, re.MULTILINE)
    assert {path.name: path.stat().st_mtime_ns for path in folder.iterdir()} == before


@pytest.mark.parametrize("name", zoo.folders())
def test_what_ships_is_whole(name):
    assert workspace.damaged_files(workspace.load_run(zoo.folders()[name])) == []


def test_a_tuned_detector_is_published_with_the_model(run, tmp_path):
    settings = detector.default(WORDS, 2160)
    workspace.write_json(run.detector, detector.to_json(settings, WORDS))
    folder = pretrained.publish(run, tmp_path / "pretrained" / "mine", source="words of mine")
    assert artifact.load(folder).detector == detector.Tuned(settings)
    assert "detector.json" in json.loads((folder / "manifest.json").read_text())["sha256"]
