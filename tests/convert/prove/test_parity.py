import numpy as np
import pytest

from convert.prove import parity
from edgekws.errors import UserError
from edgekws.recipe import Parity

CLIPS, CLASSES = 1000, 4
LABELS = np.arange(CLIPS) % CLASSES
DEFAULTS = Parity()


def scores(*wrong: int) -> np.ndarray:
    """Probabilities (CLIPS, CLASSES) whose top word is right but in these clips."""
    heard = LABELS.copy()
    heard[list(wrong)] = (heard[list(wrong)] + 1) % CLASSES
    return np.full((CLIPS, CLASSES), 0.1, np.float32) + 0.6 * np.eye(CLASSES, dtype=np.float32)[heard]


def climb(limits: Parity = DEFAULTS, **changed: np.ndarray) -> parity.Ladder:
    return parity.climb({name: scores() for name in parity.RUNGS} | changed, LABELS, limits)


def broken(ladder: parity.Ladder) -> list[tuple[str, str]]:
    return [(bound.rung, bound.text.split(",")[0]) for bound in ladder.bounds if not bound.holds]


def test_equal_forms_hold():
    ladder = climb()
    assert ladder.holds
    assert [rung.name for rung in ladder.rungs] == ["float", "fake_quant", "int8", "xnnpack"]
    assert ladder.rungs[0].agreement is None
    assert all(rung.agreement.value == 1 and rung.largest_difference == 0 for rung in ladder.rungs[1:])
    assert "BROKEN" not in "\n".join(parity.lines(ladder))


def test_accuracy_may_drop_by_the_limit_and_no_clip_more():
    at_limit, beyond = scores(*range(5)), scores(*range(6))
    assert climb(fake_quant=at_limit, int8=at_limit, xnnpack=at_limit).holds
    ladder = climb(fake_quant=beyond, int8=beyond, xnnpack=beyond)
    assert broken(ladder) == [("int8", "points of accuracy int8 is under float")]
    assert ladder.bounds[0].measured == pytest.approx(0.6)
    assert not ladder.holds


def test_int8_better_than_float_holds():
    ladder = climb(float=scores(*range(50)))
    assert ladder.holds
    assert ladder.int8_minus_float.value == 0.05


def test_int8_must_hear_what_fake_quant_hears():
    # int8 errs on five clips, within its bound of accuracy; fake-quant on others, so that ten or eleven differ
    quantized = {name: scores(*range(10, 15)) for name in ("int8", "xnnpack")}
    assert climb(fake_quant=scores(*range(5)), **quantized).holds
    ladder = climb(fake_quant=scores(*range(6)), **quantized)
    assert broken(ladder) == [("int8", "top words equal")]
    assert ladder.bounds[1].measured == pytest.approx(0.989)


def test_xnnpack_must_hear_what_the_reference_kernels_hear():
    assert climb(xnnpack=scores(*range(10))).holds
    ladder = climb(xnnpack=scores(*range(11)))
    assert broken(ladder) == [("xnnpack", "top words equal")]


def test_each_broken_rung_is_named_in_the_lines():
    text = parity.lines(climb(xnnpack=scores(*range(11))))
    assert [line for line in text if "BROKEN" in line] == [
        "bound: top words equal, reference kernels and XNNPACK: 0.9890 (limit 0.99) BROKEN at rung 'xnnpack'"
    ]


def test_of_few_clips_one_may_differ_and_none_where_the_recipe_says_so():
    def few(limits=DEFAULTS, **wrong):
        rungs = {name: scores(*wrong.get(name, ()))[:47] for name in parity.RUNGS}
        return broken(parity.climb(rungs, LABELS[:47], limits))

    one = {"int8": [0], "xnnpack": [1]}
    assert few(int8=[0]) == []
    assert few(xnnpack=[0]) == []
    assert few(int8=[0, 1], xnnpack=[0, 1], fake_quant=[0, 1]) == [("int8", "points of accuracy int8 is under float")]
    assert few(**one) == [("xnnpack", "top words equal")]  # which differ on two
    assert few(Parity(accuracy_drop_points=0.0), int8=[0], xnnpack=[0])[0][1].startswith("points of accuracy")
    assert few(Parity(xnnpack_agreement=1.0), xnnpack=[0]) == [("xnnpack", "top words equal")]
    shares = ((0.01, 99), (0.01, 100), (0.01, 1000), (1 - 0.99, 200), (0.0, 9))
    assert [parity.clips_let_pass(*given) for given in shares] == [1, 1, 10, 2, 0]


def test_limits_are_the_recipes():
    worse = {name: scores(*range(20)) for name in ("fake_quant", "int8", "xnnpack")}
    assert not climb(**worse).holds
    assert climb(Parity(accuracy_drop_points=2.0), **worse).holds
    assert not climb(Parity(xnnpack_agreement=1.0), xnnpack=scores(0)).holds
    assert not climb(Parity(fake_quant_agreement=1.0), fake_quant=scores(0)).holds


def test_largest_difference_is_against_the_rung_above():
    shifted = scores()
    shifted[7, 2] += 0.25
    ladder = climb(fake_quant=shifted)
    assert [rung.largest_difference for rung in ladder.rungs[1:]] == pytest.approx([0.25, 0.25, 0.0])


def test_paired_difference_counts_clips_not_totals():
    ladder = climb(float=scores(0, 1), int8=scores(2, 3, 4))
    assert (ladder.int8_minus_float.only_a, ladder.int8_minus_float.only_b) == (2, 3)


def test_int8_scores_become_probabilities_exactly():
    codes = np.array([[-128, 0, 127]], np.int8)
    assert parity.probabilities(codes).tolist() == [[0.0, 0.5, 255 / 256]]
    assert parity.probabilities(codes).dtype == np.float32


def test_scores_that_are_no_numbers_are_refused():
    scores = {name: np.full((4, 2), 0.5, np.float32) for name in parity.RUNGS}
    scores["fake_quant"][2, 1] = np.nan
    with pytest.raises(UserError, match="fake-quant Keras are not all numbers"):
        parity.climb(scores, np.zeros(4, np.int64), Parity())


def test_the_phone_file_must_give_the_scores_of_xnnpack():
    rungs = {name: scores() for name in parity.RUNGS}
    assert parity.climb(rungs, LABELS, DEFAULTS, phone=scores()).holds
    other = scores()
    other[0, 0] += 1 / 256
    ladder = parity.climb(rungs, LABELS, DEFAULTS, phone=other)
    assert broken(ladder) == [("phone", "clips with equal scores")]
    assert ladder.bounds[-1].measured == pytest.approx(0.999)
