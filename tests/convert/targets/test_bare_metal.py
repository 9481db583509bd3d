"""Images for boards: built, run in QEMU as they would be flashed, and their self-test read from the serial port."""

import json
import re
import shutil
import subprocess

import pytest
import synthetic_tflite
from serial_port import serial_lines

from convert.engine import emulation
from convert.targets import Request, bare_metal, bundle, verify
from convert.tflite.artifact import Artifact
from edgekws.errors import UserError
from edgekws.model import catalogue
from edgekws.model.architecture import Architecture, Block, MaxPool
from edgekws.model.architecture import Convolution as Conv

BLOCKS = (Block((Conv(16, 40, 10),), MaxPool(3)), Block((Conv(32, 5),), MaxPool(3)), Block((Conv(32, 5),), MaxPool(3)))
SMALL = Architecture("small", BLOCKS)
NAMES = [board.name for board in bare_metal.BOARDS]
needs_tools = pytest.mark.skipif(bool(emulation.missing_tools()), reason=emulation.missing_tools() or "all there")


def request_for(architecture, mode="window", kernels=None):
    content = synthetic_tflite.build(architecture, 4)
    return Request(Artifact.of(content, "test", ("a", "b", "c", "d"), "mu_law"), kernels, mode)


@needs_tools
@pytest.mark.parametrize("mode", ["window", "sliding"])
@pytest.mark.parametrize("board", NAMES)
def test_the_image_passes_its_self_test(board, mode, tmp_path):
    folder = bundle.make(request_for(SMALL, mode), board, tmp_path / "my board")
    lines = serial_lines(board, folder / "image.elf")
    assert lines[-1] == "self-test PASSED"
    assert {"ok     memory", "ok     kernel convolution 2", "ok     scores 8", "ok     coding"} <= set(lines)
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["image_flash_bytes"] == (folder / "image.bin").stat().st_size
    assert verify.problems(folder) == []


@needs_tools
def test_the_fast_kernels_pass_too(tmp_path):
    folder = bundle.make(request_for(SMALL, kernels="dsp_fast"), "mps2-an386", tmp_path / "bundle")
    assert serial_lines("mps2-an386", folder / "image.elf")[-1] == "self-test PASSED"


@needs_tools
def test_a_flipped_weight_in_the_image_fails_it_and_is_named(tmp_path):
    folder = bundle.make(request_for(SMALL), "mps2-an386", tmp_path / "bundle")
    shutil.copytree(folder, tmp_path / "broken")
    model = tmp_path / "broken" / "src" / "edgekws_test_model.c"
    flipped = re.sub(r"(stage_1_weights\[\d+\] = \{\s+)(-?\d+)", lambda m: f"{m[1]}{int(m[2]) ^ 64}", model.read_text())
    model.write_text(flipped)
    subprocess.run(["make", "-s"], cwd=tmp_path / "broken", check=True)
    lines = serial_lines("mps2-an386", tmp_path / "broken" / "image.elf")
    assert "FAILED weights convolution 2" in lines
    assert lines[-1] == "self-test FAILED"


@needs_tools
def test_make_builds_the_same_image(tmp_path):
    folder = bundle.make(request_for(SMALL), "microbit", tmp_path / "bundle")
    before = (folder / "image.bin").read_bytes()
    subprocess.run(["make", "-s", "clean"], cwd=folder, check=True)
    subprocess.run(["make", "-s"], cwd=folder, check=True)
    assert (folder / "image.bin").read_bytes() == before


@needs_tools
def test_an_image_of_another_compiler_is_told_as_not_compared_and_a_changed_one_as_changed(tmp_path, monkeypatch):
    folder = bundle.make(request_for(SMALL), "microbit", tmp_path / "bundle")
    monkeypatch.setattr(bare_metal, "_compiler", lambda: ("", "not here"))
    told = verify.problems(folder)
    assert {line.split()[0] for line in told} >= {"README.md", "image.bin", "image.elf", "image.hex"}
    assert all("was not compared" in line for line in told)
    (folder / "image.bin").write_bytes(b"changed")
    assert verify.problems(folder) == ["image.bin was changed (SHA-256 differs)"]


@needs_tools
def test_initialised_variables_are_set_and_a_fault_is_told(tmp_path):
    folder = bundle.make(request_for(SMALL), "mps2-an386", tmp_path / "bundle")
    main = (folder / "main.c").read_text()
    wrong = "static volatile uint32_t five = 5;\nint main(void)\n{\n    uart_begin();\n"
    wrong += '    uart_print(five == 5 ? "set\\n" : "not set\\n");\n    (void)*(volatile uint32_t *)0x60000000;'
    (folder / "main.c").write_text(main.replace("int main(void)\n{\n    uart_begin();", wrong))
    subprocess.run(["make", "-s"], cwd=folder, check=True)
    lines = serial_lines("mps2-an386", folder / "image.elf")
    assert lines[0] == "set"
    assert lines[-1].startswith("self-test FAILED: a fault")


@needs_tools
def test_a_model_that_does_not_fit_the_board_says_so(tmp_path):
    with pytest.raises(UserError, match=r"it does not fit the board's flash: [\d,]+ bytes too many"):
        bundle.make(request_for(catalogue.find("custom-64/8").architecture), "microbit", tmp_path / "bundle")
    assert list(tmp_path.iterdir()) == []


def test_without_the_compiler_the_sources_are_written_and_it_is_said(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    folder = bundle.make(request_for(SMALL), "microbit", tmp_path / "bundle")
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["image"] is None
    assert "apt install" in manifest["image_built"]
    assert "Nothing was built" in (folder / "README.md").read_text()
    assert (folder / "src" / "edgekws_test_selftest.c").exists()
