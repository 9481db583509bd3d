"""Voices of eSpeak: no family in two splits, and drawn ones that are heard and that differ."""

import itertools
import random
import re
from pathlib import Path

import espeakng_loader
import numpy as np
import pytest

from edgekws.corpus.clips import Selection
from edgekws.corpus.spoken import espeak, voices
from edgekws.errors import UserError


def test_no_variant_is_in_two_splits():
    for seed in range(20):
        splits = voices.split_variants(Selection(seed=seed))
        variants = list(itertools.chain(*splits.values()))
        assert len(variants) == len(set(variants)) == 59
        for split in ("validation", "testing"):
            women = [variant for variant in splits[split] if variant in voices._WOMEN.split()]
            assert 0 < len(women) < len(splits[split])
            assert 6 <= len(splits[split]) <= 15
        for family in (voices._WOMEN.strip() + voices._MEN.rstrip()).splitlines():
            assert sum(not set(family.split()).isdisjoint(splits[split]) for split in splits) == 1


def test_the_voices_have_vocal_tracts_as_people_have():
    folder = Path(espeakng_loader.get_data_path()) / "voices" / "!v"
    for variant in (voices._WOMEN + voices._MEN).split():
        factors = {"1": 100, "2": 100, "3": 100}
        for line in (folder / variant).read_text(errors="replace").splitlines():
            if found := re.match(r"\s*formant\s+([123])\s+(\d+)", line):
                factors[found[1]] = int(found[2])
        assert 80 <= min(factors.values()) <= max(factors.values()) <= 135, variant
        assert max(factors.values()) <= 1.15 * min(factors.values()), variant


def test_percentages_that_leave_no_voice():
    with pytest.raises(UserError, match="leave a split without voices"):
        voices.split_variants(Selection(validation_percent=1, testing_percent=98.5))


def test_a_drawn_voice_has_a_vocal_tract_as_people_have():
    rng = random.Random(1)
    drawn = [voices.drawn(rng) for _ in range(300)]
    assert len(set(drawn)) == 300
    for lines in drawn:
        first = [int(found) for found in re.findall(r"formant [123] (\d+)", lines)]
        assert len(first) == 3
        assert 76 <= min(first) <= max(first) <= 145
        assert max(first) <= 1.11 * min(first) + 1
        low, high = map(int, re.search(r"pitch (\d+) (\d+)", lines).groups())
        assert 60 < low < high < 550


def test_every_drawn_voice_speaks_and_no_two_sound_alike():
    rng = random.Random(2)
    said = [espeak.Utterance("seven", "en-us", 150, 50, 50, voices.drawn(rng)) for _ in range(40)]
    sounds = list(espeak.speak(said))
    assert all(np.abs(sound).max() > 0.05 and 4_000 < len(sound) < 16_000 for sound in sounds)
    assert len({sound.tobytes() for sound in sounds}) == 40
