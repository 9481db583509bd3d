"""Which files are opened, and what damage ends in."""

import os
import sys
import zipfile

import numpy as np
import pytest

from convert import pipeline
from convert.engine import codegen
from convert.targets import engine_sources
from edgekws import cli, errors, files, workspace
from edgekws.corpus import sources
from edgekws.errors import UserError
from edgekws.guard import archives, untrusted
from edgekws.recipe import Recipe

needs_pipes = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes in folders here")


@pytest.fixture
def odd(tmp_path):
    """Things that are no plain files, by what errors call them."""
    made = {"a folder": tmp_path / "folder", "a pipe": tmp_path / "pipe"}
    made["a folder"].mkdir()
    os.mkfifo(made["a pipe"])
    return made | {"a device": "/dev/zero"}


@needs_pipes
def test_only_plain_files_are_opened_and_what_else_it_is_is_said(odd):
    for kind, path in odd.items():
        for read in (untrusted.content, untrusted.json_object, files.sha256):
            with pytest.raises(UserError, match=f"it is {kind}"):
                read(path)


def test_a_file_that_is_too_large_missing_or_a_link_to_itself_is_refused(tmp_path):
    (tmp_path / "a").write_bytes(bytes(101))
    assert len(untrusted.content(tmp_path / "a", 101)) == 101
    with pytest.raises(UserError, match="too large"):
        untrusted.content(tmp_path / "a", 100)
    (tmp_path / "self").symlink_to("self")
    for name in ("self", "gone", "zero\0"):
        with pytest.raises(UserError, match="cannot be read"):
            untrusted.content(tmp_path / name)


@needs_pipes
def test_a_manifest_names_files_inside_its_folder_only(tmp_path, odd):
    folder = tmp_path / "run"
    (folder / "sub").mkdir(parents=True)
    (folder / "sub" / "a").write_text("a")
    (tmp_path / "outside").write_text("secret")
    (folder / "link").symlink_to("../outside")
    (folder / "linked").symlink_to(tmp_path)
    os.mkfifo(folder / "pipe")
    with open(folder / "huge", "wb") as file:
        file.truncate(untrusted.FILE_BYTES + 1)
    assert untrusted.inside(folder, "sub/a") == folder / "sub" / "a"
    refused = [
        "",
        "../outside",
        "/dev/zero",
        "link",
        "linked/outside",
        "pipe",
        "huge",
        "sub",
        "gone",
        "a\0",
        "..\\a",
        3,
    ]
    assert [name for name in refused if untrusted.inside(folder, name)] == []
    named = ["sub/a", "/dev/zero", "pipe", "../outside"]
    workspace.write_json(folder / "manifest.json", {"sha256": dict.fromkeys(named, "0")})
    assert workspace.damaged_files(workspace.Run(folder, Recipe())) == named


@pytest.mark.parametrize("text", ["[1]", "3", "", "[" * 100_000, '{"a": "\\ud800"}', "{" * 9, "1" * 5000, "\xff"])
def test_json_that_is_no_object_or_damaged_is_one_line(tmp_path, text):
    (tmp_path / "a.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(UserError, match=r"a\.json: damaged JSON .*; make it again"):
        untrusted.json_object(tmp_path / "a.json")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"yes\nno\n", "2 words, but the model has 3 classes"),
        (b"yes\nno\nm\xfcller\n", "not UTF-8"),
        (b"yes\nno\nno\n", "comes twice"),
        (b"yes\nno\na\x1b[31mb\n", "cannot be a word"),
        (b"yes\nno\n \n", "cannot be a word"),
    ],
)
def test_labels_are_as_many_different_printable_words_as_classes(tmp_path, content, told):
    (tmp_path / "labels.txt").write_bytes(content)
    with pytest.raises(UserError, match=told) as error:
        untrusted.labels(tmp_path / "labels.txt", 3)
    assert str(error.value).isprintable()


def test_labels_may_end_with_or_without_a_line_and_as_on_windows(tmp_path):
    for content in ("yes\nü\n", "yes\nü", "\ufeffyes\r\nü\r\n"):
        (tmp_path / "labels.txt").write_bytes(content.encode())
        assert untrusted.labels(tmp_path / "labels.txt", 2) == ("yes", "ü")


def test_errors_show_no_control_characters_and_are_never_endless():
    assert str(UserError("a\x1b[31m\nb\u202e\udcff ü")) == "a\\x1b[31m\\nb\\u202e\\udcff ü"
    assert errors.plain("Müller/日本 \N{ZERO WIDTH JOINER}") == "Müller/日本 \N{ZERO WIDTH JOINER}"
    assert len(str(UserError("x" * 100_000))) < 2100


def test_arrays_are_those_that_were_saved(tmp_path):
    made = {"a": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.array(7), "c": np.asfortranarray(np.eye(3, 2))}
    workspace.save_arrays(tmp_path / "a.npz", made)
    found = archives.arrays(tmp_path / "a.npz", "remove it")
    assert all(np.array_equal(found[name], made[name]) and found[name].dtype == made[name].dtype for name in made)


def test_archives_that_are_bombs_encrypted_or_leave_their_folder_are_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("large", bytes(3 << 20))
    with pytest.raises(UserError, match="damaged zip.*2 MB unpacked"):
        archives.members(tmp_path / "a.zip", "zip", "no", 2 << 20)
    secret = bytearray((tmp_path / "a.zip").read_bytes())
    for mark, place in ((b"PK\1\2", 8), (b"PK\3\4", 6)):
        secret[secret.index(mark) + place] |= 1
    (tmp_path / "b.zip").write_bytes(secret)
    with pytest.raises(UserError, match="encrypted"):
        archives.members(tmp_path / "b.zip", "zip", "no")
    for name in ("../a", "/a", "a/../../b", "C:a", "a\\b", "", "x" * 300):
        with pytest.raises(UserError, match="forbidden name"):
            archives.placed({name: b""}, tmp_path, "a.zip", "no")
    with pytest.raises(UserError, match="lies below a file"):
        archives.placed({"a": b"", "a/b": b""}, tmp_path, "a.zip", "no")


@needs_pipes
@pytest.mark.parametrize("command", ["classify x.wav --model", "verify", "profile", "bundle", "run", "check", "flash"])
def test_a_pipe_in_place_of_a_model_or_a_recipe_is_never_waited_for(tmp_path, capsys, command):
    os.mkfifo(tmp_path / "pipe")
    assert cli.main([*command.split(), str(tmp_path / "pipe")]) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="nothing can be written into /proc")
def test_a_folder_that_cannot_be_written_is_told_before_the_work():
    with pytest.raises(UserError, match="/proc/self"):
        files.check_writable(files.Path("/proc/self"))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="nothing can be written into /proc")
def test_no_recordings_are_read_for_a_run_whose_folder_cannot_be_written(monkeypatch):
    made = workspace.Run(files.Path("/proc/self/runs/made"), Recipe())
    monkeypatch.setattr(sources, "of_recipe", lambda *_, **__: pytest.fail("the recordings were read"))
    with pytest.raises(UserError, match="/proc/self"):
        pipeline.load_corpus(made)


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="rights of POSIX")
def test_a_full_or_closed_temporary_folder_is_named_and_not_the_place_of_the_results(tmp_path, monkeypatch):
    monkeypatch.setattr(files.tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    told = pytest.raises(UserError, match=r"temporary folder .*temporary .*No space.*TMPDIR")
    with told, files.writing("out"), files.scratch():
        raise OSError(28, "No space left on device")


@pytest.mark.parametrize("command", ["bundle nano --target c99", "bundle nano --target microbit", "profile nano"])
def test_a_command_that_fills_the_temporary_folder_says_so(tmp_path, monkeypatch, capsys, command):
    temporary = tmp_path / "temporary"
    temporary.mkdir()

    def full(graph, labels, folder, **_):
        assert files.Path(folder).is_relative_to(temporary)
        raise OSError(28, "No space left on device", "kernels.c", None, str(folder))  # as of shutil.copyfile

    monkeypatch.setattr(files.tempfile, "tempdir", str(temporary))
    monkeypatch.setattr(codegen, "generate", full)
    engine_sources._generated.cache_clear()
    assert cli.main([*command.split(), *(["--out", str(tmp_path / "out")] if "bundle" in command else [])]) == 2
    told = capsys.readouterr().err.strip().splitlines()
    assert len(told) == 1
    assert f"the temporary folder {temporary} cannot be written (No space left on device)" in told[0]
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "content",
    ["a,b\n1\n", "a,b\n1,2,3\n", "b,a\n1,2\n", "a\n1\n", 'a,b\n1,2\n"' + "x" * 200_000],
    ids=["short", "long", "other order", "one column", "a field without end"],
)
def test_a_damaged_table_is_told_in_one_line(tmp_path, content):
    (tmp_path / "t.csv").write_text(content)
    with pytest.raises(UserError, match=r"t.csv: damaged table \(.*\); make it again$"):
        untrusted.table(tmp_path / "t.csv", ("a", "b"), "make it again")


@pytest.mark.skipif(sys.platform == "win32", reason="nothing is locked there")
def test_a_folder_that_is_being_filled_is_kept_however_old_and_one_left_behind_goes(tmp_path):
    with files.atomic_folder(tmp_path / "dest") as folder:
        os.utime(folder, (1, 1))
        files._remove_stale(tmp_path / "dest")
        assert folder.exists()
    left = tmp_path / ".dest.partial-0"
    left.mkdir()
    os.utime(left, (1, 1))
    files._remove_stale(tmp_path / "dest")
    assert not left.exists()
