"""What each condition does to the samples, and that every figure counts the clips it says."""

import json

import finished_run
import numpy as np
import pytest
from page_reader import page, words_of

from convert.prove import figures, robustness
from edgekws.recipe import Model
from edgekws.report import run_report

RNG = np.random.default_rng(3)
CLIPS = RNG.integers(-8000, 8000, (6, 16_000)).astype(np.int16)


def rms(samples):
    return np.sqrt(np.mean(samples.astype(float) ** 2, axis=1))


def test_levels_are_decibels_and_saturate():
    assert np.array_equal(robustness.at_level(CLIPS, 0.0), CLIPS)
    assert rms(robustness.at_level(CLIPS, -24.0)) == pytest.approx(rms(CLIPS) * 10**-1.2, rel=1e-3)
    loud = robustness.at_level(np.array([[-32_768, 20_000, 5000, 1]], np.int16), 12.0)
    assert loud.tolist() == [[-32_768, 32_767, 19_905, 4]]


def test_loudness_is_of_full_scale_whatever_the_level_was():
    for dbfs in robustness.DBFS:
        heard = rms(robustness.Condition("loudness", dbfs).apply(CLIPS // np.array([[1], [2], [4], [8], [16], [32]])))
        assert 20 * np.log10(heard / 32_768) == pytest.approx(dbfs, abs=0.05)
    silence = np.zeros((1, 16_000), np.int16)
    assert not robustness.at_loudness(silence, -15.0).any()


def test_offsets_are_shares_of_full_scale_and_saturate():
    assert np.array_equal(robustness.Condition("offset", 0.1).apply(CLIPS), np.rint(CLIPS + 3_276.8))
    loud = robustness.Condition("offset", 0.2).apply(np.full((1, 16_000), 30_000, np.int16))
    assert set(loud.ravel()) == {32_767}


def test_noise_has_the_ratio_asked_for():
    noise = RNG.integers(-500, 500, CLIPS.shape).astype(np.int16)
    for ratio in (20.0, 0.0):
        added = robustness.with_noise(CLIPS, noise, ratio).astype(float) - CLIPS
        assert 20 * np.log10(rms(CLIPS) / rms(added)) == pytest.approx(ratio, abs=0.05)
    silence = np.zeros((1, 16_000), np.int16)
    assert not robustness.with_noise(silence, noise[:1], 0.0).any()
    assert np.array_equal(robustness.with_noise(CLIPS[:1], silence, 0.0), CLIPS[:1])


def test_shifts_move_zeros_in():
    later = robustness.Condition("shift", 100.0).apply(CLIPS)
    assert not later[:, :1600].any()
    assert np.array_equal(later[:, 1600:], CLIPS[:, :-1600])
    earlier = robustness.Condition("shift", -50.0).apply(CLIPS)
    assert not earlier[:, -800:].any()
    assert np.array_equal(earlier[:, :-800], CLIPS[:, 800:])


def measured(noises, count=40):
    """Clips of two words whose sign tells the word; int8 hears only what is loud enough and not too late."""
    samples = np.zeros((count, 16_000), np.int16)
    labels = np.arange(count) % 2
    samples[:, 5000:5100] = np.where(labels, 1000, -1000)[:, None]
    speakers = [f"speaker {i // 2}" for i in range(count)]

    def scores(inputs):
        heard = inputs[:, 5000:5100].astype(float).sum(axis=1)
        return np.stack([-heard, heard], axis=1)

    def sound(inputs):
        return (
            scores(inputs) if inputs.dtype == np.float32 else scores(inputs) * (np.abs(inputs).max(axis=1) > 2)[:, None]
        )

    return robustness.measure(samples, labels, speakers, noises, Model(), sound, scores)


def test_conditions_are_counted_on_the_same_clips():
    found = measured(RNG.integers(-500, 500, (3, 16_000)).astype(np.int16))
    rows = {row["title"]: row for row in found["conditions"]}
    assert len(rows) == 6 + 4 + 2 + 4 + 6
    assert next(iter(rows)) == "as recorded"
    assert rows["as recorded"]["int8"] == {"accuracy": 1.0, "interval": pytest.approx([0.9124, 1.0], abs=1e-4),
                                           "correct": 40, "total": 40}  # fmt: skip
    quiet = rows["−24 dB"]  # 63 / 32768 codes to 0: int8 hears the first word always
    assert (quiet["int8"]["accuracy"], quiet["uncoded_float"]["accuracy"]) == (0.5, 1.0)
    assert quiet["int8_minus_uncoded_float"]["value"] == -0.5
    assert quiet["correct_by_word"] == [20, 0]
    assert found["clips_by_word"] == [20, 20]
    assert rows["200 ms later"]["int8"]["accuracy"] == 0.5
    assert found["collapsed"] == ["100 ms earlier", "100 ms later"]
    assert "uncoded_float" not in rows["noise at 10 dB SNR"]
    assert any("collapses: 100 ms later" in line for line in robustness.lines(found))


def test_the_same_clips_give_the_same_figures_and_without_held_out_noise_there_are_none():
    noises = RNG.integers(-500, 500, (3, 16_000)).astype(np.int16)
    assert json.dumps(measured(noises)) == json.dumps(measured(noises))
    without = measured(noises[:0])
    assert {row["kind"] for row in without["conditions"]} == {"level", "loudness", "offset", "shift"}
    assert "held_out_noise" in robustness.lines(without)[-3]


def test_the_worst_tenth_of_the_speakers():
    speakers = ["a"] * 4 + ["b"] * 2 + [f"s{i}" for i in range(9)]  # eleven: the worst two
    right = np.array([True, True, True, False, False, True] + [True] * 9)
    worst = robustness.worst_speakers(right, speakers)
    assert (worst["speakers"], worst["of"], worst["correct"], worst["total"]) == (2, 11, 4, 6)
    with_silence = robustness.worst_speakers(np.append(right, [False] * 3), [*speakers, "", "", ""])
    assert with_silence == worst  # nobody speaks there
    assert robustness.worst_speakers(right, [""] * len(right)) is None  # nobody is named


def test_the_report_and_the_card_show_them(tmp_path):
    clips = finished_run.corpus(("yes", "no"), per_split=20)
    run = finished_run.build(tmp_path, clips)
    facts = figures.collect(run, clips, finished_run.ladder(run)) | {"robustness": measured(CLIPS[:0])}
    run_report.write(run, clips, facts)
    found = page(run)
    text, card = words_of(found.text), (run.folder / "model_card.md").read_text()
    assert found.open == []
    assert "It collapses: 100 ms earlier, 100 ms later." in text
    assert "200 ms later 50.00 %, 35.20–64.80 %; float 50.00 %; 0.00" in text
    assert "| 200 ms later | 50.00" in card
    assert "| worst 2 of 20 speakers | 100.00" in card
    assert "\n\n\n" not in card
