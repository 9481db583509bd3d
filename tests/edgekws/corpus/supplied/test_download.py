import bz2
import contextlib
import gzip
import hashlib
import http.server
import io
import lzma
import re
import shutil
import tarfile
import threading
import time
from collections import namedtuple
from dataclasses import replace

import numpy as np
import pytest
import soundfile

from edgekws.corpus import sources
from edgekws.corpus.supplied import connection, download
from edgekws.corpus.supplied.download import Archive, fetch, unpack
from edgekws.errors import UserError

WORDS = ("yes", "no")


def _member(name: str, content: bytes = b"", **attributes) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for key, value in attributes.items():
        setattr(info, key, value)
    return info, content


def _tar(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz", compresslevel=1) as tar:
        for info, content in members:
            tar.addfile(info, io.BytesIO(content))
    return file.getvalue()


@pytest.fixture(scope="module")
def data_set() -> bytes:
    """A small Speech Commands archive with the official one's ways of naming: "./WORD/SPEAKER_nohash_0.wav"."""
    members = [_member(".", type=tarfile.DIRTYPE), _member("./README.md", b"about\n")]
    lists = {"./validation_list.txt": 1, "./testing_list.txt": 2}
    for name, number in lists.items():
        members.append(_member(name, "".join(f"{word}/{number}_nohash_0.wav\n" for word in WORDS).encode()))
    for word in WORDS:
        members.append(_member(f"./{word}", type=tarfile.DIRTYPE))
        for number in range(4):
            wav = io.BytesIO()
            noise = np.random.default_rng([number, len(word)]).integers(-9999, 9999, 16_000).astype(np.int16)
            soundfile.write(wav, noise, 16_000, format="WAV")
            members.append(_member(f"./{word}/{number}_nohash_0.wav", wav.getvalue()))
    return _tar(*members)


class Server:
    """A local web server whose manners a test can choose; `requests` holds the Range and If-Range of each."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.etag: str | None = '"one"'
        self.honours_range = True
        self.break_after: list[int] = []  # bytes after which the next connections break
        self.failures: list[int] = []  # statuses of the next answers
        self.requests: list[tuple[str | None, str | None]] = []
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.answer(self)

            def log_message(self, *_args) -> None:
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.http.serve_forever, args=(0.02,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self.http.server_port}/archive.tar.gz"

    def answer(self, handler: http.server.BaseHTTPRequestHandler) -> None:
        wanted, condition = handler.headers["Range"], handler.headers["If-Range"]
        self.requests.append((wanted, condition))
        if self.failures:
            handler.send_error(self.failures.pop(0))
            return
        start = int(re.fullmatch(r"bytes=(\d+)-", wanted)[1]) if wanted and self.honours_range else 0
        if condition not in (None, self.etag):
            start = 0
        if wanted and start >= len(self.content):
            handler.send_response(416)
            handler.send_header("Content-Range", f"bytes */{len(self.content)}")
            handler.end_headers()
            return
        handler.send_response(206 if start else 200)
        if start:
            handler.send_header("Content-Range", f"bytes {start}-{len(self.content) - 1}/{len(self.content)}")
        if self.etag:
            handler.send_header("ETag", self.etag)
        handler.send_header("Content-Length", str(len(self.content) - start))
        handler.end_headers()
        body = self.content[start:]
        handler.wfile.write(body[: self.break_after.pop(0)] if self.break_after else body)

    def archive(self, **changes) -> Archive:
        known = Archive(self.url, hashlib.sha256(self.content).hexdigest(), 10_000_000, "a data set", "a licence")
        return replace(known, **changes)


@pytest.fixture
def serve(monkeypatch):
    monkeypatch.setattr(download, "_PAUSE_SECONDS", 0.0)
    with contextlib.ExitStack() as stack:

        def start(content: bytes) -> Server:
            server = Server(content)
            stack.callback(server.http.server_close)
            stack.callback(server.http.shutdown)
            return server

        yield start


def _fetch(server: Server, tmp_path, **changes):
    return fetch(server.archive(**changes), tmp_path / "data", progress=False)


def _left(tmp_path) -> list[str]:
    return sorted(path.name for path in tmp_path.iterdir())


def test_a_data_set_is_downloaded_once_and_loads(serve, data_set, tmp_path, monkeypatch):
    server = serve(data_set)
    monkeypatch.setitem(download.ARCHIVES, "speech_commands_v0.01", server.archive())
    for _ in range(2):
        loaded = sources.load("speech_commands_v0.01", WORDS, cache=tmp_path, progress=False)
        assert loaded.counts() == {
            "training": {"yes": 2, "no": 2},
            "validation": {"yes": 1, "no": 1},
            "testing": {"yes": 1, "no": 1},
        }
        assert (loaded.source, loaded.licence) == ("a data set", "a licence")
    assert server.requests == [(None, None)]
    assert _left(tmp_path) == ["corpora", "speech_commands_v0.01"]


def test_a_broken_download_goes_on_where_it_broke(serve, data_set, tmp_path):
    server = serve(data_set)
    server.break_after = [30_000, 20_000]
    assert (_fetch(server, tmp_path) / "README.md").read_text() == "about\n"
    assert server.requests == [(None, None), ("bytes=30000-", '"one"'), ("bytes=50000-", '"one"')]
    assert _left(tmp_path) == ["data"]


def test_a_later_call_goes_on_where_the_last_one_gave_up(serve, data_set, tmp_path):
    server = serve(data_set)
    server.break_after = [30_000] + [0] * 10
    with pytest.raises(UserError, match=r"the connection broke; the 0\.0 MB that came are kept"):
        _fetch(server, tmp_path)
    assert _left(tmp_path) == ["data.tar.gz.part", "data.tar.gz.part.etag"]
    server.break_after, server.requests = [], []
    assert _fetch(server, tmp_path).is_dir()
    assert server.requests == [("bytes=30000-", '"one"')]


def test_a_server_that_ignores_ranges_starts_anew(serve, data_set, tmp_path):
    server = serve(data_set)
    server.honours_range, server.break_after = False, [30_000]
    assert _fetch(server, tmp_path).is_dir()


def test_a_file_that_changed_meanwhile_starts_anew(serve, data_set, tmp_path):
    server = serve(bytes(len(data_set)))
    server.break_after = [30_000] + [0] * 10
    with pytest.raises(UserError, match="the connection broke"):
        _fetch(server, tmp_path)
    server.content, server.etag, server.break_after = data_set, '"two"', []
    assert _fetch(server, tmp_path).is_dir()
    assert server.requests[-1] == ("bytes=30000-", '"one"')


def test_a_server_without_etags_can_resume(serve, data_set, tmp_path):
    server = serve(data_set)
    server.etag, server.break_after = None, [30_000]
    assert _fetch(server, tmp_path).is_dir()
    assert server.requests[-1] == ("bytes=30000-", None)


def test_a_whole_download_that_was_not_unpacked_is_not_loaded_again(serve, data_set, tmp_path):
    server = serve(data_set)
    (tmp_path / "data.tar.gz.part").write_bytes(data_set)
    assert _fetch(server, tmp_path).is_dir()
    assert server.requests == [(f"bytes={len(data_set)}-", None)]


def test_too_much_on_disk_starts_anew(serve, data_set, tmp_path):
    server = serve(data_set)
    (tmp_path / "data.tar.gz.part").write_bytes(data_set + b"more")
    assert _fetch(server, tmp_path).is_dir()


def test_a_busy_server_is_asked_again(serve, data_set, tmp_path):
    server = serve(data_set)
    server.failures = [503, 500, 429]
    assert _fetch(server, tmp_path).is_dir()
    assert len(server.requests) == 4


def test_a_missing_file_is_told_at_once(serve, data_set, tmp_path):
    server = serve(data_set)
    server.failures = [404]
    with pytest.raises(UserError, match="the server answers 404"):
        _fetch(server, tmp_path)
    assert len(server.requests) == 1


def test_no_server(serve, data_set, tmp_path):
    server = serve(data_set)
    server.http.shutdown()
    server.http.server_close()
    with pytest.raises(UserError, match=r"cannot download http://127.*refused.*unpack it yourself"):
        _fetch(server, tmp_path)
    assert _left(tmp_path) == []


@pytest.mark.parametrize("drip", ["body", "headers", "chunk lines", "nothing at all"])
def test_a_server_that_drips_is_given_up_and_told(serve, data_set, tmp_path, monkeypatch, drip):
    monkeypatch.setattr(connection, "WINDOW_SECONDS", 0.15)
    monkeypatch.setattr(download, "_TRIES", 2)
    server = serve(data_set)

    def answer(handler):
        begin = {
            "body": b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n",
            "headers": b"HTTP/1.1 200 OK\r\nX: ",
            "chunk lines": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;",
        }.get(drip, b"")
        handler.wfile.write(begin)
        with contextlib.suppress(OSError):
            for _ in range(100):
                handler.wfile.write(b"" if drip == "nothing at all" else b"1")
                time.sleep(0.02)

    server.answer = answer
    started = time.monotonic()
    with pytest.raises(UserError, match=r"cannot download .*(it sent|did not answer|timed out)"):
        _fetch(server, tmp_path)
    assert time.monotonic() - started < 5


@pytest.mark.parametrize("length", ["abc", "-1", "1e9", "9" * 5000, "\u0663".encode().decode("latin-1"), ""])
def test_a_length_that_is_no_number_says_nothing(serve, data_set, tmp_path, length):
    server = serve(data_set)

    def answer(handler):
        handler.wfile.write(f"HTTP/1.0 200 OK\r\nContent-Length: {length}\r\n\r\n".encode("latin-1") + data_set)

    server.answer = answer
    assert (_fetch(server, tmp_path) / "README.md").exists()


TO = b"HTTP/1.1 302 x\r\nLocation: "


@pytest.mark.parametrize(
    "answer",
    [b"", b"\0" * 100, TO + b"http://[\r\n\r\n", TO + b"file:///etc/passwd\r\n\r\n", b"HTTP/1.1 abc\r\n\r\n"],
)
def test_answers_that_are_none_are_one_line(serve, data_set, tmp_path, answer):
    server = serve(data_set)
    server.answer = lambda handler: handler.wfile.write(answer)
    with pytest.raises(UserError, match="cannot download"):
        _fetch(server, tmp_path)


def test_a_server_that_sends_without_end_is_stopped(serve, data_set, tmp_path):
    server = serve(data_set + bytes(3_000_000))
    with pytest.raises(UserError, match="sends more than the archive can be"):
        _fetch(server, tmp_path, unpacked_bytes=1_000_000)


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_an_archive_packed_twice_is_refused_without_unpacking(tmp_path, pack):
    inner = pack(gzip.decompress(_tar(_member("large", bytes(1 << 20)))))
    (tmp_path / "a").write_bytes(gzip.compress(inner))
    with pytest.raises(UserError, match="is damaged"):
        unpack(tmp_path / "a", tmp_path / "out", most_bytes=100 << 20, progress=False)
    assert not (tmp_path / "out").exists()


def test_a_wrong_checksum_removes_what_came(serve, data_set, tmp_path):
    server = serve(data_set)
    with pytest.raises(UserError, match=f"SHA-256 is {hashlib.sha256(data_set).hexdigest()}, expected 0000"):
        _fetch(server, tmp_path, sha256="0" * 64)
    assert _left(tmp_path) == []


def test_too_little_room(serve, data_set, tmp_path, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(0, 0, 1_000_000))
    with pytest.raises(UserError, match=r"0\.0 GB free, and 0\.0 GB are needed.*EDGEKWS_CACHE"):
        _fetch(serve(data_set), tmp_path)
    assert _left(tmp_path) == []


FILE = _member("yes/a.wav", b"1")
HOSTILE = {
    "absolute": [_member("/tmp/edgekws-hostile", b"1")],
    "parent": [_member("../outside", b"1")],
    "parent inside": [_member("yes/../../outside", b"1")],
    "backslash": [_member("..\\outside", b"1")],
    "drive": [_member("C:outside", b"1")],
    "symbolic link out": [_member("link", type=tarfile.SYMTYPE, linkname="..")],
    "through a link": [_member("link", type=tarfile.SYMTYPE, linkname="/tmp"), _member("link/outside", b"1")],
    "symbolic link in": [_member("link", type=tarfile.SYMTYPE, linkname="yes/a.wav")],
    "hard link": [_member("link", type=tarfile.LNKTYPE, linkname="yes/a.wav")],
    "hard link out": [_member("link", type=tarfile.LNKTYPE, linkname="../outside")],
    "device": [_member("null", type=tarfile.CHRTYPE, devmajor=1, devminor=3)],
    "block device": [_member("disk", type=tarfile.BLKTYPE, devmajor=8)],
    "pipe": [_member("pipe", type=tarfile.FIFOTYPE)],
    "no name": [_member(".", b"1")],
    "twice": [FILE],
    "file as folder": [_member("yes/a.wav/b", b"1")],
    "folder as file": [_member("yes", b"1")],
    "folder over file": [_member("yes/a.wav", type=tarfile.DIRTYPE)],
    "bomb": [_member("large", bytes(3_000_000))],
    "bomb in parts": [_member(f"large{number}", bytes(500_000)) for number in range(5)],
    "bomb in a header": [_member("pax", bytes(20 << 20), type=tarfile.XHDTYPE)],
    "long name": [_member("x" * 300, b"1")],
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_archives_leave_nothing(serve, tmp_path, kind):
    place = tmp_path / "place"
    place.mkdir()
    with pytest.raises(UserError, match=r"not safe|too large|damaged") as error:
        _fetch(serve(_tar(FILE, *HOSTILE[kind])), place, unpacked_bytes=1_000_000)
    assert "\n" not in str(error.value)
    assert [name for name in _left(place) if "part" not in name] == []
    assert _left(tmp_path) == ["place"]


def test_too_many_members(tmp_path, monkeypatch):
    monkeypatch.setattr(download, "_MOST_MEMBERS", 10)
    (tmp_path / "a").write_bytes(_tar(*(_member(f"{number}") for number in range(11))))
    with pytest.raises(UserError, match="too large"):
        unpack(tmp_path / "a", tmp_path, most_bytes=100_000, progress=False)


def test_modes_and_owners_are_not_taken_over(tmp_path):
    (tmp_path / "a").write_bytes(_tar(_member("file", b"1", mode=0o6777, uid=12345, mtime=5)))
    unpack(tmp_path / "a", tmp_path, most_bytes=100_000, progress=False)
    status = (tmp_path / "file").stat()
    assert status.st_mode & 0o7111 == 0
    assert status.st_uid == (tmp_path / "a").stat().st_uid
    assert status.st_mtime > 5


@pytest.mark.parametrize("damage", ["cut", "cut at the end", "flipped", "not gzip", "not tar", "empty"])
def test_damaged_archives(serve, data_set, tmp_path, damage):
    middle = len(data_set) // 2
    content = {
        "cut": data_set[:middle],
        "cut at the end": data_set[:-4],
        "flipped": data_set[:middle] + bytes(64) + data_set[middle + 64 :],
        "not gzip": b"<html>no such file</html>",
        "not tar": gzip.compress(bytes(range(256)) * 10),
        "empty": b"",
    }[damage]
    with pytest.raises(UserError, match="is damaged"):
        _fetch(serve(content), tmp_path)
    assert [name for name in _left(tmp_path) if "part" not in name] == []


def test_the_official_archives_are_known():
    assert set(download.ARCHIVES) == {"speech_commands_v0.01", "speech_commands_v0.02"}
    for name, archive in download.ARCHIVES.items():
        assert archive.url.startswith("https://")
        assert archive.url.endswith(f"/{name}.tar.gz")
        assert re.fullmatch("[0-9a-f]{64}", archive.sha256)
        assert "CC BY 4.0" in archive.licence
