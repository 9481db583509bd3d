"""Training on a GPU, measured in a few minutes, by Keras on JAX without TensorFlow:

    PYTHONPATH=. python tests/benchmarks/gpu.py pack FOLDER --out recordings
    PYTHONPATH=. python tests/benchmarks/gpu.py measure recordings/*.zip --out results --minutes 8

The first command, on any machine, makes eight files of under 40 MB of Speech Commands; the first of them is enough for
all but the cells. The second, on the machine with the GPU, trains two epochs of each network, precision and batch size
with every change of clips, runs the tests of training, and then trains cells of the 2019 report until the time is over.
results/results.json has every figure and what there was no time for, results/cells the float models with history and
record. ``cells`` and ``speed`` alone do a part of it; ``gpu_layers.py`` times single layers. --tiny rehearses it on a
CPU in two minutes.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import packed_clips

from edgekws import recipe as recipes
from edgekws.corpus import sources
from edgekws.corpus.clips import Selection

ROOT = Path(__file__).resolve().parents[2]
PLAIN = ROOT / "edgekws/recipes/gsc16-plain.toml"
TESTS = ("edgekws/train/test_augment.py", "edgekws/train/test_loop.py", "edgekws/train/test_device.py",
         "edgekws/model/test_network.py::test_folded_weights_give_the_same_outputs")  # fmt: skip
EVERY_AUGMENTATION = {
    **{"augment.shift_ms": 100.0, "augment.speed_percent": 12.0, "augment.gain_db": 10.0, "augment.mixup": 0.2},
    **{"augment.noise_probability": 0.6, "augment.equalizer_db": 6.0, "augment.mask_ms": 100.0},
}
NO_AUGMENTATION = {key: 0.0 for key in EVERY_AUGMENTATION}
PASSES = 4  # over each activation at least: written and read forward, and its gradient written and read back
CELLS = ("channel-32/6 do50_bn", "dropout-64/8 do75", "custom-64/8 do50", "vgg-64/8 do50", "custom-128/9 do50_bn",
         "channel-128/6 do50_bn", "base/5-2fc do50_bn", "kernel-5/7 do50_bn", "only-conv/5 do50_bn",
         "custom-32/8 do50")  # fmt: skip
GOOD = ROOT / "edgekws/recipes/gsc16-custom-32-8.toml"
GOOD_CHANGES = {"model.batch_norm": True, "training.epochs": 12, "training.learning_rate": 0.005}


def main() -> None:
    """Do one of the commands; the last two are what ``measure`` starts, each in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    pack = commands.add_parser("pack")
    pack.add_argument("folder", help="an unpacked Speech Commands")
    pack.add_argument("--per-word", type=int, default=0, help="training clips of each word (all)")
    pack.add_argument("--parts", type=int, default=8, help="files (8)")
    pack.add_argument("--out", type=Path, required=True, help="a folder")
    pack.set_defaults(command=_pack)
    for name, command in (("measure", _measure), ("speed", _speed), ("cells", _cells)):
        sub = commands.add_parser(name)
        sub.add_argument("files", type=Path, nargs="+", help="what 'pack' wrote")
        sub.add_argument("--out", type=Path, required=True, help="a folder")
        sub.add_argument("--minutes", type=float, default=8.0, help="after which nothing new begins")
        sub.add_argument("--tiny", action="store_true", help="a rehearsal: small networks and batches, few clips")
        if name == "speed":
            sub.add_argument("--model", required=True)
            sub.add_argument("--precision", choices=("none", "bfloat16"), required=True)
        if name == "measure":
            sub.add_argument("--without-cells", action="store_true")
        if name == "cells":
            sub.add_argument(
                "--cell", action="append", help="'NAME VARIANT', or 'NAME VARIANT good' by the recipe of custom-32-8"
            )
        sub.set_defaults(command=command)
    options = parser.parse_args()
    options.command(options)


def _pack(options: argparse.Namespace) -> None:
    settings = recipes.load(PLAIN)
    corpus = sources.load(options.folder, settings.data.words, Selection(1, options.per_word))
    sizes = packed_clips.pack(corpus, options.out, options.parts)
    print(f"{options.out}: {len(corpus.clips)} clips in {len(sizes)} files of {max(sizes) / 1e6:.1f} MB at most")


def _measure(options: argparse.Namespace) -> None:
    """Every step in a process of its own, so that one that fails or takes too long costs only itself."""
    end = time.monotonic() + 60 * options.minutes
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "lines.jsonl").unlink(missing_ok=True)
    models, least = (("only-conv/1",), 20.0) if options.tiny else (("custom-32/8", "small"), 45.0)
    first, files = str(sorted(options.files)[0]), list(map(str, options.files))
    speeds = [
        ["speed", first, "--model", model, "--precision", precision]
        for precision in ("bfloat16", "none")
        for model in models
    ]
    tests = [
        "-m",
        "pytest",
        "-q",
        "-n",
        "0",
        "-p",
        "no:cacheprovider",
        *(str(ROOT / "tests" / test) for test in (TESTS[2:3] if options.tiny else TESTS)),
    ]
    # each with the share of what is left then that it may take
    steps = [([__file__, *arguments], share) for arguments, share in zip(speeds, (0.2, 0.2, 0.25, 0.3), strict=False)]
    steps += [(tests, 0.5)]
    steps += [] if options.without_cells else [([__file__, "cells", *files], 1.0)]
    places = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = os.environ | {"KERAS_BACKEND": "jax", "PYTHONPATH": os.pathsep.join(places)}
    environment |= {"JAX_COMPILATION_CACHE_DIR": tempfile.mkdtemp(), "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0"}
    exact = {"JAX_DEFAULT_MATMUL_PRECISION": "highest"}  # the tests compare numbers, which TF32 would round
    for arguments, share in steps:
        left = share * (end - time.monotonic())
        name = "tests" if arguments is tests else " ".join(part for part in arguments[1:] if part not in files)
        if left < least:
            _keep(options.out, {"step": name, "left out": f"{left:.0f} s were left for it"})
            continue
        own = [] if arguments is tests else ["--out", str(options.out), "--minutes", f"{left / 60:.2f}"]
        own += ["--tiny"] if options.tiny and own else []
        began = time.monotonic()
        try:
            done = subprocess.run([sys.executable, *arguments, *own], cwd=ROOT, timeout=left + 15,
                                  env=environment | (exact if arguments is tests else {}))  # fmt: skip
            ended = "well" if done.returncode == 0 else f"with exit status {done.returncode}"
        except subprocess.TimeoutExpired:
            ended = "too late, and was stopped"
        _keep(options.out, {"step": name, "ended": ended, "seconds": round(time.monotonic() - began, 1)})
    lines = [json.loads(line) for line in (options.out / "lines.jsonl").read_text().splitlines()]
    (options.out / "results.json").write_text(json.dumps(lines, indent=1))


def _keep(folder: Path, found: dict[str, Any]) -> None:
    """One line more, at once: what comes later may be stopped."""
    print(json.dumps(found), flush=True)
    with (folder / "lines.jsonl").open("a") as file:
        file.write(json.dumps(found) + "\n")


def _speed(options: argparse.Namespace) -> None:
    """Two epochs at each batch size as a run trains them; then the step alone, with augmentation and without."""
    import keras
    import numpy as np

    from edgekws.train import device, feed

    end = time.monotonic() + 60 * options.minutes
    corpus, found = packed_clips.unpack(options.files), device.find()
    if options.precision != "none":
        keras.mixed_precision.set_global_policy(f"mixed_{options.precision}")
    bandwidth = _bandwidth(1 << (24 if options.tiny else 30))
    learn, classes = corpus.split("training"), len(corpus.words)
    for batch in (8,) if options.tiny else (64, 256, 1024):
        if time.monotonic() > end:
            _keep(options.out, {"step": f"speed {options.model} batch {batch}", "left out": "no time was left"})
            continue
        steps = 8 if options.tiny else max(28_672 // batch, 60)  # as an epoch of the whole corpus has
        core, model = _model(keras, options.model, EVERY_AUGMENTATION, corpus, found)
        chosen = np.resize(np.arange(len(learn.labels)), steps * batch)
        fed = feed.batches(keras, learn.samples[chosen], learn.labels[chosen], classes, batch, 1, mixup=0.2)
        first, trained = _epochs(keras, model, fed)
        step = _epochs(keras, model, _again(keras, fed[0], len(fed)))[1]
        _, bare_model = _model(keras, options.model, NO_AUGMENTATION, corpus, found)
        bare = _epochs(keras, bare_model, _again(keras, fed[0], len(fed)))[1]
        width = 4 if options.precision == "none" else 2
        elements = sum(int(np.prod(layer.output.shape[1:])) for layer in core.layers if _is_pass(layer.name))
        limit = bandwidth / (elements * width * PASSES)
        clips = len(fed) * batch
        _keep(options.out, {
            "device": found.words, "model": options.model, "mixed_precision": options.precision, "batch": batch,
            "clips_per_second": round(clips / trained), "clips_per_second_step_alone": round(clips / step),
            "share_of_augmentation": round(1 - bare / step, 3), "share_of_feeding": round(1 - step / trained, 3),
            "first_epoch_seconds": round(first, 1), "peak_bytes": _peak(),
            "bandwidth_bytes_per_second": round(bandwidth), "limit_clips_per_second": round(limit),
            "share_of_limit": round(clips / trained / limit, 3),
        })  # fmt: skip


def _model(keras: Any, name: str, augment: dict[str, Any], corpus: Any, device: Any) -> tuple[Any, Any]:
    from edgekws.train import float_model

    settings = recipes.replace(recipes.load(PLAIN), augment | {"model.architecture": name, "model.batch_norm": True})
    return float_model.compiled(keras, settings, corpus, device)


def _is_pass(layer: str) -> bool:
    """Whether a layer's output goes through memory; batch norm and ReLU can be fused into what comes before."""
    return layer.startswith(("conv", "pool")) and not layer.endswith(("_bn", "_relu"))


def _epochs(keras: Any, model: Any, batches: Any) -> tuple[float, float]:
    """Seconds of two epochs: the first, which compiles, and the second."""

    times: list[float] = []

    class Clock(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            self.begun = time.perf_counter()

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:  # with the loss, for which it has waited
            times.append(time.perf_counter() - self.begun)

    model.fit(batches, epochs=2, verbose=0, shuffle=False, callbacks=[Clock()])
    return times[0], times[1]


def _again(keras: Any, batch: tuple[Any, ...], steps: int) -> Any:
    """One batch that lies on the device, so many times: nothing is fed."""
    import jax

    there = jax.device_put(batch)

    class Again(keras.utils.PyDataset):
        def __len__(self) -> int:
            return steps

        def __getitem__(self, step: int) -> Any:
            return there

    return Again()


def _bandwidth(size: int) -> float:
    """Bytes a second of the device's memory, those read and those written: the fastest copy of ``size`` bytes."""
    import jax
    import jax.numpy as jnp

    values = jnp.zeros(size // 4, jnp.float32)
    copy = jax.jit(lambda x: x + 1)
    times = []
    for _ in range(10):
        began = time.perf_counter()
        copy(values).block_until_ready()
        times.append(time.perf_counter() - began)
    return 2 * size / min(times)


def _peak() -> int | None:
    """The most bytes of the device that were taken so far; batches come smallest first, so that it is of the last."""
    import jax

    found = jax.devices()[0].memory_stats()
    return int(found["peak_bytes_in_use"]) if found else None


def _cells(options: argparse.Namespace) -> None:
    """Cells of the report, the best of each family, until the time is over. One that fails costs only itself."""
    end, longest = time.monotonic() + 60 * options.minutes, 0.0
    corpus = packed_clips.unpack(options.files)
    for cell in options.cell or (("only-conv/1 do50",) if options.tiny else CELLS):
        if time.monotonic() + longest > end:
            _keep(options.out, {"cell": cell, "left out": "no time was left"})
            continue
        began = time.monotonic()
        try:
            _keep(options.out, {"cell": cell} | _trained(cell, corpus, options))
        except Exception as error:
            _keep(options.out, {"cell": cell, "failed": repr(error)[:1000]})
        longest = max(longest, time.monotonic() - began)


def _trained(cell: str, corpus: Any, options: argparse.Namespace) -> dict[str, Any]:
    """Train a cell and leave its model, history and record in the results; the figures."""
    from edgekws import workspace
    from edgekws.model import coding, front_end
    from edgekws.report import metrics
    from edgekws.train import float_model

    architecture, variant, *good = cell.split()
    dropout = next((int(part[2:]) / 100 for part in variant.split("_") if part.startswith("do")), 0.0)
    changes = {"name": cell.replace("/", "-").replace(" ", "-"), "model.architecture": architecture}
    changes |= {"model.dropout": dropout, "model.batch_norm": variant.endswith("bn")}
    changes |= {"training.mixed_precision": "auto"} | (GOOD_CHANGES if good else {})
    changes |= {"training.epochs": 1} if options.tiny else {}
    settings = recipes.replace(recipes.load(GOOD if good else PLAIN), changes)
    run = workspace.open_run(options.out / "cells" / settings.name, settings)
    workspace.begin(run, corpus)
    float_model.train(run, corpus)
    test = corpus.split("testing")
    inputs = coding.network_input(front_end.codes(test.samples, settings.model))
    right = metrics.accuracy(float_model.load(run.float_model).predict(inputs, verbose=0), test.labels)
    facts = {key: run.read_record("train")[key] for key in ("device", "mixed_precision", "clips_per_second")}
    return {"training_clips": len(corpus.split("training").labels), "float_testing": str(right)} | facts


if __name__ == "__main__":
    main()
