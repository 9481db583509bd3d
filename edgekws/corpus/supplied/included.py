"""Talk that comes with edgekws: an hour and a half of people who learn English, an excerpt of speechocean762.

``firmware_assets/talk`` has a recording for each split, and a table of the utterances in them, one after the other,
with the number of samples at 16 kHz of each. ``docs/make_talk.py`` made them.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path

import numpy as np
import soundfile

from edgekws import audio
from edgekws.corpus.clips import SPLITS
from edgekws.corpus.folder.splits import LISTS
from edgekws.errors import UserError
from edgekws.files import atomic_write, sha256
from edgekws.progress import progress_bar

NAME = "included-talk"
LICENCE = (
    "speechocean762 (Junbo Zhang et al., Interspeech 2021, https://github.com/jimbozhang/speechocean762), an excerpt "
    "of 90 minutes, joined and coded as Opus, CC BY 4.0, https://creativecommons.org/licenses/by/4.0/"
)
COLUMNS = ("name", "split", "samples", "transcript")
TABLE = "talk.csv"


def source() -> Path:
    """The folder in which it comes."""
    return Path(str(files("firmware_assets") / "talk"))


def version() -> str:
    """Eight digits that change with what comes."""
    sums = [sha256(source() / name) for name in (TABLE, *(f"{split}.opus" for split in SPLITS))]
    return hashlib.sha256("".join(sums).encode()).hexdigest()[:8]


def unpack(folder: Path, *, progress: bool = True) -> None:
    """Fill ``folder`` with a FLAC file for each utterance, transcripts.csv, and the lists of validation and testing.

    Raises UserError if the installation is damaged.
    """
    rows = list(csv.DictReader((source() / TABLE).read_text(encoding="utf-8").splitlines()))
    table = io.StringIO()
    texts = csv.writer(table, lineterminator="\n")
    texts.writerow(["file", "transcript"])
    with progress_bar(f"unpacking {NAME}", len(rows), unit="recording", enabled=progress) as bar:
        for split in SPLITS:
            mine = [row for row in rows if row["split"] == split]
            for row, sound in zip(mine, _utterances(source() / f"{split}.opus", mine), strict=True):
                soundfile.write(folder / f"{row['name']}.flac", sound, audio.SAMPLE_RATE)
                texts.writerow([f"{row['name']}.flac", row["transcript"]])
                bar.advance()
            if split in LISTS:
                atomic_write(folder / LISTS[split], "".join(f"{row['name']}.flac\n" for row in mine))
    atomic_write(folder / "transcripts.csv", table.getvalue())


def _utterances(place: Path, rows: Sequence[Mapping[str, str]]) -> list[np.ndarray]:
    """The parts of a recording, int16 each, by the samples of the rows."""
    sound, ends = audio.read(place)[0], np.cumsum([0, *(int(row["samples"]) for row in rows)])
    if len(sound) != ends[-1]:
        raise UserError(f"{place} has {len(sound)} samples, expected {ends[-1]}; install edgekws again")
    return np.split(sound, ends[1:-1])
