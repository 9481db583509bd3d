import math
from statistics import NormalDist

import numpy as np
import pytest

from edgekws.report import metrics
from edgekws.report.metrics import PairedDifference, Proportion


def test_z_is_the_normal_quantile():
    assert math.isclose(metrics.Z95, NormalDist().inv_cdf(0.975), rel_tol=1e-12)


@pytest.mark.parametrize(
    ("correct", "total", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_interval_is_the_published_one(correct, total, low, high):
    # Newcombe, Statistics in Medicine 17, 1998, table I, method 3
    assert Proportion(correct, total).interval == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize(("correct", "total"), [(1, 2), (7, 9), (1394, 1527), (1526, 1527)])
def test_wilson_ends_are_where_the_score_test_turns(correct, total):
    for end in Proportion(correct, total).interval:
        z = (correct / total - end) / math.sqrt(end * (1 - end) / total)
        assert abs(z) == pytest.approx(metrics.Z95, rel=1e-9)


@pytest.mark.parametrize("total", [1, 5, 1527])
def test_wilson_interval_stays_within_0_and_1(total):
    assert Proportion(0, total).interval[0] == 0.0
    assert Proportion(total, total).interval[1] == 1.0
    assert 0 < Proportion(0, total).interval[1] < 1


def test_a_proportion_is_told_with_interval_and_counts():
    assert str(Proportion(81, 263)) == "0.3080 [0.2553, 0.3662] (81/263)"


def test_paired_interval_is_the_textbook_one():
    # Agresti, Categorical Data Analysis, 2nd ed., table 10.1: 86 and 150 of 1600 changed their mind
    difference = PairedDifference(86, 150, 1600)
    assert difference.value == -0.04
    assert difference.interval == pytest.approx((-0.0587, -0.0213), abs=5e-5)


def test_paired_interval_is_that_of_the_clips_own_differences():
    rng = np.random.default_rng(3)
    labels = rng.integers(0, 4, 500)
    a, b = rng.random((2, 500, 4))
    a[:300, :] += np.eye(4)[labels[:300]]
    difference = metrics.paired_difference(a, b, labels)
    each = (a.argmax(1) == labels).astype(float) - (b.argmax(1) == labels)
    half = metrics.Z95 * each.std() / math.sqrt(500)
    assert difference.value == pytest.approx(each.mean())
    assert difference.interval == pytest.approx((each.mean() - half, each.mean() + half))


def test_models_that_agree_differ_by_nothing():
    scores = np.eye(3)[[0, 1, 2, 2]]
    assert metrics.paired_difference(scores, scores, np.array([0, 1, 2, 0])).interval == (0.0, 0.0)


def test_accuracy_and_agreement_count_top_words():
    a = np.array([[0.6, 0.4], [0.1, 0.9], [0.7, 0.3]])
    b = np.array([[0.9, 0.1], [0.8, 0.2], [0.7, 0.3]])
    assert metrics.accuracy(a, np.array([0, 1, 1])) == Proportion(2, 3)
    assert metrics.agreement(a, b) == Proportion(2, 3)


def test_confusion_has_the_word_spoken_in_rows():
    scores = np.eye(3)[[0, 2, 2, 1, 1]]
    expected = [[1, 0, 1], [0, 1, 0], [0, 1, 1]]
    assert metrics.confusion(scores, np.array([0, 0, 2, 1, 2])).tolist() == expected


def test_confusion_keeps_words_that_were_neither_spoken_nor_heard():
    assert metrics.confusion(np.eye(3)[[0]], np.array([0])).tolist() == [[1, 0, 0], [0, 0, 0], [0, 0, 0]]


def test_rejection_is_counted_rule_by_rule():
    words = ("yes", "no", "_unknown_", "_silence_")
    scores = np.array(
        [
            [0.8, 0.1, 0.1, 0.0],  # yes, sure
            [0.4, 0.0, 0.6, 0.0],  # yes, but taken for unknown
            [0.3, 0.1, 0.0, 0.6],  # yes, but taken for silence
            [0.55, 0.45, 0.0, 0.0],  # no, heard as yes
            [0.2, 0.1, 0.7, 0.0],  # unknown
            [0.0, 0.95, 0.05, 0.0],  # unknown, heard as no
            [0.1, 0.0, 0.5, 0.4],  # silence, taken for unknown: no word either
        ]
    )
    labels = np.array([0, 0, 0, 1, 2, 2, 3])
    found = metrics.rejection(scores, labels, words)
    rules = {rule["title"]: rule for rule in found["rules"]}
    right = {title: rule["words"]["correct"] for title, rule in rules.items()}
    assert right == {
        "no rejection": 3,
        "class _unknown_ alone": 2,
        "class _silence_ alone": 2,
        "classes _unknown_ and _silence_": 1,
        "threshold 0.5 among the words": 3,
        "threshold 0.7 among the words": 3,
        "threshold 0.9 among the words": 1,
    }
    assert rules["classes _unknown_ and _silence_"]["cost"]["value"] == -0.5
    rejected = {title: [p["correct"] for p in rule["rejected"].values()] for title, rule in rules.items()}
    assert rejected["no rejection"] == [0, 0]
    assert rejected["class _silence_ alone"] == [0, 1]
    assert rejected["classes _unknown_ and _silence_"] == [1, 1]
    assert rejected["threshold 0.7 among the words"] == [1, 0]


def test_a_threshold_alone_rejects_where_there_are_no_classes_for_it():
    scores = np.array([[0.95, 0.04], [0.69, 0.2], [0.45, 0.55], [0.2, 0.8]])  # int8 scores need not sum to 1
    found = metrics.rejection(scores, np.array([0, 0, 0, 1]), ("yes", "no"))
    assert found["classes"] == []
    right = {rule["title"]: rule["words"]["correct"] for rule in found["rules"]}
    assert right == {
        "no rejection": 3,
        "threshold 0.5": 3,
        "threshold 0.7": 2,
        "threshold 0.9": 1,
    }
    assert found["rules"][-1]["cost"]["value"] == -0.5


def test_the_interval_of_large_counts_goes_on_where_the_exact_one_ends():
    for exact, near in zip(metrics.poisson_interval(199), metrics.poisson_interval(200), strict=True):
        assert 0.9 < near - exact < 1.1
    low, high = metrics.poisson_interval(200)
    assert (low, high) == (pytest.approx(173.2399, rel=2e-5), pytest.approx(229.7226, rel=2e-5))


@pytest.mark.parametrize(("count", "interval"), [(0, (0.0, 3.689)), (1, (0.0253, 5.572)), (10, (4.795, 18.390))])
def test_poisson_intervals_are_garwoods(count, interval):
    assert metrics.poisson_interval(count) == pytest.approx(interval, abs=0.001)


def test_poisson_interval_of_a_large_count_is_nearly_normal():
    low, high = metrics.poisson_interval(40_000)
    assert (low, high) == pytest.approx((40_000 - 1.96 * 200, 40_000 + 1.96 * 200), abs=5)
