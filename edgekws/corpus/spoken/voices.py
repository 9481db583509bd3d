"""The voices of eSpeak NG: its variants that could be people, and others that are drawn, of more kinds of people."""

from __future__ import annotations

import math
import random

from edgekws.corpus.clips import SPLITS, Selection
from edgekws.errors import UserError

# eSpeak's variants that could be people: no robots, whispers or echoes. Their first three formants move by factors of
# 0.8 to 1.35 and within 1.15 of each other, as with another length of the vocal tract. A line is a family of voices
# that are too similar for different splits.
_WOMEN = """
    Andrea
    Annie
    anika
    aunty
    belinda
    f2 f5
    f3
    f4
    linda
"""
_MEN = """
    Alex
    Denis
    Diogo Henrique Hugo michel miguel
    Gene Gene2
    Mario
    Mike
    Nguyen m8
    Storm
    adam benjamin klatt6
    antonio
    croak grandpa john m6 m7 max
    ed
    edward edward2
    ian
    iven iven2 iven3 iven4
    klatt klatt2 klatt3 klatt4 klatt5
    m1
    m3
    m4
    mike2
    pablo
    paul
    pedro
    quincy
    rob robert
    sandro
    victor
"""
# (length of the vocal tract as a factor of the formants, lowest pitch in Hz), from large men to small children
_BODIES = ((0.86, 75), (0.95, 95), (1.0, 110), (1.08, 150), (1.15, 180), (1.22, 210), (1.3, 250))
_TONE = ((400, 130, 255), (1200, 80, 255), (2500, 50, 220), (4500, 30, 200))  # (Hz, least and most strength)
_KLATT = (1, 2, 3, 4, 6)  # eSpeak's other synthesizers, with other sources of the voice


def split_variants(selection: Selection) -> dict[str, list[str]]:
    """{split: variants}: whole families of women and of men, chosen by the seed until each split has its share."""
    shares = {"testing": selection.testing_percent, "validation": selection.validation_percent}
    rng = random.Random(selection.seed)
    splits: dict[str, list[str]] = {split: [] for split in SPLITS}
    for families in (_WOMEN.strip().splitlines(), _MEN.strip().splitlines()):
        variants = sum(len(family.split()) for family in families)
        left = rng.sample(families, len(families))
        for split, percent in shares.items():
            wanted = len(splits[split]) + percent / 100 * variants
            while left and len(splits[split]) < wanted:
                splits[split] += left.pop().split()
        splits["training"] += " ".join(left).split()
    if not all(splits.values()):
        raise UserError(
            f"validation_percent {shares['validation']:g} and testing_percent {shares['testing']:g} "
            "leave a split without voices; 10 and 10 do not"
        )
    return splits


def drawn(rng: random.Random) -> str:
    """A voice, as the lines of an eSpeak variant: pitch, formants, breath, roughness, tone and consonants.

    Formants move together by 0.81 to 1.38, and each by 5 % more, as vocal tracts differ.
    """
    tract, lowest = rng.choice(_BODIES)
    factor, low = tract * math.exp(rng.uniform(-0.06, 0.06)), lowest * math.exp(rng.uniform(-0.2, 0.2))
    lines = [f"pitch {low:.0f} {low * rng.uniform(1.1, 1.7):.0f}"]
    for number in range(1, 6):
        percent = 100 * factor * rng.uniform(0.95, 1.05)
        lines.append(f"formant {number} {percent:.0f} {rng.uniform(70, 150):.0f} {rng.uniform(70, 180):.0f}")
    for number in range(6, 9):
        lines.append(f"formant {number} {100 * factor:.0f} {rng.uniform(30, 150):.0f} {rng.uniform(80, 150):.0f}")
    lines.append(f"flutter {rng.randint(0, 6)}")
    lines.append(f"roughness {rng.choice((0, 0, 1, 2, 3, 4))}")
    lines.append(f"voicing {rng.uniform(60, 140):.0f}")
    lines.append(f"consonants {rng.uniform(60, 180):.0f} {rng.uniform(60, 180):.0f}")
    if rng.random() < 0.4:
        most = rng.choice((6, 30))
        lines.append("breath " + " ".join(str(rng.randint(0, most)) for _ in range(8)))
    lines.append("tone " + " ".join(f"{hertz} {rng.uniform(least, most):.0f}" for hertz, least, most in _TONE))
    lines.append(f"intonation {rng.randint(1, 4)}")
    if rng.random() < 0.2:
        lines.append(f"klatt {rng.choice(_KLATT)}")
    return "\n".join(lines)
