"""What RUN stands for in every command."""

import pytest

from edgekws import cli, recipe, zoo
from edgekws.errors import UserError
from edgekws.recipe import Recipe


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made = recipe.replace(Recipe(), {"data.source": "my recordings"})
    for name in ("mine", "nano"):
        (tmp_path / "runs" / name).mkdir(parents=True)
        (tmp_path / "runs" / name / "recipe.toml").write_text(recipe.to_toml(made))
    return tmp_path


def test_a_path_then_a_run_then_a_model_that_ships(here):
    assert zoo.place("mine") == zoo.place("runs/mine") == zoo.RUNS / "mine"
    assert zoo.place(here / "runs" / "mine") == here / "runs" / "mine"
    assert zoo.place("nano") == zoo.RUNS / "nano"
    assert zoo.place("small") == zoo.folders()["small"]
    (here / "small").mkdir()
    assert zoo.place("small") == zoo.folders()["small"], "a folder that is no run is not meant"
    (here / "x.tflite").write_bytes(b"1")
    assert str(zoo.place("x.tflite")) == "x.tflite"


def test_what_is_nowhere_says_where_was_looked(here):
    with pytest.raises(UserError, match=r"min: no such run folder.*looked for min, runs/min and.*did you mean mine\?"):
        zoo.place("min")
    (here / "notes").mkdir()
    with pytest.raises(UserError, match=r"notes is not a run folder: it has no recipe\.toml"):
        zoo.place("notes")


@pytest.mark.parametrize(
    "argv",
    [
        ["check"], ["tune"], ["bundle"], ["profile"], ["classify", "a.wav", "--model"], ["listen", "a.wav", "--model"],
        ["publish", "--source", "x", "--", ],
    ],
)  # fmt: skip
def test_every_command_looks_in_the_same_places(argv, here, capsys):
    tail = ["out"] if argv[0] == "publish" else []
    assert cli.main([*argv, "nowhere", *tail]) == 2
    assert (
        "nowhere: no such run folder, .tflite file or shipped model; looked for nowhere, runs/nowhere"
        in capsys.readouterr().err
    )
    assert cli.main([*argv, "mine", *tail]) == 2
    assert "no such run" not in capsys.readouterr().err


def test_a_run_is_taken_by_its_name_where_a_recipe_is_asked_for_too(here, capsys):
    assert cli.main(["quantize", "mine", "--data", "nowhere"]) == 2
    assert "there is no folder nowhere" in capsys.readouterr().err


def test_models_lists_those_that_ship_first_and_shows_their_architecture(capsys):
    assert cli.main(["models"]) == 0
    text = capsys.readouterr().out
    assert text.index("small-listen") < text.index("edgekws's own") < text.index("the 2019 report, only-conv")
    assert cli.main(["models", "small-listen"]) == 0
    text = capsys.readouterr().out
    assert "small-listen is a model that ships, of architecture small" in text
    assert "conv_0_0" in text
