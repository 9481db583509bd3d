"""Commands that hear words: classify (in single recordings), listen (in sound that goes on)."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from edgekws.cli import arguments
from edgekws.cli.terminal import meter, next_step
from edgekws.errors import UserError

if TYPE_CHECKING:
    from edgekws.listen.events import Event
    from edgekws.spotter import Spotter

_ALONE_SECONDS = 2.0  # a shorter recording has one word; if it is not heard, suggest classify
NOTES = {
    "resampled": "resampled to 16 kHz",
    "mixed_down": "mixed down to mono",
    "one_channel": "the channels cancel each other (one is inverted?): the loudest was taken",
    "rescaled": "integers saved as floats, scaled to full scale",
    "miscounted": "its header gives a wrong length: read to its end",
    "damaged": "damaged: sound is missing in places",
    "clipped": "clipped at full scale",
    "too_long": "only its first hour was read; 'edgekws listen' is for long recordings",
}


def add(command: Callable[..., argparse.ArgumentParser]) -> None:
    """Describe the commands of this module; ``command(name, function, help, examples, about)`` makes a parser."""
    classify = command(
        "classify",
        _classify,
        "name the word in a recording",
        """
        edgekws classify hello.wav
        edgekws classify recordings/*.flac --model runs/mine --top 1 --reject 0.8
        """,
        """
        It prints the words with the highest probabilities for each second of a recording; windows of longer recordings
        overlap by half. It is for single words: use 'edgekws listen' for continuous sound.
        """,
    )
    classify.add_argument("files", nargs="+", type=Path, metavar="FILE", help="a recording (WAV, FLAC, Ogg, MP3, AIFF "
                          "and others), or - for standard input")  # fmt: skip
    classify.add_argument("--model", metavar="RUN", help=f"the model: {arguments.RUN} (default: small)")
    classify.add_argument("--coding", help=arguments.CODING)
    classify.add_argument("--top", type=int, default=3, metavar="N", help="how many words to print (default: 3)")
    classify.add_argument("--reject", type=float, default=0.0, metavar="P", help="print _unknown_ where the highest "
                          "probability is under P, from 0 to 1; the run report of a model without a class _unknown_ "
                          "says how many words this costs")  # fmt: skip
    classify.add_argument("--json", action="store_true", help="print one line of JSON for each window")
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
    listen.add_argument("--model", metavar="RUN", help=f"the model: {arguments.RUN} (default: small-listen)")
    arguments.add_thresholds(listen)
    arguments.add_opened(listen, models=True)
    listen.add_argument("--json", action="store_true", help="print one line of JSON for each word")
    listen.add_argument("--picture", type=Path, metavar="FILE.svg", help="also draw what was heard in one recording")


def _classify(args: argparse.Namespace) -> int:
    from convert.tflite import artifact
    from edgekws import audio, zoo
    from edgekws.corpus.clips import UNKNOWN
    from edgekws.listen.classify import Classifier

    if not 0 <= args.reject <= 1:
        raise UserError(f"--reject takes a probability from 0 to 1, got {args.reject:g}")
    model = artifact.load(args.model or zoo.default(), args.coding)
    print(f"{model.name} by LiteRT", file=sys.stderr)
    classifier = Classifier(model.content, model.labels, model, str(args.model or model.name))
    failed = 0
    for path in args.files:
        try:
            samples, done = audio.read(path, pipes=True)
        except UserError as error:
            print(f"edgekws: error: {error}", file=sys.stderr)
            failed = 2
            continue
        if notes := [text for key, text in NOTES.items() if getattr(done, key)]:
            print(f"{path}: {', '.join(notes)}", file=sys.stderr)
        for result in classifier.classify(samples):
            best = result.scores[: max(args.top, 1)]
            heard = None if not best else best[0][0] if best[0][1] >= args.reject else UNKNOWN
            if args.json:
                scores = {word: round(score, 4) for word, score in best}
                facts = {"file": str(path), "time": round(result.seconds, 3), "word": heard, "scores": scores}
                print(json.dumps(facts, ensure_ascii=False), flush=True)
            else:
                shown = "  ".join(f"{word} {100 * score:.1f} %" for word, score in best)
                shown = f"{heard} ({shown})" if best and heard != best[0][0] else shown or "no sound"
                at = f" at {result.seconds:.1f} s" if len(samples) > classifier.window else ""
                print(f"{path}{at}: {shown}", flush=True)
    onto = next_step.call("bundle", args.model or zoo.default().name, "--target T")
    next_step.tell(args, f"'edgekws listen FILE' finds words in longer sound; '{onto}' takes the model to a device")
    return failed


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
    model = spotter.load(
        folder, false_accepts_per_hour=args.per_hour, threshold=args.threshold, alone=args.alone, **opened
    )
    print(f"{model.name} by {model.engine}", file=sys.stderr)
    failed, events = 0, 0
    nearest: Event | None = None
    for path in args.files or [None]:
        faults = audio.Faults()
        blocks = microphone.blocks(faults) if path is None else audio.blocks(path, faults)
        name, heard = "" if path is None else str(path), meter.Heard()
        try:
            meter.show(model.hear(blocks, ends=path is not None), faults, name, args.json, heard)
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
            print(meter.nothing(name, heard.nearest, model), file=sys.stderr)
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
        talk=meter.only_talk(nearest, model),
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
