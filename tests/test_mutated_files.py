"""Damaged files of every kind, 1,400 of them: each is read, or refused in one line, soon and in little memory."""

import contextlib
import gzip
import io
import json
import random
import tarfile
import time
import zipfile

import numpy as np
import pytest
import synthetic_tflite

from convert.engine import fixed_point
from convert.targets import bundle
from convert.tflite import graph, reader
from edgekws import workspace
from edgekws.corpus.supplied import download
from edgekws.errors import UserError
from edgekws.guard import archives, untrusted
from edgekws.listen import detector
from edgekws.model.architecture import Architecture, Block, Convolution, MaxPool
from edgekws.recipe import Recipe, toml_text
from edgekws.train import loop

SECONDS, BYTES = 5.0, 1 << 30  # at most, of one file
WORDS = ("yes", "no", "_unknown_")


def mutated(content, drawn):
    """The content with one to four harms, as disks, editors and attackers do them."""
    data = bytearray(content)
    for _ in range(drawn.choice((1, 1, 2, 4))):
        at, size = drawn.randrange(len(data)), drawn.choice((1, 1, 2, 4, 8, 64))
        harm = drawn.choice(("byte", "bit", "ones", "zeros", "cut", "twice", "gone", "number", "text"))
        if harm == "byte":
            data[at] = drawn.randrange(256)
        elif harm == "bit":
            data[at] ^= 1 << drawn.randrange(8)
        elif harm in ("ones", "zeros"):
            data[at : at + size] = (b"\xff" if harm == "ones" else b"\0") * size
        elif harm == "cut":
            del data[max(at, 1) :]
        elif harm == "twice":
            data[at:at] = data[at : at + size * 8]
        elif harm == "gone":
            del data[at : at + size]
        elif harm == "number":
            data[at : at + 4] = drawn.choice((2**31 - 1, 2**31, 2**32 - 1, 2**30, 1000)).to_bytes(4, "little")
        else:
            data[at:at] = drawn.choice((b"[" * 5000, b'"', b"\n", b"1" * 5000, b"\xed\xa0\x80", b"null", b"\x1b[31m"))
        data = data or bytearray(1)
    return bytes(data)


def tflite():
    blocks = (Block((Convolution(4, 8, 4),), MaxPool(3)), Block((Convolution(4, 5),)))
    return synthetic_tflite.build(Architecture("", blocks, (6,), 300), 3)


def read_tflite(path):
    read = reader.read(path)
    for layer in read.layers:
        if isinstance(layer, graph.Convolution | graph.Dense):
            scaling = fixed_point.scaling(layer, "layer")
            assert int(np.abs(scaling.shift.astype(int)).max()) <= 31  # no shift in C is undefined
    reader.unpacked(path.read_bytes())


def packed_tar():
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name in ("yes/a.wav", "no/b.wav", "README.md"):
            info = tarfile.TarInfo(name)
            info.size = 600
            tar.addfile(info, io.BytesIO(bytes(range(200)) * 3))
    return out.getvalue()


def read_tar(path):
    path.write_bytes(gzip.compress(path.read_bytes(), 1))  # the harm is inside, where no sum catches it
    download.unpack(path, path.parent / "out", most_bytes=1 << 20, progress=False)


def packed_zip():
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mine/manifest.json", manifest())
        archive.writestr("mine/main.c", "int x;\n" * 50)
    return out.getvalue()


def read_zip(path):
    with bundle.opened(path) as folder:
        bundle.foreign_in(folder, bundle.manifest_of(folder, path))


def manifest():
    facts = {"target": "c99", "model": "m", "model_sha256": "0" * 64, "labels": WORDS, "versions": {"edgekws": "0.1.0"}}
    return json.dumps(facts | {"sha256": {"main.c": "0" * 64, "labels.txt": "1" * 64}}).encode()


def read_manifest(path):
    folder = path.parent
    (folder / "manifest.json").write_bytes(path.read_bytes())
    workspace.damaged_files(workspace.Run(folder, Recipe()))
    bundle.foreign_in(folder, bundle.manifest_of(folder, folder))


def settings():
    chosen = detector.default(WORDS, 1600)
    return json.dumps(detector.tuned_to_json(detector.Tuned(chosen, {0.5: chosen}), WORDS)).encode()


def state():
    out = io.BytesIO()
    meta = np.frombuffer(json.dumps({"identity": "1", "history": [{"loss": 1}]}).encode(), np.uint8)
    np.savez(out, best_0=np.ones((3, 4), np.float32), meta=meta)
    return out.getvalue()


def read_state(path):
    archives.arrays(path, "remove it")
    loop.epochs_in(path)


RECIPE = b'name = "a"\n[data]\nwords = ["yes", "no"]\nsource = "x/y"\n[training]\nepochs = 3\nlearning_rate = 0.5\n'
KINDS = {
    "tflite": (400, tflite, read_tflite),
    "state": (200, state, read_state),
    "zip": (200, packed_zip, read_zip),
    "tar": (200, packed_tar, read_tar),
    "manifest": (150, manifest, read_manifest),
    "detector": (100, settings, lambda path: detector.read(path, WORDS)),
    "labels": (50, lambda: "\n".join(WORDS).encode(), lambda path: untrusted.labels(path, 3)),
    "recipe": (100, lambda: RECIPE, toml_text.read),
}


@contextlib.contextmanager
def little_memory():
    """What asks for more than ``BYTES`` above what is taken now gets a MemoryError, where the platform can."""
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_AS)
    with contextlib.suppress(OSError), open("/proc/self/statm") as file:
        taken = int(file.read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (taken + BYTES, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_file_is_read_or_refused_in_one_line(tmp_path, kind):
    count, make, read = KINDS[kind]
    whole, drawn, slowest, refused = make(), random.Random(kind), 0.0, 0
    with little_memory():
        for number in range(count):
            folder = tmp_path / str(number)
            folder.mkdir()
            path = folder / "file"
            path.write_bytes(mutated(whole, drawn))
            started = time.monotonic()
            try:
                read(path)
            except UserError as error:
                told = str(error)
                refused += told.isprintable() and len(told) < 2100
            else:
                refused += 1
            slowest = max(slowest, time.monotonic() - started)
    assert refused == count, "every message is one printable line"
    assert slowest < SECONDS
