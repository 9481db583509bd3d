"""What a model costs on microcontrollers, counted in QEMU."""

import json

import pytest

from convert.engine import emulation, profile
from convert.tflite import artifact
from edgekws import cli
from edgekws.errors import UserError


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
