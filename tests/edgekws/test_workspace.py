"""Run folders: whose they are, what is whole in them."""

import dataclasses
import hashlib
import json

import numpy as np
import pytest

from edgekws import recipe, workspace
from edgekws.audio import Preparation
from edgekws.corpus.clips import Clip, Corpus, Noise
from edgekws.errors import UserError
from edgekws.recipe import Recipe

CLIPS = (Clip("yes/a.wav", "yes", "a", "training"),)
CORPUS = Corpus(("yes", "no"), CLIPS, np.zeros((1, 16_000), np.int16), (), Preparation(clips=1), "here", "CC0", "f00d")


def begun(folder):
    run = workspace.open_run(folder, Recipe())
    workspace.begin(run, CORPUS)
    return run


def test_nothing_is_made_before_the_recordings_are_read(tmp_path):
    workspace.open_run(tmp_path / "a", Recipe())
    assert not list(tmp_path.iterdir())


def test_changed_recordings_are_refused(tmp_path):
    run = begun(tmp_path / "a")
    workspace.begin(run, CORPUS)
    with pytest.raises(UserError, match="changed since this run began"):
        workspace.begin(run, dataclasses.replace(CORPUS, fingerprint="beef"))


def test_open_again_and_another_recipe(tmp_path):
    run = begun(tmp_path / "a")
    assert workspace.open_run(tmp_path / "a", Recipe()) == run
    assert workspace.load_run(tmp_path / "a") == run
    other = recipe.replace(Recipe(), {"training.epochs": 7, "seed": 3})
    with pytest.raises(UserError, match=r"another recipe \(it differs in seed, training.epochs\)"):
        workspace.open_run(tmp_path / "a", other)


@pytest.mark.parametrize("stopped_at", ["atomic_write", "write_json"])
def test_a_run_killed_while_it_began_goes_on(tmp_path, monkeypatch, stopped_at):
    def kill(path, *_):
        if stopped_at == "atomic_write":
            path.with_name(f".{path.name}.partial").touch()
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(workspace, stopped_at, kill)
        begun(tmp_path / "a")
    assert begun(tmp_path / "a").corpus_file.exists()
    assert workspace.load_run(tmp_path / "a").recipe == Recipe()


def test_identity_is_of_recipe_recordings_and_the_models_it_names(tmp_path):
    run = begun(tmp_path / "a")
    tables = {
        key: value for key, value in recipe.to_tables(Recipe()).items() if key not in ("name", "detector", "parity")
    }
    alone = hashlib.sha256(json.dumps([tables, "f00d"], sort_keys=True).encode()).hexdigest()
    assert run.identity(CORPUS) == alone  # as it was before there were other models
    assert len({alone, run.identity(CORPUS, "one"), run.identity(CORPUS, "another")}) == 3


def test_a_strange_folder_is_left_alone(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(UserError, match="not a run folder"):
        workspace.open_run(tmp_path, Recipe())
    with pytest.raises(UserError, match="no recipe.toml"):
        workspace.load_run(tmp_path)
    with pytest.raises(UserError, match="no such run folder"):
        workspace.load_run(tmp_path / "none")
    with pytest.raises(UserError, match="notes.txt is a file; expected the folder of a run"):
        workspace.load_run(tmp_path / "notes.txt")
    assert [p.name for p in tmp_path.iterdir()] == ["notes.txt"]


def test_manifest_finds_every_damaged_or_missing_file(tmp_path):
    run = begun(tmp_path / "a")
    run.labels.write_text("yes\nno\n")
    run.int8_model.write_bytes(bytes(1000))
    run.state("float.npz").write_bytes(b"unfinished work is not listed")
    workspace.write_manifest(run, {"seed": 1})
    assert workspace.damaged_files(run) == []
    run.state("float.npz").unlink()
    assert workspace.damaged_files(run) == []
    (run.folder / "measured.json").write_text("{}")  # by measure
    workspace.write_manifest(run, {"seed": 1})  # by tune
    (run.folder / "measured.json").write_text('{"again": 1}')
    assert workspace.damaged_files(run) == []
    content = bytearray(run.int8_model.read_bytes())
    content[500] ^= 1
    run.int8_model.write_bytes(content)
    run.labels.unlink()
    assert workspace.damaged_files(run) == ["labels.txt", "model_int8.tflite"]
    run.manifest.write_text("{")
    assert workspace.damaged_files(run) == ["manifest.json"]


def test_a_missing_step_says_which_command_to_run(tmp_path):
    run = workspace.open_run(tmp_path / "a", Recipe())
    with pytest.raises(UserError, match="'edgekws convert' does it"):
        run.read_record("convert")


def test_saved_keras_models_are_the_same_bytes(tmp_path):
    keras = pytest.importorskip("keras")
    from edgekws.model import catalogue, network

    for name in ("a", "b"):
        keras.utils.set_random_seed(1)
        keras.backend.clear_session()
        model = network.build(catalogue.find("nano").architecture, classes=2, batch_norm=True)
        workspace.save_keras(model, tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    (tmp_path / "a").rename(tmp_path / "a.keras")
    assert keras.saving.load_model(tmp_path / "a.keras").count_params() == model.count_params()


def test_where_the_recordings_lie_is_no_part_of_a_run(tmp_path):
    placed = recipe.replace(Recipe(), {"data.source": "/home/ann/words", "data.unknown_from": ["/home/ann/talk"]})
    workspace.begin(workspace.open_run(tmp_path / "a", placed), CORPUS)
    moved = recipe.replace(placed, {"data.source": "/mnt/other", "data.unknown_from": ["../talk"]})
    run = workspace.open_run(tmp_path / "a", moved)
    assert run.recipe.data.source == "/mnt/other"
    assert run.identity(CORPUS) == workspace.load_run(tmp_path / "a").identity(CORPUS)
    with pytest.raises(UserError, match="differs in data.unknown_from"):
        workspace.open_run(tmp_path / "a", recipe.replace(placed, {"data.unknown_from": ["/home/ann/songs"]}))
    with pytest.raises(UserError, match="differs in data.source"):
        workspace.open_run(tmp_path / "a", recipe.replace(placed, {"data.source": "espeak"}))


def test_a_run_keeps_the_list_of_its_recordings(tmp_path):
    noise = Noise("_background_noise_/hum.wav", np.zeros(1, np.int16))
    made = Clip("_unknown_/made_00000", "_unknown_", "a", "training")
    heard = Clip("_unknown_/talk/a.wav/00000", "_unknown_", "talk/a.wav", "testing")
    samples, words = np.zeros((3, 16_000), np.int16), (*CORPUS.words, "_unknown_")
    corpus = dataclasses.replace(CORPUS, words=words, clips=(*CLIPS, made, heard), samples=samples, noise=(noise,))
    run = workspace.open_run(tmp_path / "a", Recipe())
    assert workspace.listed(run) is None
    workspace.begin(run, corpus)
    assert workspace.listed(run) == {
        "yes/a.wav": "training",
        "_unknown_/talk/a.wav/00000": "testing",
        "_background_noise_/hum.wav": "noise",
    }


def test_what_came_later_is_counted_without_what_was_left_out_before(tmp_path):
    run = workspace.open_run(tmp_path / "a", Recipe())
    workspace.begin(run, dataclasses.replace(CORPUS, preparation=Preparation(clips=1, left_out=3, copies_left_out=1)))
    again, later = workspace.as_begun(run, dataclasses.replace(CORPUS, ignored=6))
    assert later == 2
    assert again.preparation == Preparation(clips=1, left_out=3, copies_left_out=1)
