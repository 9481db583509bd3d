"""Measures what people's takes bring to a phrase: how many takes by other voices a run finds with and without them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from convert.engine import host_library
from convert.prove import outcome, tuning
from convert.tflite import artifact
from edgekws.corpus import blend
from edgekws.corpus.clips import Corpus
from edgekws.errors import UserError
from edgekws.files import folder_name
from edgekws.listen import hearing, trials
from edgekws.listen.trials import Material
from edgekws.report.metrics import Proportion
from edgekws.workspace import Run

SNR_DB = 10.0


def of_split(run: Run, clips: Corpus, source: str, name: str) -> Material:
    """The takes of a split that came from the folder ``source``, one of ``data.sources``, and the split's noise."""
    whole, begins = tuning.material(run, clips, None, name), f"{blend.FROM}/{folder_name(source)}/"
    spoken = [clip for clip in clips.split(name).clips if clip.word in run.recipe.data.words]
    kept = np.array([clip.name.startswith(begins) for clip in spoken])
    return replace(whole, keywords=whole.keywords[kept], labels=whole.labels[kept])


def compare(run: Run, without: Run, takes: Material) -> list[dict[str, Any]]:
    """How many takes each run finds with its own thresholds. The takes come in a row, in noise at 10 dB.

    Raises UserError if a run does not know the takes' words, or its window has another length.
    """
    return [{"run": one.recipe.name, "takes": one is run, **_found(one, takes)} for one in (run, without)]


def _found(run: Run, takes: Material) -> dict[str, Any]:
    model = artifact.load(run.folder)
    scorer = host_library.scorer(model)
    if set(takes.words) - set(model.labels) or scorer.window != takes.keywords.shape[1]:
        raise UserError(f"{run.folder} knows other phrases, or hears windows of another length")
    trial = trials.keywords(takes, SNR_DB, tuning.SEEDS["testing"])
    heard = hearing.hear_trial(trial, scorer, lambda samples: None)
    missed = outcome.of_keywords(model.settings(scorer.hop), model.labels, [heard])["misses"][0]
    return {"found": missed["total"] - missed["missed"], "total": missed["total"]}


def lines(compared: Sequence[dict[str, Any]]) -> list[str]:
    """The figures as text."""
    told = {True: "with takes", False: "without takes"}
    return [
        f"takes by voices kept back, at {SNR_DB:g} dB: {row['run']}, {told[row['takes']]}, finds "
        f"{Proportion(row['found'], row['total'])}" for row in compared
    ]  # fmt: skip
