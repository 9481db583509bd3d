"""The command that trains a model on what sets it off."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from edgekws.cli import measuring, moved, next_step
from edgekws.errors import UserError


def add(command: Callable[..., argparse.ArgumentParser]) -> None:
    """Describe the command; ``command(name, function, help, examples, about)`` makes a parser."""
    mine = command(
        "mine",
        _mine,
        "train a run on the sounds that set it off by mistake",
        """
        edgekws mine runs/mine --from talk radio
        edgekws mine small-listen --from talk --data speech_commands --rounds 2
        """,
        """
        A round searches recordings without the words for the windows in which the model is nearest to hearing one,
        and trains the model on them as no word. Rounds go on while fewer words are missed, at the same number of false
        accepts an hour, on the validation speakers. Recordings of testing speakers are not used. Each round is a run
        of its own; the first run stays as it is.
        """,
    )
    mine.add_argument("run", type=Path, metavar="RUN", help="a run's folder or its name under runs/, or the name of a "
                      "model that ships (which also needs --data)")  # fmt: skip
    mine.add_argument("--from", nargs="+", type=Path, required=True, metavar="FOLDER", dest="folders", help="folders "
                      "of recordings without the words, of any length")  # fmt: skip
    mine.add_argument("--rounds", type=int, default=3, metavar="N", help="the most rounds (default: 3)")
    mine.add_argument("--epochs", type=int, default=5, metavar="N", help="training epochs in a round (default: 5)")
    mine.add_argument("--learning-rate", type=float, default=0.0005, metavar="R", help="the highest learning rate in a "
                      "round (default: 0.0005)")  # fmt: skip
    mine.add_argument("--above", type=float, default=0.2, metavar="P", help="take the windows in which a word's score "
                      "is above P, from 0 to 1 (default: 0.2)")  # fmt: skip
    mine.add_argument("--most", type=int, default=4000, metavar="N", help="the most windows of a round, those with the "
                      "highest scores first (default: 4000)")  # fmt: skip
    mine.add_argument("--false-accepts-per-hour", type=float, default=5.0, metavar="N", dest="per_hour", help="the "
                      "number of false accepts an hour at which rounds are compared (default: 5)")  # fmt: skip
    measuring.transcript_arguments(mine)
    mine.add_argument("--out", type=Path, metavar="DIR", help="the folder for the rounds' runs (default: RUN-mined)")
    moved.add(mine)


def _mine(args: argparse.Namespace) -> int:
    from convert import mining
    from edgekws import workspace, zoo
    from edgekws.listen import sound_kinds

    if min(args.rounds, args.epochs, args.most) < 1 or not 0 < args.above < 1 or args.per_hour <= 0:
        raise UserError("--rounds, --epochs and --most are 1 or more, --above is between 0 and 1, "
                        "--false-accepts-per-hour above 0")  # fmt: skip
    place = zoo.place(args.run)
    run = moved.found(workspace.load_run(place), args.data, args.unknown_from)
    if not run.float_model.exists():
        raise UserError(f"{run.folder} has no {run.float_model.name} to train on from; 'edgekws run' makes one")
    beside = place.parent / f"{place.name}-mined" if (place / "corpus.json").exists() else Path(f"{place.name}-mined")
    out = args.out or beside
    how = mining.Mining(args.rounds, args.epochs, args.learning_rate, args.above, args.most, args.per_hour)
    kinds = sound_kinds.find(args.folders, "--from")
    texts = measuring.texts_of(args, args.folders, _words(run.folder))
    texts.check(kinds)
    state = mining.mine(run, kinds, texts, how, out, lambda line: print(line, flush=True))
    print(f"{out / mining.FILE} has what was found; the runs have what was mined by file and time")
    if state["best"]:
        print(f"best: {state['best']}")
        next_step.tell(args, next_step.call("check", state["best"]))
    else:
        next_step.tell(args, "no round was a gain: mine other recordings, or lower --learning-rate")
    return 0


def _words(folder: Path) -> tuple[str, ...]:
    from convert.tflite import artifact

    return artifact.load(folder).labels
