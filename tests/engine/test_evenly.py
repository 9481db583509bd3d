"""Work at an even pace (edgekws_evenly.h, edgekws_take, edgekws_work): the same scores, no later than promised."""

from __future__ import annotations

import numpy as np
import pytest
import synthetic_tflite
from engine import host
from engine.test_engine import SHAPES
from engine.test_sliding import DEEPER, shortest_hop, stream
from synthetic_tflite import Options

ALL = {**SHAPES, **DEEPER}
RESULTS = 12


def engine_of(shape, folder, mode="sliding", **options) -> host.Engine:
    read = synthetic_tflite.graph(ALL[shape], 5, Options(random_zero_points=True))
    if mode == "sliding":
        options.setdefault("hop", shortest_hop(ALL[shape]))
    return host.build(read, folder, mode=mode, **options)


def golden(engine: host.Engine, samples: np.ndarray) -> list[list[int]]:
    spotter, found, at = engine.new(), [], 0
    while at < len(samples):
        at += spotter.push(samples[at:])
        if spotter.ready():
            found.append(spotter.scores().tolist())
    return found


def samples_for(engine: host.Engine, results: int = RESULTS) -> np.ndarray:
    return stream(engine.plan.window + (results - 1) * engine.plan.hop + engine.plan.pace.delay)


@pytest.mark.parametrize("positions", [None, 12])
@pytest.mark.parametrize("shape", DEEPER)
def test_sliding(shape, positions, tmp_path):
    assert_the_same(engine_of(shape, tmp_path, positions=positions))


WINDOWS = ["same, pool 3", "ceil pool 5, both ends clipped", "last samples not looked at", "strides all the way"]


@pytest.mark.parametrize("shape", WINDOWS)
def test_window(shape, tmp_path):
    assert_the_same(engine_of(shape, tmp_path, mode="window"))


@pytest.mark.parametrize("hop", [1, 2, 33, 243, 1000])
def test_any_hop(hop, tmp_path):
    assert_the_same(engine_of("six blocks", tmp_path, hop=hop))


def assert_the_same(engine: host.Engine) -> None:
    """The scores of pushes as they are, in chunks of any size; the lateness that each result tells, and its bound."""
    samples, plan, random, latest = samples_for(engine), engine.plan, np.random.default_rng(0), 0
    for largest in (100, plan.window):
        spotter, found, at = host.Evenly(engine), [], 0
        while at < len(samples):
            at += spotter.push(samples[at : at + int(random.integers(1, largest + 1))])
            if spotter.ready():
                assert at - spotter.late() == plan.window + len(found) * plan.hop
                latest = max(latest, spotter.late())
                found.append(spotter.scores().tolist())
        assert found == golden(engine, samples)[:RESULTS]
    assert latest == plan.pace.delay


@pytest.mark.parametrize("mode", ["window", "sliding"])
@pytest.mark.parametrize("shape", ["six blocks", "ceil pools, deep"])
def test_pieces_of_work_may_be_done_at_any_time(shape, mode, tmp_path):
    engine, random = engine_of(shape, tmp_path, mode=mode), np.random.default_rng(1)
    samples, spotter, found, at = samples_for(engine), engine.new(), [], 0
    while at < len(samples):
        at += spotter.take(samples[at : at + int(random.integers(1, 50))])
        for _ in range(random.integers(0, 4)):
            if spotter.work() and spotter.ready():
                found.append(spotter.scores().tolist())
    while spotter.work():
        if spotter.ready():
            found.append(spotter.scores().tolist())
    assert found == golden(engine, samples)


def test_a_spotter_that_heard_nothing_has_nothing_to_do(tmp_path):
    spotter = engine_of("six blocks", tmp_path).new()
    assert spotter.work() == 0
    assert spotter.take(stream(0)) == 0
