"""What takes bring: takes of voices kept back alone are counted, for a run with takes and one without."""

from dataclasses import replace

import finished_run
import numpy as np
import pytest

from convert import pipeline
from convert.engine import host_library
from convert.prove import figures, own_takes
from convert.tflite import artifact
from edgekws import workspace
from edgekws.corpus.clips import Noise
from edgekws.errors import UserError
from edgekws.listen import detector
from edgekws.listen.detector import NEVER, Tuned
from edgekws.report import run_report

WORDS = ("yes", "no")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Of four clips of a word in each split two are takes from the folder "ours"; a run that hears anything."""
    folder = tmp_path_factory.mktemp("takes")
    clips = finished_run.corpus(WORDS, per_split=4)
    named = (replace(one, name=f"_from_/ours/{one.name}") if one.name[-5] in "01" else one for one in clips.clips)
    hiss = np.random.default_rng(1).integers(-900, 900, 40_000).astype(np.int16)
    clips = replace(clips, clips=tuple(named), noise=(Noise("hiss", hiss),))
    runs = []
    for name, threshold in (("with", 1), ("without", NEVER)):
        run = finished_run.build(folder / name, clips, wrong=1, float_wrong=1)
        run.labels.write_text("yes\nno\n")
        hop = host_library.hop(artifact.load(run.folder))
        settings = replace(detector.default(WORDS, hop), results=1, minimum=1, refractory=0)
        settings = replace(settings, thresholds=(threshold,) * 2, releases=(threshold,) * 2)
        workspace.write_json(run.detector, detector.tuned_to_json(Tuned(settings), WORDS))
        runs.append(run)
    return *runs, clips


def test_only_takes_of_the_split_are_chances(made):
    run, _, clips = made
    material = own_takes.of_split(run, clips, "anywhere/ours", "testing")
    split = clips.split("testing")
    expected = [i for i, one in enumerate(split.clips) if one.name.startswith("_from_/ours/")]
    assert len(expected) == 4
    assert np.array_equal(material.keywords, split.samples[expected])
    assert material.labels.tolist() == split.labels[expected].tolist()


def test_the_report_has_what_a_run_finds_and_what_one_without_takes_finds(made):
    run, without, clips = made
    run_report.write(run, clips, figures.collect(run, clips, finished_run.ladder(run)))
    compared = pipeline.compare_takes(run, clips, "ours", without)
    assert [(row["takes"], row["total"]) for row in compared] == [(True, 4), (False, 4)]
    assert compared[0]["found"] > compared[1]["found"] == 0
    assert run.read_report()["takes"] == compared
    assert workspace.damaged_files(run) == []
    first, second = own_takes.lines(compared)
    assert first.startswith("takes by voices kept back, at 10 dB: made, with takes, finds ")
    assert "without takes, finds 0.0000" in second


def test_a_run_of_other_phrases_is_no_comparison(made):
    run, without, clips = made
    material = own_takes.of_split(run, clips, "ours", "testing")
    other = replace(material, words=("yes", "never"))
    longer = replace(material, keywords=np.zeros((4, 24_000), np.int16))
    for one in (other, longer):
        with pytest.raises(UserError, match="knows other phrases, or hears windows of another length"):
            own_takes.compare(run, without, one)
