"""int16 → int8 codes."""

import numpy as np
import pytest

from edgekws.model import coding

ALL = np.arange(-32_768, 32_768, dtype=np.int16)


def test_linear_is_the_rounded_upper_byte():
    expected = np.clip(np.floor(ALL / 256 + 0.5), -128, 127)
    np.testing.assert_array_equal(coding.encode(ALL, "linear"), expected)


def mu_law_by_hand(sample: int) -> int:
    """The segment code written as a C program would compute it: shifts and compares."""
    magnitude = min(abs(sample), 32_635) + 132
    segment = 0
    while magnitude >> (segment + 8):
        segment += 1
    code = segment * 16 + ((magnitude >> (segment + 3)) & 15)
    return -code if sample < 0 else code


def test_mu_law_is_shifts_and_additions():
    codes = coding.encode(ALL, "mu_law")
    np.testing.assert_array_equal(codes, [mu_law_by_hand(int(s)) for s in ALL])


def test_mu_law_is_odd_monotone_and_uses_all_levels():
    codes = coding.encode(ALL, "mu_law").astype(int)
    assert (np.diff(codes) >= 0).all()
    np.testing.assert_array_equal(codes[1:], -codes[1:][::-1])
    assert set(codes) == set(range(-127, 128))


def test_mu_law_follows_mu_255():
    """Within two steps of the continuous curve, which G.711 approximates by straight segments, rounding down."""
    x = ALL / 32_768
    curve = np.sign(x) * np.log1p(255 * np.abs(x)) / np.log(256) * 127
    assert np.abs(coding.encode(ALL, "mu_law") - curve).max() < 2


def test_wrong_dtype_and_name():
    with pytest.raises(TypeError, match="int16"):
        coding.encode(ALL.astype(np.float32), "linear")
    with pytest.raises(ValueError, match="coding must be one of"):
        coding.table("a_law")


@pytest.mark.parametrize("name", coding.CODINGS)
def test_uncoded_inputs_are_those_that_round_to_the_code(name):
    difference = 128 * coding.uncoded(ALL, name) - coding.encode(ALL, name)
    assert np.abs(difference).max() <= (0.5 if name == "mu_law" else 1.0)
    assert np.abs(difference.mean()) < 0.01
    assert coding.uncoded(np.zeros(1, np.int16), name) == 0
    assert np.all(np.diff(coding.uncoded(ALL, name)) >= 0)


def test_what_the_network_reads_is_the_code_over_128():
    read = coding.network_input(np.array([[-128, 0, 127]], np.int8))
    assert (read.dtype, read.shape) == (np.float32, (1, 1, 3, 1))
    assert read.ravel().tolist() == [-1.0, 0.0, 127 / 128]
