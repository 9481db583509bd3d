"""Float training of a run: mixed precision, and the noise that training may hear."""

import json
from dataclasses import replace

import numpy as np
import pytest
import tone_corpus

from edgekws import recipe, workspace
from edgekws.corpus.clips import Selection
from edgekws.corpus.sources import load
from edgekws.errors import UserError
from edgekws.files import sha256
from edgekws.model import catalogue, coding, front_end, network
from edgekws.train import device, float_model, loop

RNG = np.random.default_rng(3)


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tones")
    data = tone_corpus.write(folder / "tones", clips=40)
    return load(str(data), tone_corpus.WORDS, Selection(1, validation_percent=25, testing_percent=25), cache=folder)


@pytest.mark.slow
def test_mixed_precision_trains_and_leaves_a_float32_model(clips, tmp_path):
    changes = tone_corpus.recipe(tmp_path, training__mixed_precision="bfloat16", training__epochs=3)
    run = workspace.open_run(tmp_path / "run", recipe.replace(recipe.Recipe(), changes))
    workspace.begin(run, clips)
    float_model.train(run, clips)
    model = float_model.load(run.float_model)
    assert {np.dtype(weight.dtype) for weight in model.get_weights()} == {np.dtype(np.float32)}
    assert json.loads(run.record("train").read_text())["validation_accuracy"] > 0.5
    scores = model(np.zeros((2, 1, 16_000, 1), np.float32))
    np.testing.assert_allclose(np.sum(scores, axis=1), 1.0, rtol=1e-5)


def test_held_out_noise_is_not_heard_in_training(clips):
    made = recipe.Recipe()
    assert len(float_model.training_noise(made, clips)) > 0
    held = recipe.replace(made, {"data.held_out_noise": [noise.name for noise in clips.noise]})
    assert len(float_model.training_noise(held, clips)) == 0


def trained(folder, clips, **changes):
    made = recipe.replace(recipe.Recipe(), tone_corpus.recipe(folder, **changes))
    run = workspace.open_run(folder, made)
    workspace.begin(run, clips)
    float_model.train(run, clips)
    return run


@pytest.fixture(scope="module")
def first(clips, tmp_path_factory):
    """A trained run, to begin with."""
    return trained(tmp_path_factory.mktemp("runs") / "first", clips, training__epochs=4)


@pytest.mark.slow
def test_a_training_starts_from_a_run_and_keeps_the_words_that_it_knew(clips, first, tmp_path):
    words = ("high", "low", "other")  # another order, and one that the first does not know
    relabelled = {"low": "low", "middle": "other", "high": "high"}
    renamed = replace(clips, words=words, clips=tuple(replace(c, word=relabelled[c.word]) for c in clips.clips))
    settings = {
        "training__epochs": 1,
        "training__learning_rate": 1e-8,
        "data__words": list(words),
        "model__dropout": 0.2,
    }
    second = trained(tmp_path / "second", renamed, training__start_from=str(first.folder), **settings)
    before, after = (float_model.load(run.float_model) for run in (first, second))
    for layer in before.layers:
        pairs = list(zip(layer.get_weights(), after.get_layer(layer.name).get_weights(), strict=True))
        if layer.name == "classes":
            pairs = [(a[..., [2, 0]], b[..., [0, 1]]) for a, b in pairs]  # high and low
        if not layer.name.endswith("_bn"):  # whose moving averages go on with the data
            for a, b in pairs:
                np.testing.assert_allclose(a, b, atol=1e-5)
    record = json.loads(second.record("train").read_text())
    assert record["started_from"] == {"run": "tones", "float_model_sha256": sha256(first.float_model)}


def test_frozen_convolutions_keep_the_weights_that_they_began_with(clips, first, tmp_path):
    start = {"training__start_from": str(first.folder), "training__epochs": 1, "training__frozen": 2}
    second = trained(tmp_path / "second", clips, **start)
    before, after = (float_model.load(run.float_model) for run in (first, second))
    kept = []
    for layer in before.layers:
        pairs = zip(layer.get_weights(), after.get_layer(layer.name).get_weights(), strict=True)
        if layer.weights and all(np.array_equal(a, b) for a, b in pairs):
            kept.append(layer.name)
    assert kept == ["conv_0_0", "conv_0_0_bn", "conv_1_0", "conv_1_0_bn"]


def test_the_float_model_is_the_mean_of_what_was_trained_and_of_the_runs_named(clips, first, tmp_path):
    start = {"training__start_from": str(first.folder), "training__epochs": 1}
    alone = trained(tmp_path / "alone", clips, **start)
    second = trained(tmp_path / "second", clips, training__averaged_with=[str(first.folder)], **start)
    weights = [float_model.load(run.float_model).get_weights() for run in (first, alone, second)]
    for a, b, mean in zip(*weights, strict=True):
        np.testing.assert_allclose(mean, (a + b) / 2, atol=1e-6)
    record = json.loads(second.record("train").read_text())
    assert record["averaged_with"] == [{"run": "tones", "float_model_sha256": sha256(first.float_model)}]
    found = float_model.load(second.float_model)
    split = clips.split("validation")
    scores = found.predict(coding.network_input(front_end.codes(split.samples, second.recipe.model)), verbose=0)
    assert record["validation_accuracy"] == pytest.approx(np.mean(scores.argmax(1) == split.labels), abs=1e-6)


def with_unknown(clips):
    """The clips, of which "high" is no word; and the recipe's changes for them."""
    renamed = {"low": "low", "middle": "middle", "high": "_unknown_"}
    heard = replace(clips, words=("low", "middle", "_unknown_"),
                    clips=tuple(replace(c, word=renamed[c.word]) for c in clips.clips))  # fmt: skip
    return heard, {"training__epochs": 1, "data__words": ["low", "middle"], "data__unknown": ["high"]}


def test_unknown_is_lowered_once_in_a_mean_of_runs_that_lowered_it(clips, tmp_path):
    heard, options = with_unknown(clips)
    options |= {"training__unknown_lowered": 3.0}
    first = trained(tmp_path / "first", heard, **options)
    start = {"training__start_from": str(first.folder), **options}
    alone = trained(tmp_path / "alone", heard, **start)
    mean = trained(tmp_path / "mean", heard, training__averaged_with=[str(first.folder)], **start)
    weights = [float_model.load(run.float_model).get_weights() for run in (first, alone, mean)]
    for a, b, found in zip(*weights, strict=True):
        np.testing.assert_allclose(found, (a + b) / 2, atol=1e-5)


def test_a_training_starts_with_unknown_where_the_origins_training_left_it(clips, tmp_path):
    heard, options = with_unknown(clips)
    first = trained(tmp_path / "first", heard, training__unknown_lowered=3.0, **options)
    start = options | {"training__start_from": str(first.folder), "training__learning_rate": 1e-8}
    again = trained(tmp_path / "again", heard, training__unknown_lowered=3.0, **start)
    plain = trained(tmp_path / "plain", heard, **start)
    lowered, same, raised = (
        float_model.load(run.float_model).get_layer("classes").get_weights()[1] for run in (first, again, plain)
    )
    np.testing.assert_allclose(same, lowered, atol=1e-5)
    np.testing.assert_allclose(raised - lowered, [0.0, 0.0, 3.0], atol=1e-5)


def test_unknown_is_lowered_after_training(clips, tmp_path):
    heard, options = with_unknown(clips)
    plain, lower = (
        float_model.load(trained(tmp_path / str(nats), heard, training__unknown_lowered=nats, **options).float_model)
        for nats in (0.0, 3.0)
    )
    for a, b in zip(plain.get_weights()[:-1], lower.get_weights()[:-1], strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_allclose(plain.get_weights()[-1] - lower.get_weights()[-1], [0, 0, 3], atol=1e-5)


def test_a_run_of_other_words_cannot_be_averaged(clips, first, tmp_path):
    words = ("high", "low", "middle")  # the same in another order
    other = {"training__averaged_with": [str(first.folder)], "data__words": list(words)}
    with pytest.raises(UserError, match="training.averaged_with: .*first knows other words; expected the same ones"):
        trained(tmp_path / "b", replace(clips, words=words), **other)


def test_a_start_from_what_cannot_be_one_is_told(clips, tmp_path):
    with pytest.raises(UserError, match="no such run folder"):
        trained(tmp_path / "a", clips, training__start_from=str(tmp_path / "none"))
    made = recipe.replace(recipe.Recipe(), tone_corpus.recipe(tmp_path))
    workspace.begin(untrained := workspace.open_run(tmp_path / "untrained", made), clips)
    with pytest.raises(UserError, match="has no float.keras; 'edgekws train' makes it"):
        trained(tmp_path / "b", clips, training__start_from=str(untrained.folder))
    untrained.float_model.touch()
    with pytest.raises(UserError, match="has model.architecture = nano, this recipe small"):
        trained(tmp_path / "c", clips, training__start_from=str(untrained.folder), model__architecture="small")
    with pytest.raises(UserError, match="has model.coding = linear, this recipe mu_law"):
        trained(tmp_path / "d", clips, training__start_from=str(untrained.folder), model__coding="mu_law")


def with_network(folder, clips, architecture="nano", seed=1, **options):
    """A run that names ``nano``, with a network of random weights."""
    loop.deterministic(seed)
    made = recipe.replace(recipe.Recipe(), tone_corpus.recipe(folder))
    run = workspace.open_run(folder, made)
    workspace.begin(run, clips)
    options = {"classes": len(clips.words), "batch_norm": True} | options
    workspace.save_keras(network.build(catalogue.find(architecture).architecture, **options), run.float_model)
    return run


@pytest.mark.parametrize(
    "hidden", [{"architecture": "small"}, {"classes": 2}, {"batch_norm": False}, {"architecture": "custom-32/8"}]
)
def test_a_start_whose_network_is_another_than_its_recipe_says_is_told(clips, tmp_path, hidden):
    other = with_network(tmp_path / "other", clips, **hidden)
    with pytest.raises(UserError, match="start_from: .*float.keras is not the network that its recipe"):
        trained(tmp_path / "a", clips, training__start_from=str(other.folder))


@pytest.mark.parametrize("hidden", [{"classes": 4}, {"architecture": "small"}, {"batch_norm": False}])
def test_a_teacher_whose_network_is_another_than_its_recipe_says_is_told(clips, tmp_path, hidden):
    other = with_network(tmp_path / "other", clips, **hidden)
    with pytest.raises(UserError, match="teacher: .*is not the network that its recipe names, of 3 classes"):
        trained(tmp_path / "a", clips, training__teacher=str(other.folder))


@pytest.mark.slow
@pytest.mark.parametrize("key", ["start_from", "teacher"])
def test_a_model_that_was_trained_again_meanwhile_is_refused(clips, tmp_path, monkeypatch, key):
    other = with_network(tmp_path / "other", clips)
    settings = {f"training__{key}": str(other.folder), "training__epochs": 2}
    write = loop._Progress.write

    def killing(state, *args):
        write(state, *args)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(loop._Progress, "write", killing)
        trained(tmp_path / "a", clips, **settings)
    before = other.float_model.read_bytes()
    with_network(tmp_path / "other", clips, seed=2)
    assert other.float_model.read_bytes() != before
    with pytest.raises(UserError, match="belongs to another recipe, other data or another version"):
        trained(tmp_path / "a", clips, **settings)
    other.float_model.write_bytes(before)
    assert trained(tmp_path / "a", clips, **settings).float_model.exists()


@pytest.mark.slow
def test_a_teacher_is_learned_from_where_the_labels_say_nothing(clips, tmp_path, monkeypatch):
    from edgekws.train.losses import distillation

    monkeypatch.setattr(distillation, "WEIGHT", 1.0)  # the labels have no part in it
    teacher = trained(tmp_path / "teacher", clips, training__epochs=6)
    turned = recipe.replace(recipe.Recipe(), tone_corpus.recipe(tmp_path, training__teacher=str(teacher.folder)))
    run = workspace.open_run(tmp_path / "student", recipe.replace(turned, {"training.epochs": 6}))
    workspace.begin(run, clips)
    float_model.train(run, clips)
    record = json.loads(run.record("train").read_text())
    assert record["taught_by"] == {"run": "tones", "float_model_sha256": sha256(teacher.float_model)}
    assert record["validation_accuracy"] > 0.6  # chance is a third
    assert "teacher" not in [layer.name for layer in float_model.load(run.float_model).layers]


def test_a_teacher_has_unknown_where_its_training_left_it(clips, first):
    """Window by window, before the mean: a teacher whose file has _unknown_ lowered still knows what is no word."""
    import keras

    columns, added = [2, 0], np.array([4.0, -1.0])
    taught = float_model._teacher(keras, first, columns, added, 0)
    heard = RNG.normal(size=(6, 1, 16_000, 1)).astype(np.float32)
    before = np.log(np.asarray(float_model.load(first.float_model)(heard)))
    before[:, columns] += added
    expected = np.exp(before) / np.exp(before).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(np.asarray(taught(heard)), expected, rtol=1e-3, atol=1e-5)


@pytest.mark.slow
def test_a_network_learns_from_the_mean_of_windows_with_a_teacher(clips, first, tmp_path):
    made = recipe.replace(recipe.Recipe(), tone_corpus.recipe(tmp_path, training__windows=3))
    import keras

    assert float_model.compiled(keras, made, clips, device.find())[1].input_shape == (None, 24_000)
    changes = {"training__windows": 3, "training__epochs": 4, "training__teacher": str(first.folder)}
    run = trained(tmp_path / "wide", clips, **changes)
    assert json.loads(run.record("train").read_text())["validation_accuracy"] > 0.6
    model = float_model.load(run.float_model)
    assert model.input_shape == (None, 1, 16_000, 1), "what ships hears one window"
    again = trained(tmp_path / "again", clips, **changes)
    for one, other in zip(model.get_weights(), float_model.load(again.float_model).get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_teacher_that_does_not_know_a_word_is_told(clips, tmp_path):
    made = recipe.replace(recipe.Recipe(), tone_corpus.recipe(tmp_path))
    workspace.begin(other := workspace.open_run(tmp_path / "other", made), clips)
    other.float_model.touch()
    labels = {"low": "low", "middle": "middle", "high": "higher"}
    relabelled = tuple(replace(clip, word=labels[clip.word]) for clip in clips.clips)
    renamed = replace(clips, words=tuple(labels.values()), clips=relabelled)
    with pytest.raises(UserError, match="does not know higher"):
        trained(tmp_path / "a", renamed, training__teacher=str(other.folder))


def test_label_smoothing_against_the_formula(clips):
    keras = pytest.importorskip("keras")
    made = recipe.replace(recipe.Recipe(), {"training.label_smoothing": 0.3})
    _, model = float_model.compiled(keras, made, clips, device.find())
    loss = model.loss(np.eye(3, dtype=np.float32)[:1], np.array([[0.7, 0.2, 0.1]], np.float32))
    np.testing.assert_allclose(loss, -(0.8 * np.log(0.7) + 0.1 * np.log(0.2) + 0.1 * np.log(0.1)), rtol=1e-5)
