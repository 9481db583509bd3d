"""Float training on Keras's JAX backend, where jax is installed: the same tests, in a process of their own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("jax", reason="jax is not installed: pip install jax")
HERE = Path(__file__).resolve().parent


def run_on_jax(*arguments: str, devices: int = 1) -> None:
    flags = f"--xla_force_host_platform_device_count={devices}"
    environment = os.environ | {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu", "XLA_FLAGS": flags}
    done = subprocess.run(
        [sys.executable, *arguments], env=environment, cwd=HERE.parents[2], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_front_end_training_and_folding():
    tests = [str(HERE / f"test_{name}.py") for name in ("augment", "loop")]
    run_on_jax(
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        *tests,
        f"{HERE.parent / 'model' / 'test_network.py'}::test_folded_weights_give_the_same_outputs",
    )


@pytest.mark.slow
def test_a_run_is_trained_data_parallel_on_two_devices(tmp_path):
    program = f"""
import sys
sys.path.insert(0, {str(HERE.parents[1])!r})
import pathlib, tone_corpus
from edgekws import recipe, workspace
from edgekws.corpus.clips import Selection
from edgekws.corpus.sources import load
from edgekws.train import float_model
folder = pathlib.Path({str(tmp_path)!r})
data = tone_corpus.write(folder / "tones", clips=40)
made = recipe.replace(recipe.Recipe(), tone_corpus.recipe(data, training__epochs=2))
clips = load(str(data), made.data.words, Selection(1, validation_percent=25, testing_percent=25), cache=folder)
run = workspace.open_run(folder / "run", made)
workspace.begin(run, clips)
float_model.train(run, clips)
record = run.read_record("train")
assert record["device"] == "2 devices (data parallel)" and record["backend"] == "jax", record
assert float_model.load(run.float_model).count_params() > 20_000
"""
    run_on_jax("-c", program, devices=2)
