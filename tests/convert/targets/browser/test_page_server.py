"""The server of a page: this machine alone, types that a browser takes, a port that is taken."""

import contextlib
import socket
import threading
import urllib.error
import urllib.request

import pytest

from convert.targets.browser import page_server
from edgekws import cli
from edgekws.errors import UserError


@contextlib.contextmanager
def serving(folder):
    with page_server.server(folder, 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://{page_server.HOST}:{server.server_address[1]}/"
        finally:
            server.shutdown()
            thread.join()


def test_files_come_with_the_types_that_a_browser_wants(tmp_path):
    (tmp_path / "page").mkdir()
    for name in ("index.html", "a.js", "a.wasm"):
        (tmp_path / "page" / name).write_text(name)
    (tmp_path / "secret").write_text("secret")
    with serving(tmp_path / "page") as address:
        types = {}
        for name in ("", "a.js", "a.wasm"):
            with urllib.request.urlopen(address + name) as answer:
                types[name] = answer.headers["Content-Type"]
        for name in ("../secret", "%2e%2e/secret", "nothing"):
            with pytest.raises(urllib.error.HTTPError):
                urllib.request.urlopen(address + name)
    assert types == {"": "text/html; charset=utf-8", "a.js": "text/javascript", "a.wasm": "application/wasm"}


def test_a_folder_is_not_listed(tmp_path):
    (tmp_path / "file").write_text("")
    with serving(tmp_path) as address, pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(address)


@pytest.mark.parametrize(("port", "message"), [(70_000, "a number from 0 to 65535"), (-1, "a number from 0")])
def test_a_port_that_is_none_is_refused(tmp_path, port, message):
    with pytest.raises(UserError, match=message):
        page_server.server(tmp_path, port)


def test_a_port_in_use_is_told_in_a_sentence(capsys):
    with socket.create_server((page_server.HOST, 0)) as taken:
        port = taken.getsockname()[1]
        assert cli.main(["demo", "--no-browser", "--port", str(port)]) == 2
    assert f"port {port} of this machine is in use; choose another with --port" in capsys.readouterr().err


def test_demo_serves_the_page_that_ships_until_ctrl_c(capsys, monkeypatch):
    seen = {}

    def look(server):
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        with urllib.request.urlopen(f"http://{page_server.HOST}:{server.server_address[1]}/") as answer:
            seen["page"] = answer.read().decode()
        thread.join()
        raise KeyboardInterrupt

    monkeypatch.setattr(page_server.ThreadingHTTPServer, "serve_forever", look)
    assert cli.main(["demo", "--no-browser", "--port", "0"]) == 0
    assert "gsc16-small-listen" in seen["page"]
    told = capsys.readouterr()
    assert told.out.startswith("http://127.0.0.1:")
    assert "press Listen" in told.err


def test_demo_of_a_model_that_cannot_be_compiled_says_what_is_missing(capsys, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    assert cli.main(["demo", "nano", "--no-browser", "--port", "0"]) == 2
    assert "apt install clang lld" in capsys.readouterr().err
