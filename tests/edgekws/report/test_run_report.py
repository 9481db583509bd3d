import base64
import io
import json
import re

import finished_run
import numpy as np
import pytest
import soundfile
from page_reader import page, words_of

from convert.prove import figures
from edgekws import zoo
from edgekws.errors import UserError
from edgekws.report import metrics, plots, run_report

WORDS = ("yes", "no", "up")
HOSTILE = ("yes", '<script>alert("1")', "a|b_c*d`e[f](g)&lt;")
BUILD = {"kernels": "portable", "target": "Cortex-M<4>", "state_bytes": 9120, "stack_bytes": 512, "flash_bytes": 45_678}


def written(folder, clips, **options):
    """Build a run, write its report, and give its folder and figures."""
    run = finished_run.build(folder, clips, **options)
    facts = figures.collect(run, clips, finished_run.ladder(run))
    run_report.write(run, clips, facts)
    return run, facts


def test_json_is_what_was_collected(tmp_path):
    run, facts = written(tmp_path, finished_run.corpus(WORDS))
    assert run.report.read_text(encoding="utf-8") == json.dumps(facts, indent=1, ensure_ascii=False) + "\n"


def test_page_is_well_formed_and_needs_nothing_from_outside(tmp_path):
    run, _ = written(tmp_path, finished_run.corpus(WORDS))
    found = page(run)
    assert found.open == []
    assert not {"script", "link", "img", "iframe", "object"} & {tag for tag, _ in found.elements}
    for _, attributes in found.elements:
        assert not any(name.startswith("on") for name in attributes)
        for name in ("src", "href"):
            assert attributes.get(name, "data:").startswith("data:")
    assert "url(" not in (run.folder / "report.html").read_text()


def test_page_shows_the_figures(tmp_path):
    run, facts = written(tmp_path, finished_run.corpus(WORDS, per_split=100), wrong=3, float_wrong=2)
    text = words_of(page(run).text)
    assert "99.00 %" in text
    assert "99.33 %" in text
    assert "−0.33" in text
    assert f"{facts['cost']['multiply_accumulates']:,}" in text
    assert f"{facts['cost']['arena_bytes']:,} bytes" in text
    assert "CPU (2 cores)" in text
    assert "3 shorter than one second" in text
    assert "kept, ahead by 1.50 points" in text
    assert "parity holds" in text
    assert "broken" not in text
    assert "It learns the float model's scores" in text


def test_page_names_a_broken_bound(tmp_path):
    run, _ = written(tmp_path, finished_run.corpus(WORDS), wrong=5, float_wrong=0)
    text = words_of(page(run).text)
    assert "✗ parity broken" in text
    assert "✗ broken points of accuracy int8 is under float: 16.6667 (limit 0.5)" in text
    card = (run.folder / "model_card.md").read_text()
    assert "parity ladder is broken**: points of accuracy int8 is under float: 16.6667 (limit 0.5)." in card


def test_the_same_inputs_give_the_same_bytes(tmp_path):
    clips = finished_run.corpus(WORDS)
    first, _ = written(tmp_path / "a", clips)
    second, _ = written(tmp_path / "b", clips)
    for name in ("report.json", "report.html", "model_card.md"):
        assert (first.folder / name).read_bytes() == (second.folder / name).read_bytes()


def test_hostile_words_are_text(tmp_path):
    clips = finished_run.corpus(HOSTILE, source="</dd><script src='x'>")
    run, _ = written(tmp_path, clips, wrong=20)
    found = page(run)
    assert "script" not in {tag for tag, _ in found.elements}
    assert found.open == []
    for word in HOSTILE:
        assert word in found.text
    card = (run.folder / "model_card.md").read_text()
    assert "<" not in card
    assert r"| a\|b\_c\*d\`e\[f\](g)&amp;lt; |" in card


def test_the_surest_mistakes_come_first_and_can_be_heard(tmp_path):
    clips = finished_run.corpus(WORDS)
    run, _ = written(tmp_path, clips, wrong=20)
    players = [attributes["src"] for tag, attributes in page(run).elements if tag == "audio"]
    testing = clips.split("testing")
    assert len(players) == 12
    for i, source in enumerate(players):  # the scores fall from clip to clip
        kind, _, content = source.partition(",")
        samples, rate = soundfile.read(io.BytesIO(base64.b64decode(content)), dtype="int16")
        assert (kind, rate) == ("data:audio/wav;base64", 16_000)
        assert np.array_equal(samples, testing.samples[i])
    assert page(run).text.index("yes/testing-0.wav") < page(run).text.index("yes/testing-1.wav")


def test_mistakes_are_ranked_by_score_not_by_place():
    clips = finished_run.corpus(WORDS, per_split=2)
    split = clips.split("testing")  # labels 0 0 1 1 2 2
    scores = np.array([[0.3, 0.4, 0.3], [0.9, 0.1, 0], [0.8, 0.1, 0.1], [0, 1, 0], [0.1, 0.7, 0.2], [0.2, 0.7, 0.1]])
    found = plots.mistakes(scores, split, WORDS)
    assert [(m.word, m.heard, m.score) for m in found] == [
        ("no", "yes", 0.8), ("up", "no", 0.7), ("up", "no", 0.7), ("yes", "no", 0.4)
    ]  # fmt: skip
    assert [m.score_of_word for m in found[1:3]] == [0.1, 0.2]
    assert len(plots.mistakes(scores, split, WORDS, most=1)) == 1


def test_a_model_without_mistakes_has_none_to_show(tmp_path):
    run, _ = written(tmp_path, finished_run.corpus(WORDS), wrong=0, float_wrong=0)
    assert "None: the int8 model heard all 30 testing clips right." in words_of(page(run).text)
    assert "commonest mistakes" not in (run.folder / "model_card.md").read_text()


def test_without_quantization_aware_training_only_float_curves_are_drawn(tmp_path):
    with_qat, _ = written(tmp_path / "a", finished_run.corpus(WORDS), qat_epochs=1)
    without, _ = written(tmp_path / "b", finished_run.corpus(WORDS), qat_epochs=0)
    panels = [sum(a.get("class") == "panel" for _, a in page(run).elements) for run in (with_qat, without)]
    assert panels == [4, 2]
    assert "No quantization-aware training was asked for." in words_of(page(without).text)


def test_what_the_rejection_classes_cost_is_shown_where_there_are_any(tmp_path):
    without, _ = written(tmp_path / "without", finished_run.corpus(WORDS))
    assert "by a threshold (edgekws classify --reject" in words_of(page(without).text)
    run, _ = written(tmp_path, finished_run.corpus((*WORDS, "_unknown_", "_silence_")))
    text, card = words_of(page(run).text), (run.folder / "model_card.md").read_text()
    assert re.search(
        r"classes _unknown_ and _silence_93\.33 %[\d.]+–[\d.]+ %0\.000\.00 to 0\.0010 of 1010 of 10 ", text
    )
    assert "| class \\_silence\\_ alone | 93.33" in card
    assert "\n\n\n" not in card


def test_builds_of_the_engine_are_shown_once_there_are_any(tmp_path):
    clips = finished_run.corpus(WORDS)
    run, facts = written(tmp_path, clips)
    assert "The C engine" not in page(run).text + (run.folder / "model_card.md").read_text()
    facts["engine"] = {"builds": [BUILD | {"instructions": 1_234_567}, BUILD | {"instructions": None}]}
    run_report.write(run, clips, facts)
    text, card = page(run).text, (run.folder / "model_card.md").read_text()
    for number in ("9,120", "512", "45,678", "1,234,567", "–"):
        assert number in text[text.index("C engine") :]
        assert f"| {number} |" in card
    assert "Cortex-M<4>" in text
    assert "Cortex-M&lt;4&gt;" in card


def test_twelve_players_and_many_words_stay_below_a_megabyte_and_a_half(tmp_path):
    run, _ = written(tmp_path, finished_run.corpus(tuple(f"word{n}" for n in range(35)), per_split=3), wrong=60)
    assert (run.folder / "report.html").stat().st_size < 1.5e6


def test_model_card_tells_the_input_contract(tmp_path):
    run, _ = written(tmp_path, finished_run.corpus(WORDS))
    card = (run.folder / "model_card.md").read_text()
    assert "| input | 16000 samples, 16 kHz, mono | int8 | 1/128 | 0 |" in card
    assert "| output | 3 scores, softmax | int8 | 1/256 | -128 |" in card
    assert "min((x + 128) >> 8, 127)" in card
    assert "a DC blocker." in card
    assert "younger" not in card  # than the front end
    assert "synthetic" in card  # the recipe's default source is eSpeak
    assert card.count("\n| yes |") == 1


def test_a_model_says_from_which_models_that_ship_it_learned(tmp_path):
    clips = finished_run.corpus(WORDS)
    run, facts = written(tmp_path, clips)
    assert "what ships with edgekws" not in (run.folder / "model_card.md").read_text() + page(run).text
    facts["recipe"]["training"] |= {"start_from": "nano-listen", "teacher": "large", "second_teacher": "runs/mine"}
    run_report.write(run, clips, facts)
    card = (run.folder / "model_card.md").read_text()
    assert "\n\nIt also learned from what ships with edgekws: nano-listen, large. Their cards" in card
    assert "comes first and stands where the recipe names it: runs/mine." in card
    assert "\n\n\n" not in card
    assert "also from what ships with edgekws: nano-listen, large; their cards" in words_of(page(run).text)


def test_a_card_tells_the_window_that_the_network_hears(tmp_path):
    run = finished_run.build(tmp_path, finished_run.corpus(WORDS))
    facts = figures.collect(run, finished_run.corpus(WORDS), finished_run.ladder(run))
    facts["data"]["preparation"]["cropped"] = 2
    text = run_report.model_card(facts)
    assert "it reads one second of sound" in text
    assert "out of one-second windows" in text
    assert "2 longer than one second, cut to the second where the speech is" in text
    facts["recipe"]["model"]["window_seconds"] = 1.5
    text = run_report.model_card(facts)
    assert "it reads 1.5 seconds of sound" in text
    assert "out of windows of 1.5 seconds of speech" in text
    assert "2 longer than 1.5 seconds, cut to the part where the speech is" in text


@pytest.mark.parametrize("wrong", [0, 2, 5])
def test_headings_of_the_model_card_stand_alone(tmp_path, wrong):
    run, _ = written(tmp_path, finished_run.corpus(WORDS), wrong=wrong)
    card = (run.folder / "model_card.md").read_text()
    headings = re.findall(r"^#+ .*$", card, re.MULTILINE)
    assert len(headings) == 9
    assert all(f"\n\n{heading}\n\n" in f"\n\n{card}" for heading in headings)
    assert "\n\n\n" not in card


def test_the_model_card_names_the_runs_that_come_first(tmp_path, monkeypatch):
    monkeypatch.setattr(zoo, "folders", lambda: {"nano": tmp_path})
    run, facts = written(tmp_path, finished_run.corpus(WORDS))
    assert "comes first" not in (run.folder / "model_card.md").read_text()
    facts["recipe"]["training"] |= {"start_from": "runs/first_one", "teacher": "nano"}
    run_report.write(run, finished_run.corpus(WORDS), facts)
    assert r"comes first and stands where the recipe names it: runs/first\_one." in run_report.model_card(facts)
    assert "comes first and stands where the recipe names it: runs/first_one." in words_of(page(run).text)


def test_commonest_mistakes_are_ranked_by_share():
    found = {"words": ["a", "b", "c"], "confusion": {"int8": [[97, 3, 0], [0, 8, 2], [0, 0, 5]]}}
    assert run_report.confusions(found) == [("b", "c", 2, 10), ("a", "b", 3, 100)]


@pytest.mark.parametrize("values", [(0.9623, 0.9790), (0.0, 0.0), (1.0, 1.0), (0.12, 0.98), (0.25, 3.4), (0.31, 0.31)])
def test_an_axis_holds_its_values_between_round_ticks(values):
    axis = plots.axis(values, within=(0, 10))
    assert axis.low <= min(values) <= max(values) <= axis.high
    assert 2 <= len(axis.ticks) <= 9
    assert (axis.at(axis.low), axis.at(axis.high)) == (0, 100)
    assert [float(f"{tick:.{axis.decimals}f}") for tick in axis.ticks] == list(axis.ticks)


def test_an_axis_stays_within_its_limits():
    axis = plots.axis([0.97, 1.0], within=(0, 1))
    assert axis.high == 1.0
    assert axis.at(1.7) == 100


def test_curves_pass_over_losses_that_are_not_numbers(tmp_path):
    history = tmp_path / "history.csv"
    rows = "1,2.0,0.1,inf,0.1\n2,1.0,0.2,nan,0.2\n3,0.5,0.3,1.5,0.3\n"
    history.write_text("epoch,loss,accuracy,val_loss,val_accuracy\n" + rows)
    accuracy, loss = plots.learning_curves(history, 3)
    assert (accuracy.epochs, accuracy.best) == (3, 100)
    assert re.fullmatch(r"M0\.00 [\d.]+L50\.00 [\d.]+L100\.00 [\d.]+", loss.curves[0].path)
    assert loss.curves[1].path.startswith("M100.00 ")
    assert "nan" not in loss.curves[1].path


@pytest.mark.parametrize(
    "content", [b"", b"\xff\xfe\0", b"epoch,loss\n1,2\n", b"epoch,loss,accuracy,val_loss,val_accuracy\n1,x"]
)
def test_a_damaged_history_is_one_line(tmp_path, content):
    (tmp_path / "history.csv").write_bytes(content)
    with pytest.raises(UserError, match="history.csv"):
        plots.learning_curves(tmp_path / "history.csv", 1)


def test_one_epoch_is_a_point(tmp_path):
    history = tmp_path / "history.csv"
    history.write_text("epoch,loss,accuracy,val_loss,val_accuracy\n1,2.0,0.1,2.5,0.2\n")
    accuracy, _ = plots.learning_curves(history, 1)
    first, second = accuracy.curves[0].path.removeprefix("M").split("L")
    assert first == second
    assert accuracy.best == 50


def test_shades_are_shares_of_the_row_and_cube_roots_off_the_diagonal():
    assert plots.shades([[999, 1], [0, 0]]) == [[99.9, 10.0], [0.0, 0.0]]


def test_waveform_reaches_from_the_top_to_the_bottom_of_its_box():
    samples = np.zeros(16_000, np.int16)
    samples[4000], samples[12_000] = 30_000, -30_000
    heights = [float(y) for y in re.findall(r"[ML][\d.]+ ([\d.]+)", plots.waveform(samples))]
    assert (min(heights), max(heights)) == (1.0, 99.0)
    assert len(heights) == 320
    assert "nan" not in plots.waveform(np.zeros(16_000, np.int16))


def test_a_tradeoff_has_powers_of_ten_and_none_at_all_at_its_left_end():
    picture = plots.tradeoff([("10 dB", [[0.0, 0.5], [0.5, 0.3], [40.0, 0.1]])], 0.5)
    assert picture.x.ticks == (-1, 0, 1, 2)
    assert picture.goal == picture.at(0.5) == pytest.approx(100 * (np.log10(0.5) + 1) / 3, abs=0.01)
    assert picture.curves[0].path.startswith("M0.00 ")
    assert picture.curves[0].path.count("L") == 2
    assert plots.tradeoff([("one", [[0.0, 0.0]])], 1.0).curves[0].path.count("L") == 1


def test_a_tradeoff_has_the_intervals_of_both_its_numbers_as_a_band():
    points = [[0.4, 0.5], [4.0, 0.1]]
    assert plots.tradeoff([("10 dB", points)], 0.5).curves[0].band == ""
    picture = plots.tradeoff([("10 dB", points)], 0.5, hours=10, said=[200])
    corners = [tuple(map(float, at.split())) for at in picture.curves[0].band[1:-1].split("L")]
    upper, lower = corners[:2], corners[:1:-1]
    for (rate, missed), above, below in zip(points, upper, lower, strict=True):
        across, down = picture.at(rate), 100 - picture.y.at(missed)
        assert below[0] < across < above[0]
        assert above[1] < down < below[1]  # down the page is less
    low, high = metrics.poisson_interval(4)
    assert (lower[0][0], upper[0][0]) == (
        pytest.approx(picture.at(low / 10), abs=0.1),
        pytest.approx(picture.at(high / 10), abs=0.1),
    )
