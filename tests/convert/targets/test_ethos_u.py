"""The bundle for Ethos-U: Vela's own estimates where it is installed, one clear error where it is not."""

import json
import shutil
from importlib.util import find_spec

import pytest
import synthetic_tflite

from convert.targets import Request, bundle, ethos_u, verify
from convert.tflite import artifact
from edgekws.errors import UserError
from edgekws.model import catalogue

HAS_VELA = bool(find_spec("ethosu") or shutil.which("vela"))


@pytest.fixture(scope="module")
def request_(tmp_path_factory) -> Request:
    content = synthetic_tflite.build(catalogue.find("custom-32/8").architecture)
    return Request(artifact.Artifact.of(content, "reference"))


@pytest.mark.slow
@pytest.mark.skipif(not HAS_VELA, reason="vela is not here: pip install ethos-u-vela")
def test_time_on_the_height_axis_saves_sram(request_, tmp_path):
    folder = bundle.make(request_, "ethos-u55-128", tmp_path / "ethos u")
    estimates = {e["variant"]: e for e in json.loads((folder / "manifest.json").read_text())["estimates"]}
    assert estimates["fastest"]["sram_bytes"] > 1_000_000
    assert estimates["balanced"]["sram_bytes"] <= ethos_u.SRAM_LIMIT
    assert estimates["smallest"]["sram_bytes"] < 32_768
    cycles = [estimates[variant.name]["cycles"] for variant in ethos_u.VARIANTS]
    assert cycles == sorted(cycles)
    readme = (folder / "README.md").read_text()
    for variant in ethos_u.VARIANTS:
        assert b"ethos-u" in (folder / f"{variant.name}_vela.tflite").read_bytes()  # the operator for the NPU
        assert f"{estimates[variant.name]['cycles']:,}" in readme
    assert verify.problems(folder) == []


def test_without_vela_nothing_is_written_and_the_error_says_what_to_install(request_, tmp_path, monkeypatch):
    monkeypatch.setattr(ethos_u, "find_spec", lambda _: None)
    monkeypatch.setattr(ethos_u.shutil, "which", lambda _: None)
    with pytest.raises(UserError, match=r"not installed; try: pip install 'edgekws\[ethos-u\]'"):
        bundle.make(request_, "ethos-u55-128", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_failing_vela_is_told(request_, tmp_path, monkeypatch):
    stand_in = tmp_path / "vela"
    stand_in.write_text("#!/bin/sh\necho 'Error: out of cycles' >&2\nexit 1\n")
    stand_in.chmod(0o755)
    monkeypatch.setattr(ethos_u, "find_spec", lambda _: None)
    monkeypatch.setattr(ethos_u.shutil, "which", lambda _: str(stand_in))
    with pytest.raises(UserError, match="vela failed: Error: out of cycles"):
        bundle.make(request_, "ethos-u55-128", tmp_path / "out")
