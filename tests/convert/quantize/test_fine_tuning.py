"""Quantization-aware training: its random draws are functions of seed, epoch and step, so that it can be killed."""

import csv

import numpy as np
import pytest
import tone_corpus

from convert.quantize import fake_quant, fine_tuning
from edgekws import recipe, workspace
from edgekws.corpus.clips import Selection
from edgekws.corpus.sources import load
from edgekws.model import catalogue, coding, network
from edgekws.train import float_model, loop
from edgekws.train.augment import Front

TWO_DROPOUTS = "base/4-1fc"


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tones")
    data = tone_corpus.write(folder / "tones", clips=30)
    return load(str(data), tone_corpus.WORDS, Selection(1, validation_percent=25, testing_percent=25), cache=folder)


def started(folder, clips, **changes):
    """A run with a float network of random weights, the same every time."""
    import keras

    run = workspace.open_run(folder, recipe.replace(recipe.Recipe(), tone_corpus.recipe(folder, **changes)))
    workspace.begin(run, clips)
    keras.utils.set_random_seed(1)
    architecture = catalogue.find(run.recipe.model.architecture).architecture
    workspace.save_keras(network.build(architecture, classes=len(clips.words), batch_norm=True), run.float_model)
    return run


@pytest.mark.slow
def test_with_dropout_a_training_that_was_killed_ends_as_the_undisturbed_one(clips, tmp_path, monkeypatch):
    settings = {"name": "same", "model__architecture": "only-conv/2", "model__dropout": 0.5}
    settings |= {"quantization__epochs": 3, "quantization__learning_rate": 0.01}
    whole, killed = (started(tmp_path / name, clips, **settings) for name in ("whole", "killed"))
    fine_tuning.quantize(whole, clips)
    write = loop._Progress.write

    def killing(state, *args):
        write(state, *args)
        raise KeyboardInterrupt

    for _ in range(2):
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(loop._Progress, "write", killing)
            fine_tuning.quantize(killed, clips)
    fine_tuning.quantize(killed, clips)
    for name in ("qat_history.csv", "fake_quant.npz"):
        assert (killed.folder / name).read_bytes() == (whole.folder / name).read_bytes(), name


@pytest.mark.slow
def test_the_float_model_is_learned_from_whatever_the_labels_say(clips, tmp_path, monkeypatch):
    run = started(tmp_path / "run", clips, quantization__epochs=4, quantization__learning_rate=0.01)
    split = clips.split("training")
    heard = (coding.encode(np.asarray(split.samples), run.recipe.model.coding) / np.float32(128))[:, None, :, None]
    wanted = float_model.load(run.float_model).predict(heard, verbose=0)
    np.testing.assert_allclose(fine_tuning._float_scores(run)(heard), wanted, atol=1e-5)
    third = np.array([0.0, 0.0, 1.0], np.float32)
    monkeypatch.setattr(fine_tuning, "_float_scores", lambda run: lambda inputs: np.tile(third, (len(inputs), 1)))
    fine_tuning.quantize(run, clips)
    last = list(csv.DictReader((run.folder / "qat_history.csv").open()))[-1]
    assert float(last["accuracy"]) > 0.9  # a third of the labels are so
    assert float(last["val_accuracy"]) > 0.9  # and the epoch is chosen by the same


def test_dropout_draws_by_seed_and_epoch_in_a_step_that_is_compiled():
    import tensorflow as tf
    import tf_keras

    model = fake_quant.fake_quant_model(catalogue.find(TWO_DROPOUTS).architecture, classes=3, dropout=0.5)
    layers = [part for part in model.submodules if isinstance(part, tf_keras.layers.Dropout)]
    assert len(layers) == 2
    step = tf.function(lambda: [layer(tf.ones((1, 64)), training=True) for layer in layers])

    def draws(seed, epoch):
        fake_quant.seed_dropout(model, seed, epoch)
        return [mask.numpy().tobytes() for _ in range(3) for mask in step()]

    drawn = draws(1, 0) + draws(1, 1) + draws(2, 0)
    assert len(set(drawn)) == len(drawn) == 18
    assert draws(1, 1) == drawn[6:12]


def test_no_two_steps_share_a_random_state():
    every = {"augment.speed_percent": 10.0, "augment.equalizer_db": 6.0, "augment.mask_ms": 50.0}
    every |= {"model.level_control": True}
    made = recipe.replace(recipe.Recipe(), every)
    front = Front(made.augment, made.model, np.ones((2, 16_000), np.int16), 1, name="front")
    epochs, steps, taken = 3, 5, []
    for epoch in range(epochs):
        for step in range(steps):
            first = fine_tuning.front_state(1, epoch, step, steps)
            front.seed_generator.state.assign(first)
            front(np.ones((2, 16_000), np.int16), training=True)
            last = np.asarray(front.seed_generator.state).tolist()
            assert last[0] == first[0] == 1
            taken += range(first[1], last[1])
    assert len(taken) == len(set(taken)) == 11 * epochs * steps  # eleven draws with every augmentation there is
