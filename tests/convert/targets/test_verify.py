"""What verify finds in a bundle that was changed, and what it says that it could not compare."""

import json
import os

import pytest

from convert.targets import Request, bundle, engine_sources, verify
from convert.tflite import artifact
from edgekws import cli, files
from edgekws.errors import UserError


def test_verify_names_what_was_touched(pretrained, capsys):
    folder = bundle.make(Request(artifact.load(pretrained)), "c99", pretrained / "out")
    assert cli.main(["verify", str(folder)]) == 0
    assert "kernels: mve on cores with Helium" in capsys.readouterr().out
    (folder / "edgekws_mine.c").write_text("int x;")
    (folder / "main.c").unlink()
    (folder / "mine.c").write_text("")
    (folder / "build" / "deep").mkdir(parents=True)
    for name in ("a.o", "deep/b.o"):  # one line for all that is built
        (folder / "build" / name).write_text("")
    assert cli.main(["verify", str(folder)]) == 1
    told = capsys.readouterr().out
    for problem in ("edgekws_mine.c was changed", "main.c is missing", "mine.c does not belong to this bundle"):
        assert problem in told
    assert [line for line in told.splitlines() if "build" in line] == ["build/ does not belong to this bundle"]
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
    assert "main.c is not what the model gives" in capsys.readouterr().out


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


@pytest.mark.parametrize("odd", [{"kernels": []}, {"kernels": 3}, {"kernels": "fast"}, {"mode": {}}])
def test_kernels_and_mode_that_are_none_are_told(quick, pretrained, odd):
    folder = bundle.make(Request(artifact.load(pretrained)), "c99", pretrained / "out")
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(manifest | odd))
    assert verify.problems(folder)
