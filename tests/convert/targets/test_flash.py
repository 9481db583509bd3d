"""Programming boards: the command that is shown, the tool's absence, and a stand-in for the tool."""

import json
import os

import pytest

from convert.targets import bare_metal, flash
from edgekws import cli


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "my bundle"
    made.mkdir()
    (made / "manifest.json").write_text(json.dumps({"target": "microbit"}))
    (made / "image.hex").write_text(":00000001FF\n")
    return made


@pytest.fixture
def stand_in(tmp_path, monkeypatch):
    """Puts a tool of this name, with this exit status, first on the PATH; it writes down how it was called."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")

    def make(name, status):
        script = folder / name
        script.write_text(f'#!/bin/sh\nfor part in "$@"; do echo "$part"; done > "{tmp_path}/called"\nexit {status}\n')
        script.chmod(0o755)
        return tmp_path / "called"

    return make


def test_a_dry_run_shows_the_command(folder, capsys, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    assert cli.main(["flash", str(folder), "--dry-run"]) == 0
    assert capsys.readouterr().out == f"pyocd load --target nrf51822 '{folder / 'image.hex'}'\n"


def test_a_missing_tool_is_named_with_the_way_to_get_it(folder, capsys, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    assert cli.main(["flash", str(folder)]) == 2
    assert "pip install pyocd" in capsys.readouterr().err


def test_the_tool_gets_the_image(folder, stand_in):
    called = stand_in("pyocd", 0)
    assert cli.main(["flash", str(folder)]) == 0
    assert called.read_text().splitlines() == ["load", "--target", "nrf51822", str(folder / "image.hex")]


def test_a_tool_that_fails_is_reported(folder, stand_in, capsys):
    stand_in("pyocd", 3)
    assert cli.main(["flash", str(folder)]) == 2
    assert "exit status 3; is the board connected?" in capsys.readouterr().err


def test_esp_chips_go_through_esptool(folder, stand_in, tmp_path):
    called = stand_in("esptool", 0)
    image = tmp_path / "built.bin"
    image.write_bytes(b"\xe9")
    assert cli.main(["flash", str(folder), "--board", "esp32s3", "--image", str(image)]) == 0
    assert called.read_text().splitlines() == ["--chip", "esp32s3", "write-flash", "0x0", str(image)]


def test_what_cannot_be_flashed_says_why(folder, tmp_path, capsys):
    def refused(*arguments):
        assert cli.main(["flash", *arguments]) == 2
        return capsys.readouterr().err

    (folder / "image.hex").unlink()
    assert "'make' in the bundle" in refused(str(folder))
    (folder / "manifest.json").write_text(json.dumps({"target": "arduino"}))
    assert "have an image for the board, those of mps2 and mps3 for QEMU" in refused(str(folder))
    (folder / "manifest.json").write_text("[]")
    assert "damaged" in refused(str(folder))
    assert "not a bundle" in refused(str(tmp_path))


def test_no_board_is_left_out_of_what_has_an_image():
    families = {board.name.split("-")[0] for board in bare_metal.BOARDS}
    assert families == {*flash.CHIPS, "mps2", "mps3"}, "say in flash which bundles have an image"


@pytest.mark.parametrize("name", [board.name for board in bare_metal.BOARDS if board.name.startswith("mps")])
def test_boards_with_a_card_say_so_and_that_qemu_takes_the_image(name, folder, capsys):
    (folder / "manifest.json").write_text(json.dumps({"target": name}))
    assert cli.main(["flash", str(folder)]) == 2
    error = capsys.readouterr().err
    assert "microSD" in error
    assert "image.elf in QEMU" in error
    assert error.count("\n") == 1, "one sentence"
