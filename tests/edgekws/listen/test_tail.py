"""Peaks of scores, and the rate of higher ones than were heard."""

import numpy as np
import pytest

from edgekws.listen import tail


def test_peaks_are_one_for_each_rise_at_what_a_minimum_in_a_row_reach():
    sums = np.zeros(60, np.int64)
    sums[5:9] = (100, 200, 180, 90)  # one rise
    sums[10] = 150  # within three results of it: the same
    sums[20:24] = 120  # a plateau
    sums[40] = 250  # alone
    assert tail.peaks(sums, 1, 1, 3).tolist() == tail.log_odds(np.array([200, 120, 250]), 1).tolist()
    assert tail.peaks(sums, 1, 2, 3).tolist() == tail.log_odds(np.array([180, 120]), 1).tolist()
    assert tail.peaks(sums[:0], 1, 2, 3).tolist() == []
    assert tail.peaks(np.zeros(9, np.int64), 1, 1, 3).tolist() == [], "what never rose has no peak"


def test_log_odds_rise_with_the_average_and_are_finite_at_both_ends():
    odds = tail.log_odds(np.arange(0, 5 * 256 + 1), 5)
    assert np.isfinite(odds).all()
    assert (np.diff(odds) > 0).all()
    assert odds[640] == 0
    assert odds[5 * 200] == pytest.approx(np.log(200 / 56), abs=0.01)


def test_rates_are_counts_where_there_are_enough_and_go_on_from_there():
    peaks = np.arange(100) / 10
    at = np.array([-1.0, 0.0, 5.0, 7.9, 7.9001, 9.9, 12.0])
    found = tail.rate(peaks, 2.0, at)
    assert found[:3].tolist() == [50, 50, 25]
    assert found[4] == pytest.approx(20 / 2, rel=1e-3), "twenty exceed the twenty-first"
    excess = sum(np.arange(1, 21) / 10)
    assert found[5] == pytest.approx(10 * (excess / (excess + 2.0)) ** 20)
    assert (np.diff(found) <= 0).all()
    assert found[-1] > 0
    assert tail.rate(np.zeros(0), 2.0, at).tolist() == [0] * 7
    assert tail.rate(np.array([3.0]), 2.0, at).tolist() == [0.5, 0.5, 0, 0, 0, 0, 0]
    assert tail.rate(np.full(30, 3.0), 2.0, np.array([3.0, 3.1])).tolist() == [15, pytest.approx(0, abs=1e-9)]


@pytest.mark.parametrize("goal", [0.1, 0.5, 5.0])
def test_a_threshold_for_a_goal_lets_as_many_through_in_the_mean(goal):
    """Half an hour with 400 peaks, of which a share of exp(-x) come to x or more."""
    rng, grid = np.random.default_rng(0), np.linspace(0, 20, 2001)
    true = []
    for _ in range(400):
        rates = tail.rate(rng.exponential(1, rng.poisson(400)), 0.5, grid)
        true.append(800 * np.exp(-grid[rates <= goal][0]))
    assert np.mean(true) == pytest.approx(goal, rel=0.2)
