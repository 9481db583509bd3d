"""Talk by name: what the commands do with it, and when it is offered."""

import argparse

import numpy as np
import pytest
import soundfile

from edgekws.cli import main, training


def test_talk_that_was_downloaded_is_measured_by_its_name(tmp_path, monkeypatch, capsys):
    (tmp_path / "cache/librispeech").mkdir(parents=True)
    monkeypatch.setenv("EDGEKWS_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    sound = np.random.default_rng(1).integers(-999, 999, 48_000).astype(np.int16)
    soundfile.write(tmp_path / "cache/librispeech/84_nohash_7-0000.flac", sound, 16_000)
    assert main(["measure", "small-listen", "--negatives", "librispeech"]) == 0
    assert "librispeech (speech): 0" in capsys.readouterr().out


@pytest.mark.parametrize(("negatives", "offered"), [([], True), (["talk"], False)])
def test_who_gave_no_talk_is_told_where_some_is(negatives, offered):
    assert ("--negatives librispeech" in training._no_talk(argparse.Namespace(negatives=negatives))) == offered
