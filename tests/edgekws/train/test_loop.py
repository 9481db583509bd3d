"""The training loop: goes on where it was killed, in the same order with the same numbers."""

import io

import numpy as np
import pytest

from edgekws.errors import UserError
from edgekws.train import feed, loop

keras = pytest.importorskip("keras")
RNG = np.random.default_rng(0)
SAMPLES = RNG.normal(size=(50, 8)).astype(np.float32)
LABELS = (SAMPLES.sum(1) > 0).astype(np.int64)


def model(epochs: int = 6, rate: float = 0.01):
    keras.utils.set_random_seed(3)
    layers = [
        keras.layers.Dense(8, activation="relu"),
        keras.layers.Dropout(0.5),
        keras.layers.Dense(2, activation="softmax"),
    ]
    built = keras.Sequential([keras.Input((8,)), *layers])
    schedule = loop.cosine_schedule(keras, rate, epochs, 6, 1.0)
    built.compile(keras.optimizers.Adam(schedule), "categorical_crossentropy", metrics=["accuracy"])
    return built


def fit(path, epochs=6, kill_after=None, identity="x", patience=0, built=None, prepare=None, keep="best"):
    built = built or model()
    learn = feed.batches(keras, SAMPLES, LABELS, 2, 8, 5)
    validate = feed.batches(keras, SAMPLES, LABELS, 2, 8, None)
    if kill_after is not None:
        write = loop._Progress.write

        def killing(state, *args):
            write(state, *args)
            if len(state.history) == kill_after:
                raise KeyboardInterrupt

        with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(loop._Progress, "write", killing)
            fit(path, epochs, identity=identity, built=built)
        return None
    return loop.fit(keras, built, learn, validate, epochs=epochs, batch_size=8, patience=patience, checkpoint=path,
                        title="test", identity=identity, prepare=prepare, keep=keep)  # fmt: skip


def on_a_gpu_by_jax():
    return keras.backend.backend() == "jax" and __import__("jax").default_backend() == "gpu"


@pytest.mark.skipif(on_a_gpu_by_jax(), reason="JAX on a GPU adds in another order each time")
def test_resumed_training_ends_as_the_undisturbed_one(tmp_path):
    whole = fit(tmp_path / "whole.npz")
    fit(tmp_path / "killed.npz", kill_after=2)
    fit(tmp_path / "killed.npz", kill_after=4)
    resumed = fit(tmp_path / "killed.npz")
    assert resumed.history == whole.history
    for a, b in zip(resumed.best, whole.best, strict=True):
        np.testing.assert_array_equal(a, b)
    done = fit(tmp_path / "killed.npz")
    assert done.history == whole.history


def test_what_an_epoch_depends_on_is_set_as_it_begins_after_a_kill_too(tmp_path):
    begun = []
    for epochs in (2, 3):
        fit(tmp_path / "c.npz", epochs, prepare=begun.append)
    assert begun == [0, 1, 2]


@pytest.mark.parametrize("harm", [lambda data: data[: len(data) // 2], lambda data: b"", lambda data: data[:-30]])
def test_a_cut_state_is_one_line_that_says_to_remove_it(tmp_path, harm):
    path = tmp_path / "state.npz"
    buffer = io.BytesIO()
    np.savez(buffer, meta=np.frombuffer(b'{"identity": "1", "history": []}', np.uint8))
    path.write_bytes(harm(buffer.getvalue()))
    for read in (loop.epochs_in, lambda path: loop._Progress.read(path, "1", [])):
        with pytest.raises(UserError, match=r"state\.npz: .*; remove it, and the training begins anew"):
            read(path)


def test_checkpoint_of_another_run_is_refused(tmp_path):
    fit(tmp_path / "c.npz", epochs=1)
    with pytest.raises(UserError, match="another recipe, other data"):
        fit(tmp_path / "c.npz", identity="y")


def test_best_epoch_is_the_most_accurate_then_the_lowest_loss():
    state = loop._Progress()
    for accuracy, loss in ((0.5, 1.0), (0.8, 0.9), (0.8, 0.7), (0.8, 0.7), (0.6, 0.1)):
        state.add({"val_accuracy": accuracy, "val_loss": loss}, [np.array(loss)])
    assert state.best_epoch == 3
    assert state.best == [np.array(0.7)]


def test_patience_stops_early(tmp_path):
    outcome = fit(tmp_path / "c.npz", patience=2, built=model(rate=0.0))
    assert len(outcome.history) == 3
    assert len(fit(tmp_path / "c.npz", patience=2).history) == 3


@pytest.mark.parametrize("resumed", [False, True])
def test_the_last_epoch_is_kept_where_that_is_asked_for(resumed, tmp_path):
    built = model(rate=0.0)  # with equal figures in each epoch, the first is the best
    kernel = built.layers[-1].kernel

    def worse(epoch):
        if epoch == 5:
            kernel.assign(np.full(kernel.shape, 9.0))

    best = fit(tmp_path / "c.npz", built=built, prepare=worse)
    if not resumed:
        built = model(rate=0.0)
        kernel = built.layers[-1].kernel
    last = fit(tmp_path / ("c.npz" if resumed else "d.npz"), built=built, prepare=worse, keep="last")
    assert (best.best_epoch, last.best_epoch) == (1, 6)
    assert not any(np.any(one == 9.0) for one in best.best)
    for one, other in zip(last.best, built.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_loss_that_is_no_number_is_told(tmp_path):
    built = model()
    kernel = built.layers[-1].kernel  # a ReLU behind it could hide the NaN
    kernel.assign(np.full(kernel.shape, np.nan))
    with pytest.raises(UserError, match="lower the learning rate"):
        fit(tmp_path / "c.npz", built=built)


def test_order_depends_on_seed_and_epoch_alone():
    a, b = (feed.batches(keras, SAMPLES, LABELS, 2, 8, 5) for _ in range(2))
    np.testing.assert_array_equal(a[2][0], b[2][0])
    first = a[0][0]
    a.epoch = 1
    assert not np.array_equal(a[0][0], first)
    assert len(a) == 6  # the incomplete last batch is left out of training, not of validation
    assert len(feed.batches(keras, SAMPLES, LABELS, 2, 8, None)) == 7


def test_batches_can_be_shared_out_among_devices():
    shared = feed.batches(keras, SAMPLES[:47], LABELS[:47], 2, 8, None, devices=4)
    assert [len(shared[i][1]) for i in range(len(shared))] == [8, 8, 8, 8, 8, 4]


def test_schedule_warms_up_and_falls_to_zero():
    schedule = loop.cosine_schedule(keras, 0.1, 10, 10, 2.0)
    rates = [float(schedule(step)) for step in (0, 10, 20, 60, 100)]
    np.testing.assert_allclose(rates, [0.0, 0.05, 0.1, 0.05, 0.0], atol=1e-6)
