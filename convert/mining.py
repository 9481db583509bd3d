"""Runs rounds of mining: each finds the windows of recordings without words in which the model hears a word, and trains
on them as clips of no word. The rounds end when one brings no gain."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from convert import pipeline
from convert.prove import mined, tuning
from convert.tflite import artifact
from edgekws import recipe, workspace
from edgekws.corpus import heard, other_sound, sources
from edgekws.corpus.heard import Heard
from edgekws.errors import UserError
from edgekws.files import atomic_write, make_folder, only_one
from edgekws.guard import untrusted
from edgekws.listen.hearing import Texts
from edgekws.listen.sound_kinds import Kind
from edgekws.workspace import Run

FILE = "mining.json"


@dataclass(frozen=True)
class Mining:
    """The settings of a mining."""

    rounds: int = 3
    epochs: int = 5
    learning_rate: float = 0.0005
    above: float = 0.2  # a window is taken if a word scores this much or more
    most: int = 4000  # windows a round at most
    per_hour: float = 5.0  # false accepts an hour at which rounds are compared


def mine(
    run: Run, kinds: Sequence[Kind], texts: Texts, how: Mining, place: Path, tell: Callable[[str], object] = print
) -> dict[str, Any]:
    """Mine the training recordings of ``kinds`` and train on, in runs under ``place``, whose FILE holds the results.

    The recordings of the validation split judge a round; those of the testing split are not used. A mining that was
    killed continues where it stopped. Raises UserError if a split has no recordings, or another mining is in ``place``.
    """
    shares = parts(kinds, run, heard.read(run.heard))
    asked = dataclasses.asdict(how) | {"run": run.recipe.name, "from": [kind.name for kind in kinds]}
    state = _state(place / FILE, asked)
    clips = sources.of_recipe(run.recipe, listed=workspace.listed(run))
    material = tuning.material(run, clips, None, "validation")

    def validated(one: Run) -> dict[str, Any]:
        return mined.validate(artifact.load(one.folder), material, shares["validation"], texts, how.per_hour)

    state["before"] = state["before"] or validated(run)
    workspace.write_json(place / FILE, state)
    tell(f"before: {told(state['before'], how.per_hour)}")
    current, best = run, state["before"]
    for number in range(1, how.rounds + 1):
        done = state["rounds"][number - 1] if number <= len(state["rounds"]) else None
        if done is None:
            done = _round(number, run, current, shares["training"], texts, how, place, validated)
            state["rounds"].append(done)
            workspace.write_json(place / FILE, state)
        if not done["windows"]:
            tell(f"round {number}: nothing in these recordings sets it off any more")
            break
        tell(
            f"round {number}: {done['windows']} windows of {done['recordings']} recordings; "
            f"{told(done['after'], how.per_hour)}"
        )
        if not better(done["after"], best):
            tell("that is no gain: the rounds end")
            break
        current, best = _run_of(place, number), done["after"]
        state["best"] = str(current.folder)
        workspace.write_json(place / FILE, state)
    return state


def told(found: dict[str, Any], per_hour: float) -> str:
    """The figures on validation, in words."""
    if found["per_hour"] > per_hour:
        return f"{found['per_hour']:.1f} false accepts an hour at best on validation, over {per_hour:g}"
    return (
        f"{100 * found['missed']:.1f} % of {found['words']} words missed at {found['per_hour']:.1f} false accepts an "
        "hour on validation"
    )


def better(after: Mapping[str, Any], before: Mapping[str, Any]) -> bool:
    """Whether fewer words are missed within the limit of false accepts; or as many, with fewer false accepts."""
    return (after["missed"], after["per_hour"]) < (before["missed"], before["per_hour"])


def parts(kinds: Sequence[Kind], run: Run, known: Mapping[str, Heard] | None) -> dict[str, list[Kind]]:
    """The recordings for training and for validation, split by speaker; a UserError if a split has none."""
    found: dict[str, list[Kind]] = {}
    for split in ("training", "validation"):
        mine = [
            dataclasses.replace(kind, recordings=tuple(
                one for one in kind.recordings if tuning.split_of(one, kind, run.recipe.data, known) == split
            ))
            for kind in kinds
        ]  # fmt: skip
        found[split] = [kind for kind in mine if kind.recordings]
        if not found[split]:
            total = sum(len(kind.recordings) for kind in kinds)
            raise UserError(
                f"--from: none of the {total} recordings is for {split}: all recordings of a speaker are in one split "
                "(SPEAKER_nohash_0.wav; any other name is a speaker of its own); add recordings of other speakers, or "
                "cut long ones into several files"
            )
    return found


def _round(
    number: int, origin: Run, current: Run, kinds: Sequence[Kind], texts: Texts, how: Mining, place: Path,
    validated: Callable[[Run], dict[str, Any]],
) -> dict[str, Any]:  # fmt: skip
    folder, record = place / f"mined-{number}", place / f"mined-{number}.json"
    if not (folder / other_sound.MINED).exists() or not record.exists():
        fired = mined.find(artifact.load(current.folder), kinds, texts, how.above, how.most)
        source = mined.learned(fired)
        workspace.write_json(record, {"speakers": sorted(source.speakers), "recordings": sorted(source.recordings)})
        mined.write(folder, fired)
    count, recordings = mined.counted(folder)
    if not count:
        return {"windows": 0, "recordings": 0}
    run = workspace.open_run(_folder(place, number), _recipe(origin, current, place, number, how))
    clips = pipeline.load_corpus(run)
    known = untrusted.json_object(record)
    heard.add(run.heard, {"training": Heard(frozenset(known["speakers"]), frozenset(known["recordings"]))})
    with only_one(run.state("lock"), str(run.folder)):
        for step in (pipeline.train, pipeline.quantize, pipeline.convert):
            step(run, clips)
    for i in range(1, number + 1):
        table = untrusted.read_text(place / f"mined-{i}" / other_sound.MINED)
        atomic_write(run.folder / f"mined-{i}.csv", table)
    return {"windows": count, "recordings": recordings, "run": str(run.folder), "after": validated(run)}


def _recipe(origin: Run, current: Run, place: Path, number: int, how: Mining) -> recipe.Recipe:
    """The recipe of a round: the mined run's, but it starts from the last round and adds all the mined clips."""
    folders = [str((place / f"mined-{i}").resolve()) for i in range(1, number + 1)]
    return recipe.replace(
        origin.recipe,
        {
            "name": f"{origin.recipe.name}-mined-{number}",
            "data.unknown_from": [*origin.recipe.data.unknown_from, *folders],
            "training.start_from": str(current.folder.resolve()),
            **{f"training.{key}": "" for key in recipe.TEACHERS},  # who have not learned that these are no words
            "training.averaged_with": [],
            "training.epochs": how.epochs,
            "training.learning_rate": how.learning_rate,
        },
    )


def _folder(place: Path, number: int) -> Path:
    return place / f"run-{number}"


def _run_of(place: Path, number: int) -> Run:
    return workspace.load_run(_folder(place, number))


def _state(path: Path, asked: dict[str, Any]) -> dict[str, Any]:
    if not path.exists():
        make_folder(path.parent)
        return {"asked": asked, "before": None, "best": "", "rounds": []}
    state = untrusted.json_object(path, "remove it to mine again")
    if {**state.get("asked", {}), "rounds": 0} != {**asked, "rounds": 0}:
        raise UserError(
            f"{path.parent} has the mining of another run, or one with other settings; choose another folder with --out"
        )
    return state
