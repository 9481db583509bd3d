"""Speech Commands' own rules for what is no word, and the recipes of v0.02, on a small archive made as that one is."""

import io
import math
import tarfile
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
import soundfile

from edgekws import recipe
from edgekws.corpus import rejection, sources
from edgekws.corpus.clips import SILENCE, SPLITS, UNKNOWN, Rejection
from edgekws.corpus.supplied import download
from edgekws.errors import UserError

RECIPES = Path(str(files("edgekws"))) / "recipes"
OF_EACH = {"validation": 3, "testing": 2, "training": 7}  # clips of a word, each of a speaker of its own


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """What `speech_commands_v0.02.tar.gz` is, small: 35 words, the two lists, background noise, and texts."""
    rng = np.random.default_rng(0)
    words = recipe.load(RECIPES / "v2-35.toml").data.words
    names = {split: [f"{word}/{SPLITS.index(split)}{i:07x}_nohash_0.wav" for word in words for i in range(count)]
             for split, count in OF_EACH.items()}  # fmt: skip
    content = {f"{split}_list.txt": "\n".join(names[split]).encode() for split in ("validation", "testing")}
    for name in (*(name for some in names.values() for name in some), "_background_noise_/tap.wav"):
        buffer = io.BytesIO()
        samples = rng.integers(-4000, 4000, 16_000 * (3 if "noise" in name else 1)).astype(np.int16)
        soundfile.write(buffer, samples, 16_000, format="WAV", subtype="PCM_16")
        content[name] = buffer.getvalue()
    content |= {"README.md": b"", "LICENSE": b"", "_background_noise_/README.md": b""}
    place = tmp_path_factory.mktemp("archive") / "speech_commands_v0.02.tar.gz"
    with tarfile.open(place, "w:gz") as tar:
        for name, data in content.items():
            member = tarfile.TarInfo(f"./{name}")
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return place


@pytest.fixture
def unpacked(archive, tmp_path, monkeypatch):
    """The cache of a user to whom the archive came."""
    monkeypatch.setenv("EDGEKWS_CACHE", str(tmp_path / "cache"))
    (tmp_path / "cache").mkdir()
    place = tmp_path / "cache" / "speech_commands_v0.02"
    download.unpack(archive, place, most_bytes=100 << 20, progress=False)
    return place


def test_twelve_classes_by_the_rules_of_the_data_set(unpacked):
    corpus = sources.of_recipe(recipe.load(RECIPES / "v2-12.toml"), progress=False)
    assert corpus.words == ("yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go", UNKNOWN, SILENCE)
    counts = corpus.counts()
    for split, each in OF_EACH.items():
        assert all(counts[split][word] == each for word in corpus.words[:10])
        assert counts[split][UNKNOWN] == counts[split][SILENCE] == math.ceil(each * 10 * 0.1)
    unknown = {clip.name.split("/")[0] for clip in corpus.clips if clip.word == UNKNOWN}
    assert len(unknown) > 5
    assert unknown.isdisjoint(corpus.words)
    listed = {clip.name: clip.split for clip in corpus.clips} | {noise.name: "" for noise in corpus.noise}
    made = recipe.load(RECIPES / "v2-12.toml")
    assert sources.of_recipe(made, listed=listed, progress=False).fingerprint == corpus.fingerprint
    other = sources.of_recipe(recipe.replace(made, {"seed": 2}), progress=False)
    assert {clip.name for clip in other.clips} != {clip.name for clip in corpus.clips}


def test_all_words(unpacked):
    corpus = sources.of_recipe(recipe.load(RECIPES / "v2-35.toml"), progress=False)
    assert len(corpus.words) == 35
    assert all(corpus.counts()[split][word] == each for split, each in OF_EACH.items() for word in corpus.words)


def test_twelve_classes_cover_all_words_of_the_data_set():
    twelve, whole = (recipe.load(RECIPES / f"v2-{n}.toml").data for n in (12, 35))
    assert sorted((*twelve.words, *twelve.unknown)) == sorted(whole.words)


def test_silence_is_recorded_noise_at_any_volume():
    rng, noise = np.random.default_rng(1), np.full(20_000, 10_000, np.int16)
    levels = [int(rejection.volume(rng, [noise, np.ones(5, np.int16)])[0]) for _ in range(200)]
    assert min(levels) < 500
    assert max(levels) > 9_500
    assert 4_000 < np.mean(levels) < 6_000
    with pytest.raises(UserError, match="made of background noise, but _background_noise_ has no recording"):
        rejection.volume(rng, [])


@pytest.mark.parametrize(
    ("source", "wanted", "message"),
    [
        ("espeak", Rejection(("stop",), percent=10), "reject_percent is for recordings, and espeak has none"),
        ("here", Rejection(percent=10), "draws _unknown_ from data.unknown, which is empty"),
        ("here", Rejection(("stop",), silence=3, percent=10), "alone chooses the clips of no word; leave out"),
    ],
)
def test_rules_that_cannot_be_kept_are_told(tmp_path, source, wanted, message):
    with pytest.raises(UserError, match=message):
        sources.load(str(tmp_path) if source == "here" else source, ["yes", "no"], rejection=wanted)


@pytest.mark.slow
def test_one_command_takes_the_archive_to_a_proved_model(unpacked, tmp_path, monkeypatch):
    from edgekws import cli

    monkeypatch.chdir(tmp_path)
    quick = ["model.architecture=nano", "training.epochs=1", "quantization.epochs=0", "parity.accuracy_drop_points=100"]
    changes = [part for change in quick for part in ("--set", change)]
    assert cli.main(["run", "edgekws/recipes/v2-12.toml", *changes]) in (0, 1)  # a net that learned nothing may differ
    assert (tmp_path / "runs/v2-12/labels.txt").read_text().split()[-2:] == [UNKNOWN, SILENCE]
    assert (tmp_path / "runs/v2-12/report.html").exists()
