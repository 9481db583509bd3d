"""What training runs on, and whether "auto" takes bfloat16 there."""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from edgekws import recipe
from edgekws.train import device

ROOT = Path(__file__).resolve().parents[3]
OFFLINE = ("failed to fetch", "could not connect", "dns error", "network")
AMX = "processor\t: 0\nflags\t\t: fpu avx512f avx512_bf16 amx_bf16 amx_tile amx_int8\n"
ZEN4 = "processor\t: 0\nflags\t\t: fpu avx512f avx512_bf16 avx512_vnni\nbugs\t\t: amx_bf16\n"


@pytest.mark.parametrize(("text", "fast"), [(AMX, True), (ZEN4, False), ("Features\t: fp asimd bf16\n", False)])
def test_a_cpu_with_amx_computes_bfloat16_fast(tmp_path, text, fast):
    (tmp_path / "cpuinfo").write_text(text)
    assert device.cpu_computes_bfloat16(tmp_path / "cpuinfo") is fast


def test_a_system_that_does_not_tell_of_its_cpu_has_none(tmp_path):
    assert device.cpu_computes_bfloat16(tmp_path / "none") is False


@pytest.mark.parametrize(
    ("asked", "fast", "taken"),
    [("auto", True, "bfloat16"), ("auto", False, "none"), ("none", True, "none"), ("float16", False, "float16")],
)
def test_auto_is_for_the_machine_to_choose(asked, fast, taken):
    assert device.Device("a device", None, fast_bfloat16=fast).precision(asked) == taken


def test_auto_is_the_default():
    assert recipe.Recipe().training.mixed_precision == "auto"


@pytest.mark.parametrize(("capability", "fast"), [((9, 0), True), ((8, 0), True), ((7, 5), False)])
def test_a_gpu_of_tensorflow_has_its_name_and_bfloat16_from_ampere_on(monkeypatch, capability, fast):
    tf = pytest.importorskip("tensorflow")
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: ["gpu 0"] if kind == "GPU" else [])
    details = {"device_name": "a card", "compute_capability": capability}
    monkeypatch.setattr(tf.config.experimental, "get_device_details", lambda gpu: details)
    found = device._tensorflow()
    assert (found.words, found.count, found.fast_bfloat16) == ("a card", 1, fast)


@pytest.mark.parametrize(
    ("first", "expected"),
    [
        ({"platform": "gpu", "device_kind": "a card", "compute_capability": "9.0"}, ("a card", True)),
        ({"platform": "gpu", "device_kind": "an older card", "compute_capability": "7.5"}, ("an older card", False)),
        ({"platform": "tpu", "device_kind": "TPU v5e"}, ("TPU v5e", True)),
        ({"platform": "cpu", "device_kind": "cpu"}, ("", False)),
    ],
)
def test_a_device_of_jax_has_its_name_and_bfloat16_from_ampere_on(monkeypatch, first, expected):
    jax = pytest.importorskip("jax", reason="jax is not installed: pip install jax")
    monkeypatch.setattr(jax, "devices", lambda: [SimpleNamespace(**first)])
    assert device._jax() == expected


@pytest.mark.skipif(sys.platform != "linux", reason="CUDA for TensorFlow is for Linux")
def test_the_gpu_extra_resolves():
    """By metadata alone: pip's own dry run would download the wheels, which are gigabytes."""
    uv = pytest.importorskip("uv", reason="uv is not installed: pip install uv").find_uv_bin()
    command = [uv, "pip", "compile", "pyproject.toml", "--extra", "gpu", "--python-platform", "linux", "--quiet"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    if done.returncode and any(sign in done.stderr.lower() for sign in OFFLINE):
        pytest.skip("no network")
    assert done.returncode == 0, done.stderr
    assert {"tensorflow", "nvidia-cudnn-cu12"} <= {line.split("==")[0] for line in done.stdout.splitlines()}


@pytest.mark.parametrize(("own", "taken"), [({}, True), ({"TF_ENABLE_ONEDNN_OPTS": "0"}, False)])
def test_training_takes_the_kernels_of_onednn_unless_the_user_set_it(own, taken):
    code = """
from edgekws.train import augment
from tensorflow.python.util import _pywrap_util_port as built
print(built.IsMklEnabled())
"""
    environment = {key: value for key, value in os.environ.items() if key != "TF_ENABLE_ONEDNN_OPTS"} | own
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, cwd=ROOT)
    if done.returncode and "_pywrap_util_port" in done.stderr:
        pytest.skip("this TensorFlow does not tell which kernels it takes")
    assert done.stdout.strip() == str(taken), done.stderr
