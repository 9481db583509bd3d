"""Commands that count a model's misses and false accepts: tune (chooses its thresholds), measure (on own sound)."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from edgekws.cli import arguments
from edgekws.cli.terminal import next_step
from edgekws.errors import UserError


def add(command: Callable[..., argparse.ArgumentParser]) -> None:
    """Describe the commands of this module; ``command(name, function, help, examples, about)`` makes a parser."""
    measure = command(
        "measure",
        _measure,
        "count missed words and false accepts an hour on your own sound",
        """
        edgekws measure small-listen --negatives talk music
        edgekws measure runs/mine --negatives talk --keywords recordings --at-most 5
        edgekws measure runs/mine --negatives talk --save-accepts heard
        edgekws measure runs/mine --keywords recordings --rooms impulse-responses
        """,
        """
        A miss is a word that was said and not detected; a false accept is a detection where no word was said. Each
        folder of --negatives is a kind of sound and is counted by itself. The words of --keywords are mixed with noise
        at several ratios and played at several levels. Recordings may have any length, rate and format. Figures come
        with 95 % intervals: little sound gives wide ones.
        """,
    )
    arguments.add_model(measure)
    measure.add_argument("--negatives", nargs="+", type=Path, default=[], metavar="FOLDER", help="folders of sound "
                         "without the words; a folder counts as noise, music or words alone where its name says so, "
                         f"else as speech{arguments.TALK}")  # fmt: skip
    measure.add_argument("--keywords", type=Path, metavar="FOLDER", help="recordings of the words, as WORD/*.wav; "
                         "where the folder has lists of splits, those of the testing list")  # fmt: skip
    measure.add_argument("--noise", type=Path, metavar="FOLDER", help="the noise that words are mixed with (default: "
                         "_background_noise_ in the folder of --keywords, or else computed noise)")  # fmt: skip
    measure.add_argument("--rooms", type=Path, metavar="FOLDER", help="recorded impulse responses of rooms: the words "
                         "are measured as heard there too, each in one of the rooms in turn")  # fmt: skip
    measure.add_argument("--snr", type=_numbers, metavar="DB,…", help="ratios of word to noise in dB (default: "
                         "20,10,5,0)")  # fmt: skip
    measure.add_argument("--level", type=_numbers, metavar="DBFS,…", help="levels of the words in dB of full scale, "
                         "each 10 dB over noise (default: -50,-40,-30,-20,-15)")  # fmt: skip
    measure.add_argument("--clips", type=int, default=30, metavar="N", help="recordings of each word; 0 takes all "
                         "(default: 30)")  # fmt: skip
    measure.add_argument("--pause", type=float, default=0.0, metavar="S", help="seconds of faint noise between the "
                         "recordings of --negatives, up to 10 (default: 0): joined recordings make sounds that nobody "
                         "made")  # fmt: skip
    arguments.add_transcripts(measure)
    measure.add_argument("--shared", default="refuse", choices=("refuse", "leave-out", "allow"), help="what to do with "
                         "recordings and speakers that the model learned from (default: refuse)")  # fmt: skip
    arguments.add_thresholds(measure)
    measure.add_argument("--at-most", type=float, metavar="N", help="exit with status 1 where the worst kind of speech "
                         "has more than N false accepts an hour")  # fmt: skip
    measure.add_argument("--save-accepts", type=Path, metavar="DIR", help="write each false accept to DIR as a WAV "
                         "file, and a table of them, accepts.csv")  # fmt: skip
    measure.add_argument("--out", type=Path, metavar="DIR", help="the folder for measured.json and measured.html "
                         "(default: the run's folder)")  # fmt: skip
    measure.add_argument("--json", action="store_true", help="print the figures as JSON")
    tune = command(
        "tune",
        _tune,
        "choose the thresholds of a run for listening, and measure misses and false accepts",
        """
        edgekws tune runs/mine
        edgekws tune runs/mine --false-accepts-per-hour 1 --negatives talk music
        """,
        """
        It makes long streams with known words at known times. It chooses the thresholds that miss the
        fewest words within the allowed false accepts an hour, on one half of the speakers, and measures both on the
        other half. Give your own sound with --negatives: without it, only synthetic voices and noise are used. The
        thresholds become part of the run; 'listen' and 'bundle' use them. Exit status 1: the goal was not reached.
        """,
    )
    tune.add_argument("run", type=Path, metavar="RUN", help="the folder of a run that 'edgekws run' or 'check' proved")
    tune.add_argument("--false-accepts-per-hour", type=float, default=0.5, metavar="N", dest="per_hour",
                      help="the most false accepts an hour that you allow (default: 0.5)")  # fmt: skip
    tune.add_argument("--hours", type=float, default=10.0, metavar="N", help="hours of sound without the words, for "
                      "choosing and again for testing (default: 10)")  # fmt: skip
    tune.add_argument("--negatives", nargs="+", type=Path, default=[], metavar="FOLDER", help="folders of your own "
                      "sound without the words, one for each kind; the goal must be kept in the "
                      f"worst kind of speech{arguments.TALK}")  # fmt: skip
    tune.add_argument("--alone", type=float, metavar="P", help="by how much, 0 to 1, thresholds are higher at most "
                      "for a word that follows talk (default: detector.alone of the recipe)")  # fmt: skip
    arguments.add_transcripts(tune)
    arguments.add_moved(tune)


def _numbers(text: str) -> tuple[float, ...]:
    try:
        found = tuple(float(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected numbers parted by commas, such as 20,10,0, got {text!r}") from None
    if not all(-100 <= number <= 100 for number in found):
        raise argparse.ArgumentTypeError(f"expected decibels from -100 to 100, got {text!r}")
    return found


def _measure(args: argparse.Namespace) -> int:
    from convert.prove import measure
    from convert.tflite import artifact
    from edgekws import workspace, zoo
    from edgekws.corpus import heard
    from edgekws.files import atomic_write, make_folder
    from edgekws.listen import sound_kinds
    from edgekws.report import measured_page

    if not args.negatives and not args.keywords:
        raise UserError("give sound to measure on: --negatives FOLDER… without the words, --keywords FOLDER with them")
    if args.rooms and not args.keywords:
        raise UserError("--rooms says where words are heard; give the words too: --keywords FOLDER")
    if not 0 <= args.pause <= 10:
        raise UserError(f"--pause is from 0 to 10 seconds, got {args.pause:g}")
    if args.clips < 0:
        raise UserError(f"--clips is a number of recordings, 0 for all, got {args.clips}")
    model = artifact.load(args.run, args.coding, args.level_control).said_alone(args.alone)
    settings = measure.settings_of(model, args.per_hour, args.threshold)
    place = zoo.place(args.run)
    out = args.out or (place if (place / "corpus.json").exists() else None)
    for folder in filter(None, (out, args.save_accepts)):
        make_folder(folder)  # fail now, not after an hour
    request = measure.Request(
        negatives=tuple(sound_kinds.find(args.negatives, "--negatives")),
        keywords=args.keywords,
        noise=args.noise,
        rooms=args.rooms,
        snrs_db=args.snr or measure.SNRS_DB,
        levels_db=args.level or measure.LEVELS_DB,
        texts=arguments.texts_of(args, args.negatives, model.labels),
        clips=args.clips,
        shared=args.shared,
        accepts=args.save_accepts,
        pause_seconds=args.pause,
    )
    found = measure.measure(model, request, settings, heard.read(place / heard.FILE))
    if out:
        workspace.write_json(out / "measured.json", found)
        atomic_write(out / "measured.html", measured_page.html(found))
    print(json.dumps(found, ensure_ascii=False) if args.json else "\n".join(measured_page.lines(found)))
    worst = found["worst"]["speech"]
    if out and not args.json:
        print(f"page: {out / 'measured.html'}")
    above = args.at_most is not None and worst is not None and worst["per_hour"] > args.at_most
    if above:
        print(f"more than {args.at_most:g} false accepts an hour in {worst['kind']}", file=sys.stderr)
    next_step.tell(args, _next(args, out, worst))
    return 1 if above else 0


def _next(args: argparse.Namespace, out: Path | None, worst: dict[str, Any] | None) -> str:
    """The text of the line ``next:``."""
    if worst and worst["false_accepts"] and not args.save_accepts:
        return "the same with --save-accepts DIR to hear what sets it off"
    if worst and worst["false_accepts"]:
        return f"'{next_step.call('mine', args.run, '--from FOLDER')}', with other sound, to train on what sets it off"
    if not out:
        return "the same with --out DIR for a page with pictures"
    return f"'{next_step.call('bundle', args.run, '--target T')}' takes the model to a device"


def _tune(args: argparse.Namespace) -> int:
    from convert import pipeline
    from convert.prove import tuning
    from edgekws import workspace, zoo
    from edgekws.listen import sound_kinds
    from edgekws.report import listening_lines

    arguments.check_tuning(args)
    run = arguments.moved(workspace.load_run(zoo.place(args.run)), args.data, args.unknown_from)
    clips = pipeline.load_corpus(run)
    given = sound_kinds.find(args.negatives, "--negatives")
    texts = arguments.texts_of(args, args.negatives, clips.words)
    found = pipeline.tune(run, clips, tuning.Asked(args.per_hour, args.hours, tuple(given), texts, args.alone))
    print("\n".join(listening_lines.lines(found)))
    print(f"settings: {run.detector}; report: {run.folder / 'report.html'}")
    after = next_step.after_tuning(run.folder, reached=found["reached"], per_hour=args.per_hour)
    next_step.tell(args, after)
    return 0 if found["reached"] else 1
