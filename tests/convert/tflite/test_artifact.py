"""Models from run folders, pretrained folders, bundles and bare files."""

import shutil

import pytest

from convert.targets import Request, bundle
from convert.tflite import artifact
from edgekws import recipe
from edgekws.errors import UserError


def test_a_folder_says_words_and_coding(pretrained):
    loaded = artifact.load(pretrained)
    assert (loaded.name, loaded.labels, loaded.coding) == ("mine", ("yes", "no", '"ü'), "mu_law")
    of_file = artifact.load(pretrained / "model_int8.tflite")
    assert (of_file.name, of_file.labels, of_file.coding) == (loaded.name, loaded.labels, loaded.coding)


def test_a_bare_file_has_the_words_beside_it_or_numbers(pretrained, tmp_path):
    bare = tmp_path / "bare" / "other.tflite"
    bare.parent.mkdir()
    shutil.copy(pretrained / "model_int8.tflite", bare)
    assert artifact.load(bare).labels == ("class_0", "class_1", "class_2")
    shutil.copy(pretrained / "labels.txt", bare.parent)
    loaded = artifact.load(bare)
    assert (loaded.name, loaded.labels, loaded.coding) == ("other", ("yes", "no", '"ü'), "linear")


def test_what_is_missing_or_does_not_fit_is_named(pretrained, tmp_path):
    (pretrained / "labels.txt").write_text("yes\nno\n")
    with pytest.raises(UserError, match="2 words, but the model has 3 classes"):
        artifact.load(pretrained)
    (pretrained / "labels.txt").unlink()
    with pytest.raises(UserError, match=r"labels\.txt is missing"):
        artifact.load(pretrained)
    with pytest.raises(UserError, match="no such run folder"):
        artifact.load(tmp_path / "none")


def test_the_model_of_a_bundle_is_that_it_was_made_from(quick, pretrained):
    (pretrained / "model_card.md").write_text("# mine\n")
    keys = {"name": "mine", "model.coding": "mu_law", "model.level_control": True}
    (pretrained / "recipe.toml").write_text(recipe.to_toml(recipe.replace(recipe.Recipe(), keys)))
    of_run = artifact.load(pretrained)
    of_bundle = artifact.load(bundle.make(Request(of_run), "c99", pretrained / "out"))
    for name in ("name", "labels", "coding", "content", "card", "level_control", "detector", "gate"):
        assert getattr(of_bundle, name) == getattr(of_run, name), name
