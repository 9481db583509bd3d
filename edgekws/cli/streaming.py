"""Commands for continuous sound: listen, tune."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from edgekws.cli import measuring, moved, next_step
from edgekws.errors import UserError

if TYPE_CHECKING:
    from edgekws.audio import Faults
    from edgekws.listen.events import Event, Progress
    from edgekws.spotter import Spotter

_FAULTS_SECONDS = 1.0  # between lines about faults of the sound
_ALONE_SECONDS = 2.0  # a shorter recording has one word; if it is not heard, suggest classify


def add(command: Callable[..., argparse.ArgumentParser]) -> None:
    """Describe the commands of this module; ``command(name, function, help, examples, about)`` makes a parser."""
    listen = command(
        "listen",
        _listen,
        "print each word as it is heard, in recordings of any length or from a microphone",
        """
        edgekws listen --microphone
        edgekws listen meeting.flac --false-accepts-per-hour 5
        edgekws listen meeting.flac --model runs/mine --json
        arecord -f S16_LE -r 16000 -t wav | edgekws listen -
        """,
        """
        A line has the time of the word's middle, the word, and its score from 0 to 1. A word is detected when its
        score reaches a threshold. A false accept is a detection where no word was said: a lower threshold makes more
        of them, a higher one misses more words. 'edgekws tune' chooses thresholds for a run.
        """,
    )
    listen.add_argument("files", nargs="*", type=Path, metavar="FILE", help="a recording in any common format, or - "
                        "for standard input")  # fmt: skip
    listen.add_argument("--microphone", action="store_true", help="listen to the default microphone until Ctrl-C")
    listen.add_argument("--model", metavar="RUN", help=f"the model: {moved.RUN} (default: small-listen)")
    moved.add_thresholds(listen)
    moved.add_opened(listen, models=True)
    listen.add_argument("--json", action="store_true", help="print one line of JSON for each word")
    listen.add_argument("--picture", type=Path, metavar="FILE.svg", help="also draw what was heard in one recording")
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
                      "worst kind")  # fmt: skip
    measuring.transcript_arguments(tune)
    moved.add(tune)


def _tune(args: argparse.Namespace) -> int:
    from convert import pipeline
    from edgekws import workspace, zoo
    from edgekws.listen import sound_kinds
    from edgekws.report import listening_lines

    if not (0 < args.per_hour < 1e6 and 0.01 <= args.hours <= 1000):
        raise UserError(
            f"--false-accepts-per-hour must be above 0, got {args.per_hour:g}, and --hours from 0.01 to 1000, got "
            f"{args.hours:g}"
        )
    run = moved.found(workspace.load_run(zoo.place(args.run)), args.data, args.unknown_from)
    clips = pipeline.load_corpus(run)
    given = sound_kinds.find(args.negatives, "--negatives")
    texts = measuring.texts_of(args, args.negatives, clips.words)
    found = pipeline.tune(run, clips, args.per_hour, args.hours, given, texts)
    print("\n".join(listening_lines.lines(found)))
    print(f"settings: {run.detector}; report: {run.folder / 'report.html'}")
    after = next_step.after_tuning(run.folder, reached=found["reached"], per_hour=args.per_hour)
    next_step.tell(args, after)
    return 0 if found["reached"] else 1


def _listen(args: argparse.Namespace) -> int:
    from edgekws import audio, spotter, zoo
    from edgekws.audio import microphone
    from edgekws.audio.source import STANDARD_INPUT
    from edgekws.corpus.clips import rejects

    if bool(args.files) == args.microphone:
        raise UserError("give recordings to listen to, or --microphone (and not both)")
    if args.picture and len(args.files) != 1:
        raise UserError("--picture draws one recording; give one")
    if args.picture and {str(args.picture), str(args.files[0])} & {*STANDARD_INPUT}:
        raise UserError("--picture hears a recording twice and writes a file: expected two file names, not -")
    folder = Path(args.model) if args.model else zoo.default(zoo.LISTENING)
    opened = {"opened_by": args.opened_by, "open_seconds": args.open_seconds}
    model = spotter.load(folder, false_accepts_per_hour=args.per_hour, threshold=args.threshold, **opened)
    print(f"{model.name} by {model.engine}", file=sys.stderr)
    failed, events = 0, 0
    nearest: Event | None = None
    for path in args.files or [None]:
        faults = audio.Faults()
        blocks = microphone.blocks(faults) if path is None else audio.blocks(path, faults)
        name, heard = "" if path is None else str(path), _Heard()
        try:
            _hear(model.hear(blocks, ends=path is not None), faults, name, args.json, heard)
        except KeyboardInterrupt:
            if path is not None:
                raise  # it is the normal end of listening to a microphone
        except UserError as error:
            if len(args.files) < 2:
                raise
            print(f"edgekws: error: {error}", file=sys.stderr)
            failed = 2
            continue
        events += heard.events
        nearest = heard.nearest or nearest
        if not heard.events:
            print(_nothing(name, heard.nearest, model), file=sys.stderr)
            seconds = heard.seconds - model.settings.delay / audio.SAMPLE_RATE  # without the quiet after it
            if path is not None and seconds < _ALONE_SECONDS:
                print(f"{path} lasts {seconds:.1f} s; 'edgekws classify' is for a word alone", file=sys.stderr)
    if args.picture and not failed:
        _draw(args.picture, args.files[0], model)
    after = next_step.after_listening(
        args.model or folder.name,
        heard=events > 0,
        tuned=model.tuned is not None and model.tuned.settings.hop == model.hop,
        near=nearest.score if nearest else 0.0,
        words=[label for label in model.labels if not rejects(label)],
    )
    next_step.tell(args, after)
    return failed


def _draw(picture: Path, path: Path, model: Spotter) -> None:
    """Hear the recording again, result by result, and draw it as a picture."""
    from edgekws import audio
    from edgekws.corpus.clips import rejects
    from edgekws.files import atomic_write
    from edgekws.listen.events import Event
    from edgekws.report import timeline

    samples, _ = audio.read(path)
    hop, delay = model.settings.hop, model.settings.delay
    pieces = (samples[at : at + hop] for at in range(0, len(samples), hop))
    scores, events = [], []
    for item in model.hear(pieces, ends=True):
        if isinstance(item, Event):
            events.append((item.time, item.word))
        else:
            middle = max(item.seconds - delay / audio.SAMPLE_RATE, 0.0)
            scores.append((middle, 0.0 if rejects(item.word) else item.score))
    drawn = timeline.svg(f"{path.name}, heard by {model.name}", samples, scores, events)
    atomic_write(picture, drawn.encode(), shared=True)
    print(f"picture: {picture}", file=sys.stderr)


@dataclasses.dataclass
class _Heard:
    """What was heard: seconds with the quiet at the end, how many events, and the word that came nearest."""

    seconds: float = 0.0
    events: int = 0
    nearest: Event | None = None


def _nothing(name: str, nearest: Event | None, model: Spotter) -> str:
    """The text that no word was heard, and which word came nearest to its threshold."""
    text = f"{name}: no word was heard" if name else "no word was heard"
    if nearest is None:
        return text
    threshold = model.settings.thresholds[model.labels.index(nearest.word)] / 256
    return f"{text}; nearest was {nearest.word} at {nearest.time:.2f} s: {nearest.score:.2f} of {threshold:.2f} needed"


def _hear(items: Iterable[Event | Progress], faults: Faults, name: str, as_json: bool, heard: _Heard) -> None:
    """Print events to standard output, and a meter and faults to the terminal; record everything in ``heard``."""
    from edgekws.listen.events import Event

    meter, told, told_at = sys.stderr.isatty(), dataclasses.replace(faults), -_FAULTS_SECONDS
    clear = "\r\x1b[K" if meter else ""
    try:
        for item in items:
            if isinstance(item, Event):
                heard.events += 1
                print(clear, end="", file=sys.stderr)
                if as_json:
                    facts = {"time": round(item.time, 3), "word": item.word, "score": round(item.score, 4)}
                    print(json.dumps(({"file": name} if name else {}) | facts, ensure_ascii=False), flush=True)
                else:
                    print(f"{f'{name}: ' if name else ''}{item.time:9.2f} s  {item.word}  {item.score:.2f}", flush=True)
                continue
            heard.seconds, heard.nearest = item.seconds, item.nearest
            if item.seconds >= told_at + _FAULTS_SECONDS and (lines := faults.lines(told)):
                print(*(f"{clear}{item.seconds:9.2f} s  {line}" for line in lines), sep="\n", file=sys.stderr)
                told, told_at = dataclasses.replace(faults), item.seconds
            if meter:
                bar = "#" * round(20 * item.level)
                text = f"{clear}{item.seconds:9.1f} s  [{bar:20}]  {item.word} {item.score:.2f}"
                print(text, end="", file=sys.stderr, flush=True)
    finally:
        print(clear, end="", file=sys.stderr)
        for line in faults.lines(told):
            print(f"{heard.seconds:9.2f} s  {line}", file=sys.stderr)
