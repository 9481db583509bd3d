"""Writes the run report: report.json, report.html (one self-contained file) and model_card.md.

Words, file names and paths come from other people's data. Jinja escapes HTML, and ``render.markdown_text`` escapes
Markdown. The same inputs give the same bytes; no file contains a date.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from edgekws import recipe as recipes
from edgekws import workspace
from edgekws.corpus.clips import Corpus, rejects
from edgekws.files import atomic_write
from edgekws.guard import archives
from edgekws.report import front_matter, metrics, plots, render, reproduce, summary
from edgekws.workspace import Run


def write(run: Run, clips: Corpus, figures: dict[str, Any]) -> None:
    """Write report.json, report.html and model_card.md into the run's folder, each atomically."""
    workspace.write_json(run.report, figures)
    atomic_write(run.folder / "report.html", html(run, clips, figures))
    atomic_write(run.folder / "model_card.md", model_card(figures))


def html(run: Run, clips: Corpus, figures: dict[str, Any]) -> str:
    """The HTML page, from the figures, predictions.npz, both histories and the clips with the worst mistakes."""
    scores = archives.arrays(run.predictions, "run 'edgekws check' again")["int8"]
    histories = {"float": run.history, "qat": run.folder / "qat_history.csv"}
    panels = {
        kind: plots.learning_curves(path, figures["training"][kind]["best_epoch"])
        for kind, path in histories.items()
        if figures["training"][kind]["epochs"]
    }
    conditions = figures.get("robustness", {}).get("conditions", [])
    found = figures["robustness"].get("worst_speakers") if conditions else None
    worst = found["interval"] if found else []
    reached = [end for row in conditions for end in (*row["int8"]["interval"], row["float"]["accuracy"])]
    listening = figures.get("listening")
    return _render(
        "report.html.j2",
        figures,
        pictures=_listening_pictures(listening) if listening else None,
        robustness_axis=plots.axis([*reached, *worst], within=(0, 1)),
        accuracy_axis=plots.axis(np.ravel(list(figures["accuracy_interval"].values())).tolist(), within=(0, 1)),
        panels=panels,
        shades={name: plots.shades(matrix) for name, matrix in figures["confusion"].items()},
        mistakes=plots.mistakes(scores, clips.split("testing"), clips.words),
        recipe_toml=recipes.to_toml(run.recipe),
    )


def _listening_pictures(found: dict[str, Any]) -> dict[str, Any]:
    """Pictures: the tradeoff of all words at each ratio, of each word at 10 dB, and the averages of the excerpt."""
    excerpt, testing, goal = found["excerpt"], found["testing"], found["goal"]
    hours, said = testing["hours"], [row["total"] for row in testing["misses"]]
    return {
        "all": plots.tradeoff(
            [(f"{curve['snr_db']:g} dB", curve["points"]) for curve in found["det"]], goal, hours, said
        ),
        "words": {
            word: plots.tradeoff([(word, points)], goal, hours, testing["misses_by_word"][word][-1:])
            for word, points in found["det_by_word"].items()
        },
        "averages": {
            word: plots.over_time(excerpt["times"], values, excerpt["seconds"])
            for word, values in excerpt["averages"].items()
        },
    }


def model_card(figures: dict[str, Any]) -> str:
    """The model card, as in Mitchell et al., "Model Cards for Model Reporting" (2019), after the Hub's lines."""
    return front_matter.of_figures(figures) + _render("model_card.md.j2", figures)


def confusions(figures: dict[str, Any], most: int = 5) -> list[tuple[str, str, int, int]]:
    """The int8 model's commonest mistakes by share of a word's clips: (spoken, heard, clips, all clips of the word)."""
    words, matrix = figures["words"], figures["confusion"]["int8"]
    totals = [sum(row) for row in matrix]
    wrong = [(i, j) for i, row in enumerate(matrix) for j, n in enumerate(row) if n and i != j]
    wrong.sort(key=lambda pair: -matrix[pair[0]][pair[1]] / totals[pair[0]])
    return [(words[i], words[j], matrix[i][j], totals[i]) for i, j in wrong[:most]]


def _render(template: str, figures: dict[str, Any], **more: Any) -> str:
    builds = figures.get("engine", {}).get("builds", [])
    spoken = [word for word in figures["words"] if not rejects(word)]
    seconds = figures["recipe"]["model"].get("window_seconds", 1.0)
    window = "one second" if seconds == 1 else f"{seconds:g} seconds"
    shared = {
        "spoken": spoken,
        "command": reproduce.beside_its_recipe(figures["recipe"]),
        "earlier_runs": reproduce.earlier_runs(figures["recipe"]),
        "shipped_models": reproduce.shipped_models(figures["recipe"]),
        "preparations": {key: _of_window(text, window) for key, text in summary.PREPARATIONS.items()},
        "window": window,
        "words_right": metrics.counted(summary.words_right(figures)),
        "tested_on": summary.tested_on(figures["data"]),
        "claims_speakers": summary.claims_speakers(figures["data"]),
        "warnings": summary.warnings(figures),
        "engine_bytes": summary.engine_bytes(figures),
        "goal": summary.goal(figures["listening"]) if figures.get("listening") else None,
        "builds": builds,
        "confusions": confusions(figures),
    }
    return render.page(
        template, {"robustness": None, "rejection": None, "listening": None, "takes": None} | figures | shared | more
    )


def _of_window(text: str, window: str) -> str:
    """A text about changes to recordings, for a window that may not be one second."""
    if window == "one second":
        return text
    return text.replace("one second", window).replace("the second", "the part").replace("that second", "that part")
