"""Commands that prepare or improve a spotter: new (a recipe), wake (your own phrase), align (its takes), mine."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from edgekws.cli import arguments, runs
from edgekws.cli.terminal import next_step
from edgekws.errors import UserError

if TYPE_CHECKING:
    from edgekws.corpus.clips import Corpus
    from edgekws.recipe import Recipe
    from edgekws.workspace import Run


def add(command: Callable[..., argparse.ArgumentParser]) -> None:
    """Describe the commands; ``command(name, function, help, examples, about)`` makes a parser."""
    new = command(
        "new",
        _new,
        "write a recipe in which a comment explains every key",
        """
        edgekws new my.toml
        edgekws new my.toml --set model.architecture=custom-32/8
        edgekws new hey.toml --wake "hey edge"
        """,
    )
    new.set_defaults(resumes=False)
    new.add_argument("file", type=Path, metavar="FILE", help="the file to write (.toml); it must not exist")
    new.add_argument("--wake", nargs="+", metavar="PHRASE", help="write the recipe that 'edgekws wake PHRASE' runs")
    _sources(new)
    arguments.add_changes(new)
    wake = command(
        "wake",
        _wake,
        "make a spotter of your own phrase, spoken here",
        """
        edgekws wake "hey edge"
        edgekws wake "hey edge" --negatives librispeech
        edgekws wake "hey edge" --negatives talk radio --data takes
        edgekws wake "guten morgen computer" --language de
        """,
        """
        eSpeak NG speaks the phrase, and what sounds nearly like it, in every voice it has. A network that begins with
        the weights of a model that ships is trained on that, quantized, proved and tuned. After a stop, the same
        command continues. People's voices help most: --negatives, then --data.
        """,
    )
    wake.add_argument("phrases", nargs="+", metavar="PHRASE", help='the phrase, such as "hey edge"; one model hears '
                      "several")  # fmt: skip
    _sources(wake)
    wake.add_argument("--name", default="", help="the run's name (default: the phrase); its folder is runs/NAME")
    wake.add_argument("--runs", type=Path, default=Path("runs"), metavar="DIR", help="the folder of the runs' folders "
                      "(default: runs)")  # fmt: skip
    wake.add_argument("--false-accepts-per-hour", type=float, default=0.5, metavar="N", dest="per_hour", help="the "
                      "most false accepts an hour (default: 0.5)")  # fmt: skip
    wake.add_argument("--hours", type=float, default=2.0, metavar="H", help="hours of sound without the phrase to tune "
                      "on, and as many to test on (default: 2)")  # fmt: skip
    arguments.add_changes(wake)
    align = command(
        "align",
        _align,
        "cut a phrase out of long recordings, where a model hears it",
        """
        edgekws align runs/hey-edge recordings --out takes
        """,
        """
        RECORDINGS/PHRASE has recordings of any length in which the phrase is said, once or a hundred times. Each time
        becomes a file of OUT/PHRASE, with the speaker of its recording, for 'edgekws wake --data OUT'. Without this, a
        recording is one take, and the loudest sound in it is taken for the phrase.
        """,
    )
    align.set_defaults(resumes=False)
    align.add_argument("model", metavar="MODEL", help="a run of the phrase, such as 'edgekws wake' makes, or the name "
                       "of a model that ships")  # fmt: skip
    align.add_argument("folder", type=Path, metavar="RECORDINGS", help="the folder with a folder for each phrase")
    align.add_argument("--out", type=Path, required=True, metavar="OUT", help="the folder to write to")
    align.add_argument("--threshold", type=float, default=0.3, metavar="P", help="how probable the phrase must be, "
                       "above 0 and up to 1 (default: 0.3, under a spotter's own, as the phrase is there)")  # fmt: skip
    mine = command(
        "mine",
        _mine,
        "train a run on the sounds that set it off by mistake",
        """
        edgekws mine runs/mine --from talk radio
        edgekws mine small-listen --from talk --data speech_commands --rounds 2
        """,
        """
        A round searches recordings without the words for the windows in which the model is nearest to hearing one, and
        trains the model on them as no word. Rounds continue while fewer words are missed, at the same number of false
        accepts an hour, on the validation speakers. Recordings of testing speakers are not used. Each round is a run
        of its own; the first run stays as it is.
        """,
    )
    mine.add_argument("run", type=Path, metavar="RUN", help="a run's folder or its name under runs/, or the name of a "
                      "model that ships (which also needs --data)")  # fmt: skip
    mine.add_argument("--from", nargs="+", type=Path, required=True, metavar="FOLDER", dest="folders", help="folders "
                      f"of recordings without the words, of any length{arguments.TALK}")  # fmt: skip
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
    arguments.add_transcripts(mine)
    mine.add_argument("--out", type=Path, metavar="DIR", help="the folder for the rounds' runs (default: RUN-mined)")
    arguments.add_moved(mine)


def _align(args: argparse.Namespace) -> int:
    from convert import aligning
    from edgekws import spotter, zoo
    from edgekws.corpus.folder.find import recordings
    from edgekws.progress import progress_bar

    heard = spotter.load(zoo.place(args.model), threshold=args.threshold, alone=0.0)
    with progress_bar("aligning", len(recordings(args.folder)), 0, "recording") as bar:
        found = aligning.align(heard, args.folder, args.out, lambda path: bar.advance())
    for phrase, one in found.items():
        print(f"{phrase}: {len(one.written)} takes from {one.recordings} recordings")
        print("".join(f"  not heard in {path}\n" for path in one.without), end="")
    wake = next_step.call(f"wake {shlex.join(found)} --data", args.out)
    next_step.tell(args, f"listen to a few of {args.out}, then: {wake}")
    return 0


def _mine(args: argparse.Namespace) -> int:
    from convert import mining
    from edgekws import workspace, zoo
    from edgekws.listen import sound_kinds

    if min(args.rounds, args.epochs, args.most) < 1 or not 0 < args.above < 1 or args.per_hour <= 0:
        raise UserError("--rounds, --epochs and --most are 1 or more, --above is between 0 and 1, "
                        "--false-accepts-per-hour above 0")  # fmt: skip
    place = zoo.place(args.run)
    run = arguments.moved(workspace.load_run(place), args.data, args.unknown_from)
    if not run.float_model.exists():
        raise UserError(f"{run.folder} has no {run.float_model.name} to train on from; 'edgekws run' makes one")
    beside = place.parent / f"{place.name}-mined" if (place / "corpus.json").exists() else Path(f"{place.name}-mined")
    out = args.out or beside
    how = mining.Mining(args.rounds, args.epochs, args.learning_rate, args.above, args.most, args.per_hour)
    kinds = sound_kinds.find(args.folders, "--from")
    texts = arguments.texts_of(args, args.folders, _words(run.folder))
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


def _sources(parser: argparse.ArgumentParser) -> None:
    """Describe the sources that a phrase is learned from."""
    parser.add_argument("--language", default="en", metavar="CODE", help="the language of the "
                        "phrase, by eSpeak NG's code, such as de or pt (default: en)")  # fmt: skip
    parser.add_argument("--voices", nargs="+", default=[], metavar="FOLDER", help="voices of Piper (NAME.onnx and "
                        "NAME.onnx.json), which needs pip install 'edgekws[piper]'")  # fmt: skip
    parser.add_argument("--data", default="", metavar="FOLDER", help="recordings of the phrase by people, "
                        "FOLDER/PHRASE/*.wav, of any length, mixed in")  # fmt: skip
    parser.add_argument("--negatives", nargs="+", default=[], metavar="FOLDER", help="recordings of any length without "
                        f"the phrase: nothing makes a spotter better{arguments.TALK}")  # fmt: skip


def _recipe(args: argparse.Namespace, phrases: list[str], name: str = "") -> Recipe:
    """The recipe for the phrases and the arguments, with the changes of ``--set``."""
    from edgekws import recipe, wake_phrase

    made = wake_phrase.of(
        phrases, language=args.language, voices=args.voices, takes=args.data, negatives=args.negatives, name=name
    )
    return recipe.replace(made, arguments.changes_of(args.changes))


def _new(args: argparse.Namespace) -> int:
    from edgekws import recipe
    from edgekws.files import atomic_write
    from edgekws.train import opening

    if args.file.exists():
        raise UserError(f"{args.file} exists already; choose another name or remove it")
    if not args.wake and (args.data or args.voices or args.negatives or args.language != "en"):
        raise UserError("--language, --voices, --data and --negatives are of a phrase; give it with --wake PHRASE")
    if args.wake:
        chosen = _recipe(args, args.wake, args.file.stem)
    else:
        chosen = opening.chosen(None, {"name": args.file.stem} | arguments.changes_of(args.changes))
    atomic_write(args.file, recipe.to_toml(chosen, comments=True))
    print(f"{args.file} written")
    next_step.tell(args, f"change what you like in it, then: {next_step.call('run', args.file)}")
    return 0


def _compare_takes(run: Run, clips: Corpus, args: argparse.Namespace) -> None:
    """Say what the takes brought, beside the run of the same phrases without them, where there is one."""
    from convert import pipeline
    from convert.prove import own_takes
    from edgekws import wake_phrase, workspace

    without = workspace.Run(args.runs / wake_phrase.name_of(args.phrases, takes=False), run.recipe)
    if not without.detector.exists():
        same = f"edgekws wake {shlex.join(args.phrases)}"
        print(f"what the takes bring is reported where {without.folder} is there as well: '{same}' makes it")
        return
    compared = pipeline.compare_takes(run, clips, args.data, workspace.load_run(without.folder))
    print("\n".join(own_takes.lines(compared)))


def _wake(args: argparse.Namespace) -> int:
    from convert import pipeline
    from convert.prove import tuning
    from edgekws import workspace
    from edgekws.corpus import sources
    from edgekws.corpus.supplied import included
    from edgekws.report import listening_lines

    arguments.check_tuning(args)
    chosen = sources.anchored(_recipe(args, args.phrases, args.name), Path())
    run = workspace.open_run(args.runs / chosen.name, chosen)
    if chosen.data.unknown_from == (included.NAME,):
        print(
            "note: how people talk it learns, and is judged by, from the hour and a half of English that comes with "
            "edgekws; hours of your own beside it make it better (--negatives FOLDER, or librispeech, a download)",
            flush=True,
        )
    clips = pipeline.load_corpus(run)
    print(f"{run.folder}: {len(clips.clips)} clips; {clips.source}", flush=True)
    status = runs.proved(run, lambda: pipeline.complete(run, clips))
    if run.report.exists() and not run.detector.exists():
        found = pipeline.tune(run, clips, tuning.Asked(args.per_hour, args.hours))
        print("\n".join(listening_lines.lines(found)))
    if not args.data:
        print("no person said the phrase: takes by people help most (--data)")
    elif run.detector.exists():
        _compare_takes(run, clips, args)
    print(f"settings: {run.detector}; report: {run.folder / 'report.html'}")
    listen = next_step.call("listen --microphone --model", run.folder)
    onto = next_step.call("bundle", run.folder, "--target T")
    next_step.tell(args, f"'{listen}' hears you say it; '{onto}' takes it to a device")
    return status
