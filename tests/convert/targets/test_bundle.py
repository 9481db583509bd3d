"""Bundles: what is in them, where they may be written, and that they are the same twice."""

import dataclasses
import json
import re
import subprocess
import zipfile
from pathlib import Path

import pytest

from convert import targets
from convert.engine import emulation
from convert.targets import Request, boards, bundle, engine_sources, verify
from convert.tflite import artifact
from edgekws import cli, recipe
from edgekws.errors import UserError


def contents(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_bundle_compiles_and_is_the_same_twice(pretrained, capsys):
    assert cli.main(["bundle", str(pretrained), "--target", "c99"]) == 0
    folder = pretrained / "bundles" / "c99"
    first = contents(folder)
    assert cli.main(["bundle", str(pretrained)]) == 0
    assert contents(folder) == first
    assert [path.name for path in folder.parent.iterdir()] == ["c99"]
    subprocess.run("cc -std=c99 -Wall -Wextra -Werror -c *.c", shell=True, cwd=folder, check=True)
    facts = json.loads(first["manifest.json"])
    assert facts["coding"] == "mu_law"
    assert set(facts["sha256"]) == set(first) - {"manifest.json"}
    assert first["model_int8.tflite"] == (pretrained / "model_int8.tflite").read_bytes()
    assert [cost["kernels"] for cost in facts["kernel_sets"]] == list(boards.EVERYWHERE)
    for kernels, cost in facts["measured"].items():
        measured = kernels not in ("neon", "vnni", "avx2") and not emulation.missing_tools()
        for key in engine_sources.UNMEASURED:
            assert (cost[key] is not None) == measured


def test_the_list_says_of_every_target_what_it_runs_on_and_what_checked_it(capsys):
    assert cli.main(["bundle", "--list"]) == 0
    told = capsys.readouterr().out
    for target in targets.targets().values():
        assert target.board
        assert target.checked
        assert f"{target.name}: {target.help}\n    for {target.board}; microphone: {target.microphone}\n" in told
    costs = dict(re.findall(r"^(\S+): .*\n.*\n    (RAM .*);", told, re.MULTILINE))
    assert costs["microbit"] == "RAM 2.3 kB, flash 97.6 kB"
    assert costs["arduino"] == "RAM 2.3 to 7.7 kB, flash 97.6 to 137 kB"
    rows = (Path(__file__).parents[3] / "README.md").read_text().splitlines()
    for target in ("microbit", "mps3-an547", "esp-idf", "pico"):
        (row,) = (row for row in rows if row.startswith("|") and f"`{target}`" in row)
        assert costs[target].split(", ")[0].removeprefix("RAM ").replace(" kB", "&nbsp;kB") in row
    assert costs["android"].startswith("RAM not measured, flash not measured")


def test_the_licence_of_a_bundle_is_that_of_the_repository(quick, pretrained):
    folder = bundle.make(Request(artifact.load(pretrained)), "c99", pretrained / "out")
    assert (folder / "LICENSE").read_bytes() == (Path(__file__).parents[3] / "LICENSE").read_bytes()


def test_the_model_card_travels_with_its_licence(quick, pretrained):
    (pretrained / "model_card.md").write_text("# Müller's model\n", encoding="utf-8")
    folder = bundle.make(Request(artifact.load(pretrained)), "c99", pretrained / "out")
    assert (folder / "model_card.md").read_text(encoding="utf-8") == "# Müller's model\n"
    assert json.loads((folder / "manifest.json").read_text())["licences"]["model"] == "see model_card.md"
    assert verify.problems(folder) == []


def test_a_strange_folder_is_left_alone(pretrained, tmp_path, capsys):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine")
    assert cli.main(["bundle", str(pretrained), "--out", str(tmp_path / "mine")]) == 2
    assert "not a bundle" in capsys.readouterr().err
    assert cli.main(["bundle", str(pretrained), "--target", "c98"]) == 2
    assert "did you mean c99" in capsys.readouterr().err
    assert cli.main(["bundle", str(pretrained), "--target", "atari"]) == 2
    assert "choose one of c99, arduino, platformio," in capsys.readouterr().err
    assert cli.main(["bundle"]) == 2
    assert "which run?" in capsys.readouterr().err
    assert cli.main(["bundle", str(pretrained), "--kernels", "none"]) == 2
    assert (tmp_path / "mine" / "notes.txt").exists()
    assert not list((pretrained / "bundles").glob("*"))


def test_a_run_is_never_replaced_nor_taken_for_a_bundle(pretrained, capsys):
    run_manifest = {"versions": {"edgekws": "0.1.0"}, "sha256": {"labels.txt": "0"}}
    (pretrained / "manifest.json").write_text(json.dumps(run_manifest))
    before = contents(pretrained)
    for out in ("", "x/../"):
        assert cli.main(["bundle", str(pretrained), "--out", str(pretrained / out)]) == 2
        assert "is not a bundle" in capsys.readouterr().err
    assert cli.main(["verify", str(pretrained)]) == 2
    assert contents(pretrained) == before


def test_a_bundle_goes_neither_below_a_file_nor_into_another_bundle(quick, pretrained, capsys):
    folder = bundle.make(Request(artifact.load(pretrained)), "c99", pretrained / "out")
    for place, told in (
        (pretrained / "labels.txt" / "sub", "cannot be written (Not a directory)"),
        (folder, "is a bundle itself"),
    ):
        assert cli.main(["bundle", str(pretrained), "--out", str(place / "c99")]) == 2
        assert told in capsys.readouterr().err
    assert verify.problems(folder) == []


def test_a_strange_zip_is_left_alone(pretrained):
    with zipfile.ZipFile(pretrained / "mine.zip", "w") as archive:
        archive.writestr("extension/manifest.json", "{}")
    before = (pretrained / "mine.zip").read_bytes()
    with pytest.raises(UserError, match="is not a bundle"):
        bundle.make(Request(artifact.load(pretrained)), "arduino", pretrained / "mine")
    assert (pretrained / "mine.zip").read_bytes() == before


def test_a_failed_bundle_leaves_the_earlier_one(quick, pretrained, monkeypatch):
    request = Request(artifact.load(pretrained))
    bundle.make(request, "c99", pretrained / "out")
    before = (pretrained / "out" / "manifest.json").read_bytes()
    monkeypatch.setattr(bundle, "write_json", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        bundle.make(request, "c99", pretrained / "out")
    assert (pretrained / "out" / "manifest.json").read_bytes() == before


def test_a_bundle_keeps_how_far_words_are_lowered_on_a_stream(pretrained):
    (pretrained / "labels.txt").write_text("yes\nno\n_unknown_\n")
    keys = {"name": "mine", "model.coding": "mu_law", "detector.logit_adjustment": 3.5}
    (pretrained / "recipe.toml").write_text(recipe.to_toml(recipe.replace(recipe.Recipe(), keys)))
    made_from = artifact.load(pretrained)
    assert made_from.logit_adjustment == 3.5
    folder = bundle.make(Request(made_from, mode="sliding"), "c99", pretrained / "out")
    assert artifact.load(folder).logit_adjustment == 3.5
    assert verify.problems(folder) == []
    assert (folder / "model_int8.tflite").read_bytes() == made_from.content
    manifest = json.loads((folder / "manifest.json").read_text())
    for wrong in (-1, 1e9, "much", float("nan")):
        (folder / "manifest.json").write_text(json.dumps(manifest | {"logit_adjustment": wrong}))
        with pytest.raises(UserError, match="manifest.json: damaged manifest"):
            artifact.load(folder)


def test_what_the_user_put_into_a_bundle_or_changed_there_is_never_replaced(quick, pretrained, capsys):
    out = pretrained / "out"
    command = ["bundle", str(pretrained), "--out", str(out)]
    assert cli.main(command) == cli.main(command) == 0
    (out / "main.c").write_text("/* my port */\n")
    (out / "sub").mkdir()
    (out / "sub" / "notes.txt").write_text("mine")
    (out / "link").symlink_to("main.c")
    before = contents(out)
    capsys.readouterr()
    assert cli.main(command) == 2
    told = capsys.readouterr().err
    assert all(name in told for name in ("main.c", "sub/", "link", "--force"))
    assert contents(out) == before
    assert cli.main([*command, "--force"]) == 0
    assert contents(pretrained / "out-before-1") == before
    assert "out-before-1" in capsys.readouterr().err
    assert (out / "main.c").read_text() != "/* my port */\n"
    assert cli.main([*command, "--force"]) == 0
    assert sorted(path.name for path in pretrained.glob("*out*")) == ["out", "out-before-1"]


def test_a_zip_that_the_user_changed_is_not_replaced(quick, pretrained):
    request = Request(artifact.load(pretrained))
    made = bundle.make(request, "arduino", pretrained / "mine")
    with zipfile.ZipFile(made, "a") as archive:
        archive.writestr("mine/notes.txt", "mine")
    before = made.read_bytes()
    with pytest.raises(UserError, match=r"notes\.txt"):
        bundle.make(request, "arduino", pretrained / "mine")
    assert made.read_bytes() == before
    assert bundle.set_aside("arduino", pretrained / "mine") == pretrained / "mine-before-1.zip"


def test_the_next_step_of_an_archive_names_files_that_are_there(pretrained, tmp_path, capsys):
    assert cli.main(["bundle", str(pretrained), "--target", "arduino", "--out", str(tmp_path / "here")]) == 0
    archive = tmp_path / "here.zip"
    assert capsys.readouterr().err.splitlines()[-1] == (
        f"next: the README.md in {archive} says how to build it; 'edgekws verify {archive}' checks it"
    )


def test_an_archive_is_a_zip_of_the_same_bytes(quick, pretrained, monkeypatch):
    c99 = targets.find("c99")
    monkeypatch.setitem(targets.targets(), "zipped", dataclasses.replace(c99, name="zipped", archive=True))
    request = Request(artifact.load(pretrained))
    made = bundle.make(request, "zipped", pretrained / "out")
    assert made.name == "out.zip"
    first = made.read_bytes()
    assert bundle.make(request, "zipped", pretrained / "out").read_bytes() == first
    assert {name.split("/")[0] for name in zipfile.ZipFile(made).namelist()} == {"mine"}
    assert verify.problems(made) == []
    made.write_bytes(first[:1000])
    with pytest.raises(UserError, match="neither a bundle"):
        verify.problems(made)
    with pytest.raises(UserError, match="not a bundle"):
        bundle.make(request, "zipped", pretrained / "out")
