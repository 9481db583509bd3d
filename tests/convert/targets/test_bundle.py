"""Bundles and profiles from run folders, pretrained folders and bare files."""

import dataclasses
import json
import os
import re
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest
import synthetic_tflite

from convert import targets
from convert.engine import emulation, profile
from convert.targets import Request, Target, boards, bundle, engine_sources, verify
from convert.tflite import artifact
from edgekws import cli, files, recipe
from edgekws.errors import UserError
from edgekws.model.architecture import Architecture, Block, Convolution, MaxPool


@pytest.fixture(scope="module")
def content() -> bytes:
    blocks = (Block((Convolution(8, 40, 10),), MaxPool(3)), Block((Convolution(8, 5),), MaxPool(3)))
    return synthetic_tflite.build(Architecture("small", blocks), 3)


@pytest.fixture
def pretrained(tmp_path, content):
    folder = tmp_path / "pre trained"
    folder.mkdir()
    (folder / "model_int8.tflite").write_bytes(content)
    (folder / "labels.txt").write_text('yes\nno\n"ü\n', encoding="utf-8")
    changed = recipe.replace(recipe.Recipe(), {"name": "mine", "model.coding": "mu_law"})
    (folder / "recipe.toml").write_text(recipe.to_toml(changed), encoding="utf-8")
    return folder


@pytest.fixture
def quick(monkeypatch):
    """Targets that write two small files in place of the engine: what is tested here is the same for every target."""

    def write(request, folder):
        (folder / "main.c").write_text(f"/* {request.artifact.labels} {request.kernels} */\n", encoding="utf-8")
        (folder / "image.bin").write_bytes(b"built")
        return {"state_bytes": 1000, "flash_bytes": 2000}

    of_tools = frozenset(("flash_bytes", "image.bin"))
    for name in ("c99", "arduino"):
        quick = Target(name, "", write, archive=name == "arduino", of_tools=of_tools)
        monkeypatch.setitem(targets.targets(), name, quick)


def contents(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_folder_says_words_and_coding(pretrained):
    loaded = artifact.load(pretrained)
    assert (loaded.name, loaded.labels, loaded.coding) == ("mine", ("yes", "no", '"ü'), "mu_law")
    of_file = artifact.load(pretrained / "model_int8.tflite")
    assert (of_file.name, of_file.labels, of_file.coding) == (loaded.name, loaded.labels, loaded.coding)


def test_a_bare_file_has_the_words_beside_it_or_numbers(pretrained, tmp_path):
    bare = tmp_path / "bare" / "other.tflite"
    bare.parent.mkdir()
    shutil.copy(pretrained / "model_int8.tflite", bare)
    assert artifact.load(bare).labels == ("class_0", "class_1", "class_2")
    shutil.copy(pretrained / "labels.txt", bare.parent)
    loaded = artifact.load(bare)
    assert (loaded.name, loaded.labels, loaded.coding) == ("other", ("yes", "no", '"ü'), "linear")


def test_what_is_missing_or_does_not_fit_is_named(pretrained, tmp_path):
    (pretrained / "labels.txt").write_text("yes\nno\n")
    with pytest.raises(UserError, match="2 words, but the model has 3 classes"):
        artifact.load(pretrained)
    (pretrained / "labels.txt").unlink()
    with pytest.raises(UserError, match=r"labels\.txt is missing"):
        artifact.load(pretrained)
    with pytest.raises(UserError, match="no such run folder"):
        artifact.load(tmp_path / "none")


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
    assert costs["microbit"] == "RAM 2.4 kB, flash 97.5 kB"  # as the README has it
    assert costs["arduino"] == "RAM 2.4 to 7.3 kB, flash 97.5 to 139 kB"
    assert costs["android"].startswith("RAM not measured, flash not measured")


def test_the_licence_of_a_bundle_is_that_of_the_repository(pretrained):
    folder = bundle.make(Request(artifact.load(pretrained)), "c99", pretrained / "out")
    assert (folder / "LICENSE").read_bytes() == (Path(__file__).parents[3] / "LICENSE").read_bytes()


def test_the_model_card_travels_with_its_licence(pretrained):
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


def test_a_bundle_goes_neither_below_a_file_nor_into_another_bundle(pretrained, capsys):
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


def test_a_failed_bundle_leaves_the_earlier_one(pretrained, monkeypatch):
    request = Request(artifact.load(pretrained))
    bundle.make(request, "c99", pretrained / "out")
    before = (pretrained / "out" / "manifest.json").read_bytes()
    monkeypatch.setattr(bundle, "write_json", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        bundle.make(request, "c99", pretrained / "out")
    assert (pretrained / "out" / "manifest.json").read_bytes() == before


def test_verify_names_what_was_touched(pretrained, capsys):
    folder = bundle.make(Request(artifact.load(pretrained)), "c99", pretrained / "out")
    assert cli.main(["verify", str(folder)]) == 0
    assert "kernels: mve on cores with Helium" in capsys.readouterr().out
    (folder / "edgekws_mine.c").write_text("int x;")
    (folder / "main.c").unlink()
    (folder / "mine.c").write_text("")
    assert cli.main(["verify", str(folder)]) == 1
    told = capsys.readouterr().out
    for problem in ("edgekws_mine.c was changed", "main.c is missing", "mine.c does not belong to this bundle"):
        assert problem in told
    (folder / "manifest.json").write_text("{}")
    assert cli.main(["verify", str(folder)]) == 2
    assert "damaged" in capsys.readouterr().err


def test_verify_makes_the_sources_again_from_the_model(pretrained):
    folder = bundle.make(Request(artifact.load(pretrained)), "c99", pretrained / "out")
    source = folder / "edgekws_mine_model_portable.c"
    source.write_text(source.read_text().replace("{", "{ ", 1))
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["sha256"]["edgekws_mine_model_portable.c"] = bundle.sha256(source)
    (folder / "manifest.json").write_text(json.dumps(manifest))
    assert verify.problems(folder) == ["edgekws_mine_model_portable.c is not what the model gives"]


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
    assert all(name in told for name in ("main.c", "sub/notes.txt", "link", "--force"))
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


def tampered(folder, source, **changes):
    """Change a source of the bundle, and its manifest so that it says so, with these other changes."""
    (folder / source).write_text((folder / source).read_text() + "/* evil */\n")
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["sha256"][source] = files.sha256(folder / source)
    (folder / "manifest.json").write_text(json.dumps(manifest | changes))


@pytest.mark.parametrize(
    "excuse",
    [
        {"versions": {"edgekws": "0.0.9"}},
        {"image_built": True, "files_of_compiler": ["main.c"]},
        {"of_tools": ["main.c"], "stack_bytes": 1},
        {"kernels": "portable "},
        {"target": "arduino"},
        {"model": "other"},
    ],
)
def test_no_manifest_talks_verify_out_of_comparing(quick, pretrained, capsys, excuse):
    folder = bundle.make(Request(artifact.load(pretrained)), "c99", pretrained / "out")
    tampered(folder, "main.c", **excuse)
    assert cli.main(["verify", str(folder)]) == 1
    told = capsys.readouterr().out
    assert "main.c" in told or "not compared" in told


def test_where_the_emulator_is_missing_verify_says_what_it_did_not_compare(pretrained, monkeypatch, capsys):
    """Exit status 3 tells it from a bundle that is whole, 0, and from one that was changed, 1."""
    measured = dict.fromkeys(engine_sources.UNMEASURED, 1) | {"memory_measured": "elsewhere"}
    with monkeypatch.context() as patch:
        patch.setattr(engine_sources, "_memory", lambda *_: measured)
        engine_sources._generated.cache_clear()
        folder = bundle.make(Request(artifact.load(pretrained)), "c99", pretrained / "out")
    engine_sources._generated.cache_clear()
    assert cli.main(["verify", str(folder)]) == 3
    told = capsys.readouterr()
    assert [line.split(" was not compared")[0] for line in told.out.splitlines()] == [
        "README.md",
        "manifest.json: measured",
    ]
    assert told.err.splitlines()[-1].startswith("next: all else is as it was made")
    (folder / "main.c").write_text("changed")
    assert cli.main(["verify", str(folder)]) == 1


def test_the_next_step_of_an_archive_names_files_that_are_there(pretrained, tmp_path, capsys):
    assert cli.main(["bundle", str(pretrained), "--target", "arduino", "--out", str(tmp_path / "here")]) == 0
    archive = tmp_path / "here.zip"
    assert capsys.readouterr().err.splitlines()[-1] == (
        f"next: the README.md in {archive} says how to build it; 'edgekws verify {archive}' checks it"
    )


@pytest.mark.parametrize(
    ("key", "value"),
    [("versions", {"edgekws": "0.0.9"}), ("flash_bytes", 1), ("licences", {}), ("state_bytes", 0), ("new", 1)],
)
def test_what_was_not_compared_or_differs_in_the_manifest_is_told(quick, pretrained, key, value):
    folder = bundle.make(Request(artifact.load(pretrained)), "c99", pretrained / "out")
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(manifest | {key: value}))
    (problem,) = verify.problems(folder)
    assert key in problem or "0.0.9" in problem


def test_a_file_more_is_told_though_the_manifest_names_it(quick, pretrained):
    folder = bundle.make(Request(artifact.load(pretrained)), "c99", pretrained / "out")
    (folder / "extra.c").write_text("int extra;\n")
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["sha256"]["extra.c"] = files.sha256(folder / "extra.c")
    (folder / "manifest.json").write_text(json.dumps(manifest))
    assert verify.problems(folder) == ["extra.c is not what the model gives"]


def test_line_ends_that_git_changed_are_named_and_git_is_told_to_leave_them(quick, pretrained):
    folder = bundle.make(Request(artifact.load(pretrained)), "c99", pretrained / "out")
    assert (folder / ".gitattributes").read_text() == "* -text\n"
    (folder / "main.c").write_bytes((folder / "main.c").read_bytes().replace(b"\n", b"\r\n"))
    (problem,) = verify.problems(folder)
    assert "main.c has the line ends of Windows: git" in problem


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes in folders here")
def test_verify_opens_only_plain_files_inside_and_prints_no_escapes(quick, pretrained, capsys):
    folder = bundle.make(Request(artifact.load(pretrained)), "c99", pretrained / "out")
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "main.c").unlink()
    os.mkfifo(folder / "main.c")
    (folder / "zero.h").symlink_to("/dev/zero")
    manifest["sha256"] |= {"../labels.txt": "0", "/dev/zero": "0", "a\x1b[31m": "0", "zero.h": "0"}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    assert cli.main(["verify", str(folder)]) == 1
    told = capsys.readouterr().out
    assert "\x1b" not in told
    assert all(name in told for name in ("../labels.txt is missing", "/dev/zero is missing", "main.c", "a\\x1b[31m"))


@pytest.mark.parametrize("text", ["[]", "3", "{", "[" * 100_000, "{}", '{"target": {}, "sha256": []}', '"\\ud800"'])
def test_a_manifest_that_is_none_is_one_line(quick, pretrained, capsys, text):
    folder = pretrained / "out"
    folder.mkdir()
    (folder / "manifest.json").write_text(text)
    assert cli.main(["verify", str(folder)]) == cli.main(["bundle", str(pretrained), "--out", str(folder)]) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 2


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("labels", 3),
        ("labels", "yn?"),
        ("labels", ["yes", "no"]),
        ("labels", ["yes", "no", 3]),
        ("labels", ["yes", "no", "no"]),
        ("model", ["mine"]),
        ("coding", None),
        ("coding", "a_law"),
        ("level_control", "no"),
        ("detector", {"results": -1}),
        ("detector", []),
        ("logit_adjustment", []),
    ],
)
def test_a_manifest_that_cannot_be_right_is_refused_and_verify_tells_of_it(quick, pretrained, key, value):
    folder = bundle.make(Request(artifact.load(pretrained)), "c99", pretrained / "out")
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(manifest | {key: value}))
    (problem,) = verify.problems(folder)
    assert problem.startswith("manifest.json was changed (")
    with pytest.raises(UserError):
        artifact.load(folder)


def test_the_model_of_a_bundle_is_that_it_was_made_from(quick, pretrained):
    (pretrained / "model_card.md").write_text("# mine\n")
    keys = {"name": "mine", "model.coding": "mu_law", "model.level_control": True}
    (pretrained / "recipe.toml").write_text(recipe.to_toml(recipe.replace(recipe.Recipe(), keys)))
    of_run = artifact.load(pretrained)
    of_bundle = artifact.load(bundle.make(Request(of_run), "c99", pretrained / "out"))
    for name in ("name", "labels", "coding", "content", "card", "level_control", "detector", "gate"):
        assert getattr(of_bundle, name) == getattr(of_run, name), name


@pytest.mark.parametrize("odd", [{"kernels": []}, {"kernels": 3}, {"kernels": "fast"}, {"mode": {}}])
def test_kernels_and_mode_that_are_none_are_told(quick, pretrained, odd):
    folder = bundle.make(Request(artifact.load(pretrained)), "c99", pretrained / "out")
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(manifest | odd))
    assert verify.problems(folder)


def test_an_archive_is_a_zip_of_the_same_bytes(pretrained, monkeypatch):
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


def test_profile_without_tools_says_how_to_get_them(pretrained, monkeypatch, capsys):
    monkeypatch.setattr(emulation, "missing_tools", lambda: "not found: qemu-system-arm; apt install qemu-system-arm")
    assert cli.main(["profile", str(pretrained), "--target", "cortex-m0", "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert {build["target"] for build in figures["builds"]} == {"cortex-m0"}
    for build in figures["builds"]:
        assert build["instructions"] is None
        assert build["state_bytes"] > 0
        assert "apt install" in build["note"]
    with pytest.raises(UserError, match="no target is called cortex-m9"):
        profile.profile(artifact.load(pretrained), targets=("cortex-m9",))


@pytest.mark.skipif(bool(emulation.missing_tools()), reason=emulation.missing_tools() or "all there")
def test_profile_counts_in_all_and_by_layer(pretrained):
    figures = profile.profile(artifact.load(pretrained), targets=("cortex-m0",))
    assert figures["multiply_accumulates"] == sum(layer["multiply_accumulates"] for layer in figures["layers"])
    for build in figures["builds"]:
        shared = 0.5 if build["mode"] == "sliding" else 1  # a hop is a part of a window
        assert build["instructions"] > shared * figures["multiply_accumulates"]
        by_layer = sum(row["instructions"] for row in build["layers"])
        assert 1 <= by_layer / build["instructions"] < 1.01  # counting by layer takes calls of its own
        assert sum(row["flash_bytes"] for row in build["layers"]) < build["flash_bytes"]
    assert "layer by layer" in profile.text(figures)
