"""Lays out sound that no model of edgekws learned from, as folders for `edgekws measure --negatives`.

It comes from five packages of Debian 12, unpacked by `dpkg-deb -x PACKAGE.deb FOLDER`, and from a clone of
MycroftAI/Precise-Community-Data:

    prompts      asterisk-core-sounds-{es,fr,it,ru}-wav 1.6.1: telephone prompts, without digits and letters
    stamps       tuxpaint-stamps-default 2022.06.04: 900 short descriptions by many people, in ten languages
    game-sounds  wesnoth-1.16-data 1.16.9: sound effects
    game-music   wesnoth-1.16-music 1.16.9: the first 90 s of each piece
    words-alone  "athena", "amelia" and "computer", said alone by people

    PYTHONPATH=. python tests/benchmarks/strange_sounds.py --packages FOLDER --precise CLONE --out strange
    edgekws measure small-listen --negatives strange/*
"""

from __future__ import annotations

import argparse
import random
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import soundfile
import soxr

RATE = 16_000
SHORTEST = 0.2  # seconds
_SPELLED = re.compile(r"/(digits|letters|phonetic|silence)/")
Source = tuple[str, Sequence[Path], float | None]  # kind, files, seconds of each at most


def sources(packages: Path, precise: Path | None) -> Iterator[Source]:
    """The kinds of sound with their files."""
    prompts = [path for path in packages.rglob("asterisk/sounds/**/*.wav") if not _SPELLED.search(path.as_posix())]
    yield "prompts", sorted(path for path in prompts if "en_US" not in path.as_posix()), None
    stamps = sorted(packages.rglob("tuxpaint/**/*_desc_*.ogg"))
    random.Random(3).shuffle(stamps)
    yield "stamps", stamps[:900], None
    yield "game-sounds", sorted(packages.rglob("wesnoth/**/sounds/**/*.[ow][ga][gv]")), None
    yield "game-music", sorted(packages.rglob("wesnoth/**/music/**/*.ogg")), 90.0
    if precise:
        folders = [precise / word for word in ("athena", "amelia", "computer", "heycomputer")]
        yield "words-alone", sorted(path for folder in folders for path in folder.rglob("*.wav")), None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--packages", type=Path, required=True, help="the folder in which packages are unpacked")
    parser.add_argument("--precise", type=Path, help="a clone of MycroftAI/Precise-Community-Data")
    parser.add_argument("--out", type=Path, required=True)
    asked = parser.parse_args()
    for kind, files, most in sources(asked.packages, asked.precise):
        seconds = 0.0
        for number, path in enumerate(files):
            sound, rate = soundfile.read(path, always_2d=True, frames=round(most * 44_100) if most else -1)
            sound = soxr.resample(sound.mean(axis=1), rate, RATE)
            if len(sound) < SHORTEST * RATE:
                continue
            (asked.out / kind).mkdir(parents=True, exist_ok=True)
            soundfile.write(asked.out / kind / f"{number}-{path.stem}.wav", sound, RATE)
            seconds += len(sound) / RATE
        print(f"{kind}: {len(files)} files, {seconds / 3600:.2f} h")


if __name__ == "__main__":
    main()
