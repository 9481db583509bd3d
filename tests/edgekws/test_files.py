import errno
import hashlib
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from edgekws import files
from edgekws.errors import UserError


def _full_disk(*_args):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_cache_folder_is_the_one_asked_for(monkeypatch, tmp_path):
    monkeypatch.setenv("EDGEKWS_CACHE", str(tmp_path / "here"))
    assert files.cache_folder() == tmp_path / "here"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="XDG folders are for Linux")
def test_cache_folder_follows_xdg(monkeypatch, tmp_path):
    monkeypatch.delenv("EDGEKWS_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert files.cache_folder() == tmp_path / "edgekws"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert files.cache_folder() == tmp_path / ".cache" / "edgekws"


def test_a_folder_has_a_name_however_it_is_given(monkeypatch, tmp_path):
    (tmp_path / "mine" / "deep").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "mine")
    for given in (".", "", "deep/..", "../mine", "../mine/", tmp_path / "mine", f"{tmp_path}/mine/."):
        assert files.folder_name(given) == "mine", given
    assert files.folder_name("~/talk") == files.folder_name("talk") == "talk"


def test_sha256_is_that_of_the_bytes(tmp_path):
    content = bytes(range(256)) * 10_000
    (tmp_path / "file").write_bytes(content)
    assert files.sha256(tmp_path / "file") == hashlib.sha256(content).hexdigest()


def test_atomic_write_makes_and_replaces(tmp_path):
    path = tmp_path / "file"
    files.atomic_write(path, "häuser\n")
    assert path.read_bytes() == "häuser\n".encode()
    files.atomic_write(path, b"\0\1")
    assert path.read_bytes() == b"\0\1"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_atomic_write_on_a_full_disk_keeps_the_old_content(monkeypatch, tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    monkeypatch.setattr(os, "fsync", _full_disk)
    with pytest.raises(UserError, match="disk is full") as error:
        files.atomic_write(path, "new")
    assert str(path) in str(error.value)
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
def test_a_truly_full_device_is_a_user_error():
    with pytest.raises(UserError, match="disk is full"), files.writing("x"), open("/dev/full", "wb") as file:
        file.write(b"0" * 100_000)


def test_a_place_that_cannot_be_is_told(tmp_path):
    with pytest.raises(UserError, match="file cannot be written .*; choose another place"):
        files.atomic_write(tmp_path / "nowhere" / "file", "x")
    (tmp_path / "taken").touch()
    with pytest.raises(UserError, match="x cannot be written"), files.atomic_folder(tmp_path / "taken" / "y" / "x"):
        pass


def test_other_errors_are_not_blamed_on_the_place():
    with pytest.raises(TimeoutError), files.writing("x"):
        raise TimeoutError


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
def test_killed_while_writing_leaves_the_old_content(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    program = (
        "import os, signal; from edgekws import files\n"
        "os.fsync = lambda handle: os.kill(os.getpid(), signal.SIGKILL)\n"
        f"files.atomic_write({str(path)!r}, 'new')"
    )
    assert subprocess.run([sys.executable, "-c", program]).returncode == -signal.SIGKILL
    assert path.read_text() == "old"
    files.atomic_write(path, "newer")
    assert path.read_text() == "newer"
    assert [p.name for p in tmp_path.iterdir()] == ["file"], "what the killed process left goes with the next write"


def test_atomic_folder_appears_whole(tmp_path):
    dest = tmp_path / "a" / "dest"
    with files.atomic_folder(dest) as folder:
        assert folder.parent == dest.parent
        (folder / "x").write_text("1")
        assert not dest.exists()
    assert (dest / "x").read_text() == "1"
    assert [p.name for p in dest.parent.iterdir()] == ["dest"]


def test_atomic_folder_leaves_nothing_after_a_failure(tmp_path):
    def fail():
        with files.atomic_folder(tmp_path / "dest") as folder:
            (folder / "x").write_text("1")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_atomic_folder_on_a_full_disk(tmp_path):
    with pytest.raises(UserError, match="disk is full"), files.atomic_folder(tmp_path / "dest"):
        _full_disk()
    assert list(tmp_path.iterdir()) == []


def test_atomic_folder_never_overwrites(tmp_path):
    def be_too_late():
        with files.atomic_folder(tmp_path / "dest"):
            (tmp_path / "dest").mkdir()
            (tmp_path / "dest" / "theirs").touch()

    with pytest.raises(FileExistsError):
        be_too_late()
    assert [p.name for p in tmp_path.iterdir()] == ["dest"]
    assert [p.name for p in (tmp_path / "dest").iterdir()] == ["theirs"]


def test_atomic_folder_removes_only_old_leftovers_of_its_own(tmp_path):
    left = {name: tmp_path / name for name in (".dest.partial-old", ".dest.partial-young", ".other.partial-old")}
    for folder in left.values():
        folder.mkdir()
    for name in (".dest.partial-old", ".other.partial-old"):
        os.utime(left[name], (time.time() - 2 * 24 * 3600,) * 2)
    with files.atomic_folder(tmp_path / "dest"):
        pass
    assert sorted(p.name for p in tmp_path.iterdir()) == [".dest.partial-young", ".other.partial-old", "dest"]


def test_a_shared_path_that_many_write_at_once_holds_what_one_of_them_wrote(tmp_path):
    contents = [bytes([number]) * 300_000 for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda content: files.atomic_write(tmp_path / "file", content, shared=True), contents * 4))
    assert (tmp_path / "file").read_bytes() in contents
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.skipif(sys.platform == "win32", reason="nothing is locked there")
def test_only_one_process_at_a_time_and_nothing_is_left(tmp_path):
    lock = tmp_path / "state" / "lock"
    second = files.only_one(lock, "the training")
    with (
        files.only_one(lock, "the training"),
        pytest.raises(UserError, match="another process is working on the training"),
    ):
        second.__enter__()
    assert not lock.exists()
    with files.only_one(lock, "again"):
        assert lock.exists()
