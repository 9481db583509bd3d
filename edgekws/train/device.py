"""Finds what float training runs on: all GPUs of the machine, else the CPU; and whether bfloat16 is fast there."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

AMPERE = (8, 0)  # NVIDIA's first compute capability whose tensor cores have bfloat16
_AMX = "amx_bf16"  # AVX512_BF16 alone can be slower than float32: only-conv/5 was


@dataclass(frozen=True)
class Device:
    """What training runs on: in words, the scope that distributes it, and whether XLA compiles the step."""

    words: str
    scope: AbstractContextManager[Any]
    count: int = 1
    jit_compile: bool | str = "auto"
    fast_bfloat16: bool = False

    def precision(self, asked: str) -> str:
        """``training.mixed_precision``, where "auto" becomes "bfloat16" if that is fast here, else "none"."""
        if asked != "auto":
            return asked
        return "bfloat16" if self.fast_bfloat16 else "none"


def find() -> Device:
    """All GPUs of the machine, by Keras's own distribution; else the CPU."""
    import keras

    backend = keras.backend.backend()
    if backend == "tensorflow":
        return _tensorflow()
    names = keras.distribution.list_devices()
    words, fast = _jax() if backend == "jax" else ("", False)
    if len(names) > 1:
        keras.distribution.set_distribution(keras.distribution.DataParallel(devices=names))
        return Device(f"{len(names)} devices (data parallel)", nullcontext(), len(names), fast_bfloat16=fast)
    return Device(words or (names[0] if names else "CPU"), nullcontext(), fast_bfloat16=fast)


def _tensorflow() -> Device:
    import tensorflow as tf

    found = tf.config.list_physical_devices("GPU")
    if not found:
        # on a CPU, XLA takes longer to compile this step than it saves
        fast = cpu_computes_bfloat16()
        return Device(f"CPU ({os.cpu_count()} cores)", nullcontext(), jit_compile=False, fast_bfloat16=fast)
    details = [tf.config.experimental.get_device_details(gpu) for gpu in found]
    fast = all(one.get("compute_capability", (0, 0)) >= AMPERE for one in details)
    if len(found) > 1:
        scope = tf.distribute.MirroredStrategy().scope()
        return Device(f"{len(found)} GPUs (data parallel)", scope, len(found), fast_bfloat16=fast)
    return Device(details[0].get("device_name", "GPU"), nullcontext(), fast_bfloat16=fast)


def _jax() -> tuple[str, bool]:
    """JAX's first device in words, and whether it computes bfloat16 fast. CPUs were not tried and count as slow."""
    import jax

    first = jax.devices()[0]
    if first.platform == "cpu":
        return "", False
    capability = str(getattr(first, "compute_capability", "0.0")).split(".")
    return first.device_kind, first.platform == "tpu" or tuple(map(int, capability)) >= AMPERE


def cpu_computes_bfloat16(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Whether the processor has AMX for bfloat16 (Intel's servers since 2023); False if Linux does not say so."""
    try:
        lines = cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return False
    return any(_AMX in line.split() for line in lines if line.startswith("flags"))
