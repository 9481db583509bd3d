"""Hours of sound through `listen`, made as it streams: memory that does not grow, time that does not drift.

    python tests/benchmarks/long_stream.py --hours 24 --model nano

Noise at changing levels, with NaN and clipped samples now and then, at 44.1 kHz through the resampler. Prints a line an
hour, and how many times faster than real time all of it was, making the sound included; exits with 1 if memory grew by
more than 8 MB after the first hour or the stream's clock is off by more than a sample.
"""

import argparse
import itertools
import resource
import sys
import time
from pathlib import Path

import numpy as np

from convert.engine import host_library
from convert.tflite import artifact
from edgekws.audio import Faults
from edgekws.audio.convert import Converter
from edgekws.listen import detector
from edgekws.listen.events import Event, listen

RATE, SECONDS = 44_100, 10


def blocks(count: int, faults: Faults):
    """`count` blocks of `SECONDS`, int16 at 16 kHz."""
    rng, converter = np.random.default_rng(0), Converter(RATE, faults)
    for i in range(count):
        block = rng.standard_normal((RATE * SECONDS, 1), np.float32) * np.float32(10 ** rng.uniform(-4, -0.5))
        if i % 100 == 0:
            block[5] = np.nan
        yield converter.convert(block, last=i == count - 1)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hours", type=float, default=24.0)
    parser.add_argument("--model", type=Path, default=Path("nano"))
    args = parser.parse_args()
    model = artifact.load(args.model)
    scorer, faults = host_library.scorer(model), Faults()
    settings = detector.fitting(model.detector, model.labels, scorer.hop)
    count = round(args.hours * 3600 / SECONDS)
    hour, events, first, memory, seconds = itertools.count(1), 0, 0, 0, 0.0
    due, began = next(hour), time.monotonic()
    for item in listen(blocks(count, faults), scorer.push, settings, model.labels):
        if isinstance(item, Event):
            events += 1
            continue
        seconds = item.seconds
        if seconds >= 3600 * due - SECONDS / 2:
            memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
            first = first or memory
            print(f"{due:3} h: {events} false accepts, {memory} MB, {faults}", flush=True)
            due = next(hour)
    drift = abs(seconds - count * SECONDS)
    print(f"{seconds:.4f} s heard of {count * SECONDS} s; memory grew by {memory - first} MB after the first hour; "
          f"{seconds / (time.monotonic() - began):.0f} x real time, {model.name} by {scorer.words}")  # fmt: skip
    return int(drift > 1.5 / 16_000 or memory - first > 8)


if __name__ == "__main__":
    sys.exit(main())
