"""Commands about sound that goes on: listen, tune."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from edgekws.cli import moved
from edgekws.errors import UserError

if TYPE_CHECKING:
    from edgekws.audio import Faults
    from edgekws.listen.events import Event, Progress

_FAULTS_SECONDS = 1.0  # between lines about what is wrong with the sound
_ALONE_SECONDS = 2.0  # a recording shorter than this is of one word; one that is not heard is told what hears it


def add(command: Callable[..., argparse.ArgumentParser]) -> None:
    """Describe the commands of this module; ``command(name, function, help, example)`` makes a parser."""
    listen = command(
        "listen", _listen, "print words as they are detected in recordings of any length, or from a microphone",
        "edgekws listen meeting.flac    or    edgekws listen --microphone",
    )  # fmt: skip
    listen.add_argument(
        "files", nargs="*", type=Path, metavar="FILE", help="recordings of any rate and length; edgekws classify is "
        "for a word alone",
    )  # fmt: skip
    listen.add_argument("--microphone", action="store_true", help="listen to the default microphone until Ctrl-C")
    listen.add_argument(
        "--model", metavar="RUN", help="a pretrained model's name or a run folder (the best that ships)"
    )
    accepts = listen.add_mutually_exclusive_group()
    accepts.add_argument("--threshold", type=float, metavar="P", help="of every word, 0 to 1, in place of the model's")
    accepts.add_argument(
        "--false-accepts-per-hour", type=float, metavar="N", dest="per_hour",
        help="the thresholds that the model was tuned to for this many at most: more miss fewer words",
    )  # fmt: skip
    listen.add_argument("--json", action="store_true", help="one line of JSON an event")
    tune = command(
        "tune", _tune, "choose a run's detection thresholds, and measure misses and false accepts on long streams",
        "edgekws tune runs/NAME --false-accepts-per-hour 0.5",
    )  # fmt: skip
    tune.add_argument("run", type=Path, metavar="RUN", help="a run folder that was checked")
    tune.add_argument(
        "--false-accepts-per-hour", type=float, default=0.5, metavar="N", dest="per_hour", help="at most (0.5)"
    )
    tune.add_argument(
        "--hours", type=float, default=10.0, help="of sound without keywords, for tuning and again for testing (10)"
    )
    moved.add(tune)


def _tune(args: argparse.Namespace) -> int:
    from convert import pipeline
    from convert.prove import tuning
    from edgekws import workspace

    if not (0 < args.per_hour < 1e6 and 0.01 <= args.hours <= 1000):
        raise UserError("false accepts an hour must be above 0, and hours from 0.01 to 1000")
    run = moved.found(workspace.load_run(args.run), args.data, args.unknown_from)
    found = pipeline.tune(run, pipeline.load_corpus(run), args.per_hour, args.hours)
    print("\n".join(tuning.lines(found)))
    print(f"settings: {run.detector}; report: {run.folder / 'report.html'}")
    return 0 if found["reached"] else 1


def _listen(args: argparse.Namespace) -> int:
    try:
        return _listen_to_all(args)
    except KeyboardInterrupt:
        if not args.microphone:
            raise
        return 0  # its normal end


def _listen_to_all(args: argparse.Namespace) -> int:
    from convert.engine import host_library
    from convert.tflite import artifact
    from edgekws import audio, zoo
    from edgekws.audio import microphone
    from edgekws.listen import detector
    from edgekws.listen.events import listen, within_quiet

    if bool(args.files) == args.microphone:
        raise UserError("give recordings to listen to, or --microphone (and not both)")
    model = artifact.load(Path(args.model) if args.model else zoo.default(zoo.LISTENING))
    model = model.at(args.per_hour)
    scorer = host_library.scorer(model)
    print(f"{model.name} by {scorer.words}", file=sys.stderr)
    settings = detector.fitting(model.detector, model.labels, scorer.hop)
    if args.per_hour is not None:
        detector.check_hop(model.detector, scorer.hop, model.name)
    if args.threshold is not None:
        settings = detector.with_threshold(settings, args.threshold)
    failed = 0
    for path in args.files or [None]:
        scorer.reset()
        faults = audio.Faults()
        lead = 0 if path is None else settings.delay
        blocks = microphone.blocks(faults) if path is None else within_quiet(audio.blocks(path, faults), settings)
        try:
            name = "" if path is None else str(path)
            events = listen(blocks, scorer.push, settings, model.labels, lead)
            heard, found = _hear(events, faults, name, args.json)
            seconds = heard - settings.delay / audio.SAMPLE_RATE  # without the quiet after it
            if path is not None and not found and seconds < _ALONE_SECONDS:
                print(f"{path} lasts {seconds:.1f} s; 'edgekws classify' is for a word alone", file=sys.stderr)
        except UserError as error:
            if len(args.files) < 2:
                raise
            print(f"edgekws: error: {error}", file=sys.stderr)
            failed = 2
    return failed


def _hear(items: Iterable[Event | Progress], faults: Faults, name: str, as_json: bool) -> tuple[float, int]:
    """Print events to standard output, a meter and faults to the terminal; the seconds that were heard, and events."""
    from edgekws.listen.events import Event

    meter, told, told_at = sys.stderr.isatty(), dataclasses.replace(faults), -_FAULTS_SECONDS
    clear, seconds, found = "\r\x1b[K" if meter else "", 0.0, 0
    try:
        for item in items:
            if isinstance(item, Event):
                found += 1
                print(clear, end="", file=sys.stderr)
                if as_json:
                    facts = {"time": round(item.time, 3), "word": item.word, "score": round(item.score, 4)}
                    print(json.dumps(({"file": name} if name else {}) | facts, ensure_ascii=False), flush=True)
                else:
                    print(f"{f'{name}: ' if name else ''}{item.time:9.2f} s  {item.word}  {item.score:.2f}", flush=True)
                continue
            seconds = item.seconds
            if seconds >= told_at + _FAULTS_SECONDS and (lines := faults.lines(told)):
                print(*(f"{clear}{seconds:9.2f} s  {line}" for line in lines), sep="\n", file=sys.stderr)
                told, told_at = dataclasses.replace(faults), seconds
            if meter:
                bar = "#" * round(20 * item.level)
                text = f"{clear}{item.seconds:9.1f} s  [{bar:20}]  {item.word} {item.score:.2f}"
                print(text, end="", file=sys.stderr, flush=True)
    finally:
        print(clear, end="", file=sys.stderr)
        for line in faults.lines(told):
            print(f"{seconds:9.2f} s  {line}", file=sys.stderr)
    return seconds, found
