"""Makes firmware_assets/talk: an hour and a half of the speechocean762 corpus, which `included-talk` names.

    python docs/make_talk.py speechocean762

The folder is a checkout of github.com/jimbozhang/speechocean762 (5.6 hours of 250 people who learn English, CC BY 4.0).
Speakers have the splits that the listening models had when they were trained, so that what starts from one of these is
tuned and measured on people that it has never heard.
"""

import csv
import io
import random
import sys
from pathlib import Path

import numpy as np
import soundfile

from edgekws import audio, zoo
from edgekws.corpus import heard
from edgekws.corpus.clips import SPLITS
from edgekws.corpus.supplied import included
from edgekws.files import atomic_write

DEST = Path(__file__).parents[1] / "firmware_assets" / "talk"
SECONDS = {"training": 2700, "validation": 1800, "testing": 900}
COMPRESSION = 0.968  # of libsndfile: about 14 kbit a second


def main() -> None:
    corpus = Path(sys.argv[1])
    known = heard.read(zoo.place("small-listen") / heard.FILE) or {}
    texts = dict(line.split("\t") for name in ("train", "test") for line in (corpus / name / "text").open())
    spoken: dict[str, dict[str, list[Path]]] = {split: {} for split in SPLITS}
    for path in sorted(one for one in (corpus / "WAVE").rglob("*.WAV") if one.stem in texts):
        speaker = f"so{path.parent.name.removeprefix('SPEAKER')}"
        split = heard.learned(known, speaker, path) or "testing"
        spoken[split].setdefault(speaker, []).append(path)
    table = io.StringIO()
    rows = csv.writer(table, lineterminator="\n")
    rows.writerow(included.COLUMNS)
    DEST.mkdir(exist_ok=True)
    for split, by_speaker in spoken.items():
        parts = []
        for speaker, path in _chosen(by_speaker, SECONDS[split]):
            parts.append(audio.read(path)[0])
            rows.writerow([f"{speaker}_nohash_{path.stem}", split, len(parts[-1]), texts[path.stem].strip().lower()])
        sound = np.concatenate(parts)
        kind = {"format": "OGG", "subtype": "OPUS", "compression_level": COMPRESSION}
        soundfile.write(DEST / f"{split}.opus", sound, audio.SAMPLE_RATE, **kind)
        print(f"{split}: {len(by_speaker)} speakers, {len(parts)} recordings, {len(sound) / audio.SAMPLE_RATE:.0f} s")
    atomic_write(DEST / included.TABLE, table.getvalue())
    atomic_write(DEST / "LICENCE.txt", included.LICENCE + "\n")


def _chosen(by_speaker: dict[str, list[Path]], seconds: float) -> list[tuple[str, Path]]:
    """Recordings of so many seconds, as many of each speaker as of the others as far as there are."""
    rng = random.Random(1)
    order = {speaker: rng.sample(paths, len(paths)) for speaker, paths in sorted(by_speaker.items())}
    chosen: list[tuple[str, Path]] = []
    for place in range(max(map(len, order.values()))):
        for speaker, paths in order.items():
            if place < len(paths) and seconds > 0:
                chosen.append((speaker, paths[place]))
                seconds -= audio.length(paths[place]) / audio.SAMPLE_RATE
    return sorted(chosen)


if __name__ == "__main__":
    main()
