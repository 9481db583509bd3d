"""Which .keras files Keras is given."""

import contextlib
import io
import json
import random
import zipfile

import h5py
import pytest

from edgekws import zoo
from edgekws.errors import UserError
from edgekws.train import float_model, keras_file

NANO = zoo.folders()["nano"] / "float.keras"


def changed(path, **files):
    """The nano that ships with these files in it changed."""
    with zipfile.ZipFile(NANO) as source, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            change = files.get(name.replace(".", "_"))
            target.writestr(name, change(source.read(name)) if change else source.read(name))
    return path


def refused(path, told):
    with pytest.raises(UserError, match=told) as error:
        float_model.load(path)
    assert "\n" not in str(error.value)
    assert str(path) in str(error.value)


def test_the_models_that_ship_are_networks_of_edgekws():
    for folder in zoo.folders().values():
        keras_file.check(folder / "float.keras")


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("keras.layers", "Lambda"),
        ("builtins", "function"),
        (None, "__lambda__"),
        ("keras", "TFSMLayer"),
        ("os", "Dense"),
    ],
)
def test_a_class_that_no_network_has_is_refused_before_keras_sees_it(tmp_path, module, name):
    def config(data):
        found = json.loads(data)
        found["config"]["layers"][-1] |= {"module": module, "class_name": name}
        return json.dumps(found).encode()

    refused(changed(tmp_path / "a.keras", config_json=config), f"{name}, which no network")


def weights(fill):
    out = io.BytesIO()
    with h5py.File(out, "w") as file:
        fill(file)
    return lambda _: out.getvalue()


@pytest.mark.parametrize(
    "fill",
    [
        lambda file: file.create_dataset("large", (1 << 40,), "f4", chunks=True),
        lambda file: file.__setitem__("link", h5py.ExternalLink("/etc/passwd", "/")),
        lambda file: file.__setitem__("link", h5py.SoftLink("/link")),
        lambda file: file.create_dataset("out", (4,), "f4", external=[("/etc/passwd", 0, 16)]),
        lambda file: file.create_group("a").__setitem__("a", file["a"]),
    ],
)
def test_weights_that_are_huge_or_elsewhere_are_refused(tmp_path, fill):
    refused(changed(tmp_path / "a.keras", model_weights_h5=weights(fill)), "weights|recursion")


def test_deep_nesting_and_a_missing_part_are_one_line(tmp_path):
    refused(changed(tmp_path / "a.keras", config_json=lambda _: b"[" * 100_000), "damaged")
    with zipfile.ZipFile(tmp_path / "b.keras", "w") as archive:
        archive.writestr("config.json", "{}")
    refused(tmp_path / "b.keras", "model.weights.h5")
    (tmp_path / "c.keras").write_bytes(NANO.read_bytes()[:-100])
    refused(tmp_path / "c.keras", "damaged")


def test_mutated_files_load_or_are_one_line(tmp_path):
    content, drawn = NANO.read_bytes(), random.Random(1)
    for _ in range(100):
        data = bytearray(content)
        for _ in range(drawn.choice((1, 4, 16))):
            data[drawn.randrange(len(data))] = drawn.randrange(256)
        (tmp_path / "a.keras").write_bytes(data)
        with contextlib.suppress(UserError):
            keras_file.check(tmp_path / "a.keras")
