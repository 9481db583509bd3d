"""Float training of a run: mixed precision, and the noise that training may hear."""

import json

import numpy as np
import pytest
import tone_corpus

from edgekws import float_training, recipe, workspace
from edgekws.corpus import load


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tones")
    data = tone_corpus.write(folder / "tones", clips=40)
    return load(str(data), tone_corpus.WORDS, seed=1, validation_percent=25, testing_percent=25, cache=folder)


@pytest.mark.slow
def test_mixed_precision_trains_and_leaves_a_float32_model(clips, tmp_path):
    changes = tone_corpus.recipe(tmp_path, training__mixed_precision="bfloat16", training__epochs=3)
    run = workspace.open_run(tmp_path / "run", recipe.replace(recipe.Recipe(), changes))
    workspace.begin(run, clips)
    float_training.train(run, clips)
    model = float_training.load(run.float_model)
    assert {np.dtype(weight.dtype) for weight in model.get_weights()} == {np.dtype(np.float32)}
    assert json.loads(run.record("train").read_text())["validation_accuracy"] > 0.5
    scores = model(np.zeros((2, 1, 16_000, 1), np.float32))
    np.testing.assert_allclose(np.sum(scores, axis=1), 1.0, rtol=1e-5)


def test_held_out_noise_is_not_heard_in_training(clips):
    made = recipe.Recipe()
    assert len(float_training.training_noise(made, clips)) > 0
    held = recipe.replace(made, {"data.held_out_noise": [noise.name for noise in clips.noise]})
    assert len(float_training.training_noise(held, clips)) == 0
