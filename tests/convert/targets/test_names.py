"""Names of a model's C: its identifier is in all of them, and two models share none."""

import re
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from convert.targets import names

ASSETS = Path(__file__).parents[3] / "firmware_assets"
FILES = (path for folder in ("engine", "templates") for path in (ASSETS / folder).rglob("*") if path.is_file())
SOURCES = [path for path in FILES if path.suffix != ".md"]  # prose, which is in no bundle, names models too
NAME = r"(?<![A-Za-z0-9])(?:edgekws|EDGEKWS)_\w+"
OWN = sorted({name for path in SOURCES for name in re.findall(NAME, path.read_text(encoding="utf-8"))})
WORDS = sorted({word.lower() for name in OWN for word in name.split("_")[1:] if word})


@pytest.mark.parametrize(
    ("name", "expected"), [("custom-32/8", "custom_32_8"), ("Ü b", "b"), ("2 go", "m_2_go"), ("…", "model")]
)
def test_identifiers(name, expected):
    assert names.identifier(name) == expected
    assert names.prefix(name) == f"edgekws_{expected}"


@given(st.text(max_size=20))
def test_any_name_makes_a_prefix_of_c(name):
    assert re.fullmatch(r"edgekws_[a-z][a-z0-9_]*", names.prefix(name))
    assert "__" not in names.prefix(name)  # C++ keeps such names for itself


@given(*(st.lists(st.sampled_from([*WORDS, "x", "small"]), min_size=1, max_size=4).map("-".join) for _ in range(2)))
def test_two_models_share_no_name_of_file_symbol_or_macro(first, second):
    assume(names.identifier(first) != names.identifier(second))
    one, other = ({names.renamed(name, names.prefix(model)) for name in OWN} for model in (first, second))
    assert not one & other


def test_every_word_with_which_one_name_could_be_anothers_is_known():
    """``dense_mve`` of the model a would be ``mve`` of the model "a dense"."""
    own = {name.lower().removeprefix("edgekws_") for name in OWN}
    splits = ((name[: i.start()], name[i.end() :]) for name in own for i in re.finditer("_", name))
    ends = {first.rpartition("_")[2] for first, rest in splits if rest in own}
    assert ends - names.OWN_WORDS == set()


def test_a_model_named_like_a_part_of_another():
    """``kws_detector_push`` could be of the model kws, or of kws-detector."""
    assert names.prefix("kws-detector") == "edgekws_kws_detector_kws"


def test_code_is_renamed_and_prose_is_not():
    code = '#include "edgekws.h" // edgekws_model.c, kernels_dsp.c; CONFIG_EDGEKWS_X, edgekws_reset'
    expected = '#include "edgekws_a.h" // edgekws_a_model.c, edgekws_a_kernels_dsp.c; CONFIG_EDGEKWS_A_X, '
    assert names.renamed(code, "edgekws_a") == expected + "edgekws_a_reset"
    for prose in ("edgekws verify", "edgekws/detector.py", "edgekws: a keyword spotter", "myedgekws_x", "<edgekws>"):
        assert names.renamed(prose, "edgekws_a") == prose


def test_words_that_look_like_names_stay(tmp_path):
    text = 'const char *const edgekws_labels[] = {"edgekws_reset", "a \\" edgekws.h", "EDGEKWS_X"}; /* edgekws_x */\n'
    (tmp_path / "edgekws_model.c").write_text(text)
    names.rename_files(tmp_path, "edgekws_a")
    (made,) = tmp_path.iterdir()
    assert made.name == "edgekws_a_model.c"
    assert made.read_text() == text.replace("edgekws_labels", "edgekws_a_labels").replace("edgekws_x", "edgekws_a_x")


def test_a_model_named_like_a_file_of_the_engine(tmp_path):
    """edgekws.c takes the name that edgekws_window.c had."""
    for name in ("edgekws.c", "edgekws_window.c"):
        (tmp_path / name).write_text(f"/* {name[:-2]}_x */\n")
    names.rename_files(tmp_path, names.prefix("window"))
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {
        "edgekws_window.c": "/* edgekws_window_x */\n",
        "edgekws_window_window.c": "/* edgekws_window_window_x */\n",
    }
