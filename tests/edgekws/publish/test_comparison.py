"""The table and charts of published results: medians, seeds, the 2019 report's cells, the same bytes each time."""

import dataclasses
import re
import shutil
import xml.etree.ElementTree as ElementTree
from importlib.resources import files
from pathlib import Path

import finished_run
import pytest

from convert.prove import figures
from edgekws import cli, recipe, workspace
from edgekws.errors import UserError
from edgekws.model import catalogue
from edgekws.model.tables import variant_words
from edgekws.publish import comparison
from edgekws.report import against, run_report, scatter
from edgekws.sweep import results


def row(architecture="custom-32/8", variant="do50", seed=1, right=940, augmented="yes"):
    entry = catalogue.find(architecture)
    found = dict.fromkeys(results.COLUMNS, "")
    found |= {"run": "r", "architecture": architecture, "variant": variant, "seed": str(seed), "augmented": augmented}
    found |= {"coding": "mu_law", "testing_clips": "1000", "status": "done", "parameters": "94768", "macs": "132748288"}
    found["report"] = str(entry.reported_accuracy.get(variant, ""))
    for kind, correct in (("float", right + 5), ("int8", right)):
        found |= results.counted(kind, correct, 1000)
    return found


def tables(folder, *rows):
    folder.mkdir(exist_ok=True)
    (folder / "more.csv").write_text(results.to_csv(rows))
    assert cli.main(["tables", str(folder), "--add", str(folder / "more.csv")]) == 0
    return (folder / "README.md").read_text()


def test_the_seed_in_the_middle_is_published_and_all_are_shown(tmp_path):
    text = tables(tmp_path / "p", *(row(seed=s, right=r) for s, r in ((1, 940), (2, 930), (3, 955))))
    line = next(line for line in text.splitlines() if line.startswith("| custom-32/8 | DO .5 |"))
    assert "| 0.9477 |  |  | **0.9450**" in line
    assert "**0.9400** [0.9235, 0.9531] (seeds 1: 0.9400, 2: 0.9300, 3: 0.9550) |" in line
    assert "| custom-32/8 | BN | 94,768 | 132.7 | 0.9285 |  |  |  |  |" in text  # a cell that was not run
    assert "1 of the 2019 report's 236 accuracies" in text


def test_cells_of_the_report_by_the_plain_recipe_stand_beside_ours(tmp_path):
    cells = comparison.report_cells([row(right=900, augmented="no"), row(right=910, seed=2, augmented="no"), row()])
    (cell,) = cells
    assert (cell.family, cell.label, cell.words, cell.report, cell.ours) == (
        *("custom-32", "custom-32/8", "DO .5", 0.9477, 0.905),
    )
    chart = against.svg([*cells, dataclasses.replace(cell, variant="bn", words="BN", report=0.97, ours=0.98)])
    root = ElementTree.fromstring(chart)
    titles = [element.text for element in root.iter("{http://www.w3.org/2000/svg}title")]
    assert "custom-32/8, DO .5: ours 0.9050, the report 0.9477" in titles
    dashed = next(e for e in root.iter("{http://www.w3.org/2000/svg}path") if e.get("stroke-dasharray"))
    x0, y0, x1, y1 = map(float, re.findall(r"[\d.]+", dashed.get("d")))
    above, below = (marks(root, "triangle"), marks(root, "square"))  # better than the report, and worse
    for (x, y), better in ((above, True), (below, False)):
        assert (y < y0 + (y1 - y0) * (x - x0) / (x1 - x0)) is better
    tables(tmp_path / "p", row(augmented="yes"))
    assert not (tmp_path / "p" / comparison.AGAINST).exists()


def marks(root, kind):
    """Where the first mark of a kind stands: by how many corners its path has, and which way up."""
    corners = {"triangle": 3, "square": 4}[kind]
    for group in root.iter("{http://www.w3.org/2000/svg}g"):
        path = group.find("{http://www.w3.org/2000/svg}path")
        if path is not None and path.get("d").count("L") == corners - 1:
            numbers = [float(n) for n in re.findall(r"[\d.]+", path.get("d"))]
            return sum(numbers[::2]) / corners, sum(numbers[1::2]) / corners
    raise AssertionError(kind)


def test_two_seeds_give_the_lower_one():
    assert comparison.median([row(seed=1, right=950), row(seed=2, right=940)])["seed"] == "2"
    assert comparison.median([row(seed=2), row(seed=1)])["seed"] == "1"
    assert comparison.median([row(seed=s, right=r) for s, r in ((3, 940), (2, 940), (1, 950))])["seed"] == "2"


def test_plain_and_good_stand_side_by_side_and_a_new_run_takes_an_old_ones_place(tmp_path):
    tables(tmp_path / "p", row(right=900, augmented="no"), row(right=910))
    text = tables(tmp_path / "p", row(right=950))
    line = next(line for line in text.splitlines() if "| 0.9477 |" in line)
    assert line.count("**") == 8
    assert "**0.9000**" in line
    assert "**0.9500**" in line
    assert "0.9100" not in line
    assert len((tmp_path / "p" / "results.csv").read_text().splitlines()) == 3


def test_what_stands_around_the_table_stays_and_the_same_rows_give_the_same_bytes(tmp_path):
    folder = tmp_path / "p"
    folder.mkdir()
    (folder / "README.md").write_text(f"# Mine\n\nbefore\n{comparison.BEGIN}\nobsolete\n{comparison.END}\n\nafter\n")
    text = tables(folder, row())
    assert text.startswith("# Mine\n\nbefore\n<!--")
    assert text.endswith("-->\n\nafter\n")
    assert "obsolete" not in text
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert cli.main(["tables", str(folder)]) == 0
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_every_accuracy_of_the_report_is_there_and_what_was_run_in_bold(tmp_path):
    text = tables(tmp_path / "p", row()).partition("<details>")[2]
    given = [value for entry in catalogue.entries().values() for value in entry.reported_accuracy.values()]
    assert sorted(re.findall(r"0\.\d{4}", text)) == sorted(f"{value:.4f}" for value in given)
    assert len(given) == 236
    assert re.findall(r"\*\*(.*?)\*\*", text) == [row()["report"]]


def test_a_finished_run_is_taken_in(tmp_path):
    clips = finished_run.corpus(("yes", "no"), per_split=20)
    run = finished_run.build(tmp_path, clips)
    with pytest.raises(UserError, match="not finished"):
        comparison.make(tmp_path, [run.folder])
    facts = figures.collect(run, clips, finished_run.ladder(run))
    run_report.write(run, clips, facts)
    workspace.write_manifest(run, {})
    comparison.make(tmp_path, [run.folder])
    (found,) = comparison.read(tmp_path / "results.csv")
    assert (found["int8_correct"], found["testing_clips"], found["status"]) == ("38", "40", "done")
    assert (found["validation_float"], found["validation_int8"]) == ("0.4000", "0.9150")
    assert int(found["parameters"]) == catalogue.find("nano").architecture.parameters(2)
    assert found["command"].startswith("edgekws run")


def test_a_model_that_rejects_is_not_compared_with_those_of_words_alone(tmp_path, capsys):
    shipped = Path(str(files("firmware_assets") / "pretrained"))
    shutil.copyfile(shipped / "results.csv", tmp_path / "results.csv")
    assert cli.main(["tables", str(tmp_path), "--add", str(shipped / "small-listen")]) == 2
    assert "small-listen also has _unknown_, _silence_; expected a model of words only" in capsys.readouterr().err
    assert (tmp_path / "results.csv").read_bytes() == (shipped / "results.csv").read_bytes()


def test_mistakes_are_named(tmp_path):
    (tmp_path / "results.csv").write_text("a,b\n1,2\n")
    with pytest.raises(UserError, match=r"results.csv: damaged table \(row 2: expected the columns run, architecture"):
        comparison.make(tmp_path)
    (tmp_path / "results.csv").unlink()
    with pytest.raises(UserError, match="has no results"):
        comparison.make(tmp_path)
    bad = row() | {"architecture": "nanno"}
    (tmp_path / "results.csv").write_text(results.to_csv([bad]))
    with pytest.raises(UserError, match=r"results.csv: unknown architecture 'nanno'; did you mean nano"):
        comparison.make(tmp_path)
    (tmp_path / "results.csv").unlink()
    with pytest.raises(UserError, match="does not exist; expected a run"):
        comparison.make(tmp_path, [tmp_path / "none.csv"])
    assert cli.main(["tables", str(tmp_path / "none")]) == 2


def test_what_cannot_stand_in_one_table_is_told_and_nothing_is_written(tmp_path, capsys):
    folder = tmp_path / "p"
    tables(folder, row())
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    more = folder / "more.csv"

    def refused(content, told):
        more.write_bytes(content if isinstance(content, bytes) else results.to_csv([content]).encode())
        assert cli.main(["tables", str(folder), "--add", str(more)]) == 2
        assert told in capsys.readouterr().err
        more.write_bytes(before["more.csv"])
        assert {path.name: path.read_bytes() for path in folder.iterdir()} == before

    refused(row(seed=2) | {"int8_low": "abc"}, "more.csv, line 2: expected a number as int8_low, got 'abc'")
    refused(row(seed=2) | {"testing_clips": ""}, "more.csv, line 2: expected a number as testing_clips, got ''")
    refused(row(seed=2) | {"testing_clips": "16", "run": "b"}, "b was measured on 16 testing clips, r on 1000")
    refused(b"\xff\xfe\x00", "more.csv is not UTF-8 text")
    (folder / "d.csv").mkdir()
    with pytest.raises(UserError, match=r"d.csv cannot be read"):
        comparison.make(folder, [folder / "d.csv"])


def test_a_sweeps_own_table_is_no_folder_of_published_results(tmp_path):
    unfinished = row() | dict.fromkeys(("testing_clips", *comparison.FRACTIONS), "") | {"run": "bad"}
    text = results.to_csv([row(seed=2), unfinished])
    (tmp_path / "results.csv").write_text(text)
    with pytest.raises(UserError, match=r"runs without a result \(bad\)"):
        comparison.make(tmp_path)
    assert (tmp_path / "results.csv").read_text() == text
    (tmp_path / "p").mkdir()
    assert comparison.make(tmp_path / "p", [tmp_path / "results.csv"]) == []
    newer = row(seed=2, right=950) | {"run": "new"}
    (tmp_path / "new.csv").write_text(results.to_csv([newer]))
    told = comparison.make(tmp_path / "p", [tmp_path / "new.csv"])
    assert told == ["new (0.9500) takes the place of r (0.9400)"]


def test_points_of_one_network_are_told_apart_and_a_broken_bound_is_marked():
    rows = [row(), row(variant="do50_bn", seed=2), row(variant="bn") | {"status": "broken"}, row("nano", "bn")]
    ours = [p.label for p in comparison.chart_points(rows, "macs") if p.kind == "good"]
    assert ours == ["custom-32/8 DO .5", "custom-32/8 DO .5+BN seed 2", "custom-32/8 BN (bound broken)", "nano"]


def test_a_table_without_its_end_is_told_and_the_text_after_it_stays(tmp_path):
    text = f"# Mine\n{comparison.BEGIN}\nold\n\nafter\n"
    (tmp_path / "README.md").write_text(text)
    (tmp_path / "results.csv").write_text(results.to_csv([row()]))
    with pytest.raises(UserError, match=f"README.md: the line '{comparison.END}' is missing"):
        comparison.make(tmp_path)
    assert (tmp_path / "README.md").read_text() == text
    assert len(list(tmp_path.iterdir())) == 2


def test_charts_are_well_formed_and_mark_what_is_whose(tmp_path):
    tables(tmp_path / "p", row(), row(architecture="nano", variant="bn"))
    for name in comparison.CHARTS.values():
        root = ElementTree.fromstring((tmp_path / "p" / name).read_text())
        texts = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
        assert "the 2019 report, float, its own split" in texts
        assert "ours, good recipe, int8" in texts
        assert any("published by others, spectral features" in text for text in texts)
    assert any("raw waveform" in text for text in texts)  # its cost is known in parameters only


def test_a_chart_escapes_labels_and_puts_costs_where_they_belong():
    points = [scatter.Point("<a&b>", 1e6, 0.9, "good", (0.85, 0.95)), scatter.Point("c", 1e8, 0.95, "report")]
    root = ElementTree.fromstring(scatter.svg(points, "cost"))
    circle = next(root.iter("{http://www.w3.org/2000/svg}circle"))
    assert float(circle.get("cx")) == scatter.LEFT
    titles = [element.text for element in root.iter("{http://www.w3.org/2000/svg}title")]
    assert "<a&b>: 0.9000, 95 % interval 0.8500 to 0.9500; 1,000,000" in titles


def test_labels_do_not_cover_each_other():
    points = [scatter.Point(f"model {i}", 3e6, 0.9, "report") for i in range(9)]
    root = ElementTree.fromstring(scatter.svg(points, "cost"))
    labels = [e for e in root.iter("{http://www.w3.org/2000/svg}text") if e.text.startswith("model")]
    assert len(labels) == 4  # right, left, above and below
    assert len({(e.get("x"), e.get("y")) for e in labels}) == 4


def test_the_table_that_ships_is_that_of_its_results(tmp_path):
    shipped = Path(str(files("firmware_assets") / "pretrained"))
    names = ("results.csv", "README.md", comparison.AGAINST, *comparison.CHARTS.values())
    for name in names:
        shutil.copyfile(shipped / name, tmp_path / name)
    comparison.make(tmp_path)
    for name in names:
        assert (tmp_path / name).read_bytes() == (shipped / name).read_bytes(), f"run 'edgekws tables {shipped}'"


@pytest.mark.parametrize(
    ("dropout", "batch_norm", "column", "words"),
    [
        (0.0, False, "none", "plain"),
        (0.5, True, "do50_bn", "DO .5+BN"),
        (0.25, False, "do25", "DO .25"),
        (0.3, True, "do30_bn", "DO .3+BN"),
        (0.3, False, "do30", "DO .3"),
    ],
)
def test_a_variant_that_is_not_the_reports_has_a_name_too(dropout, batch_norm, column, words):
    made = recipe.replace(recipe.Recipe(), {"model.dropout": dropout, "model.batch_norm": batch_norm})
    assert results.variant(made) == column
    assert variant_words(column) == words
