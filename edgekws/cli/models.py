"""Commands about finished models: classify recordings, publish a run, collect the recordings behind what ships."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path

from edgekws.cli import moved, next_step
from edgekws.errors import UserError

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
    """Describe the commands of this module; ``command(name, function, help, example)`` makes a parser."""
    classify = command(
        "classify", _classify, "say which word is in a recording, with a model that ships", "edgekws classify hello.wav"
    )
    classify.add_argument("files", nargs="+", type=Path, metavar="FILE", help="recordings: WAV, FLAC, Ogg, MP3, "
                          "AIFF and others; - reads standard input")  # fmt: skip
    classify.add_argument("--model", metavar="RUN", help=f"{moved.RUN} (small)")
    classify.add_argument("--coding", help="of the int8 input, for a bare .tflite file: linear (default) or mu_law")
    classify.add_argument("--top", type=int, default=3, metavar="N", help="how many words to show (3)")
    classify.add_argument(
        "--reject", type=float, default=0.0, metavar="P", help="say _unknown_ where the best score is under P, 0 to 1; "
        "the report of a run whose classes are words alone says what this costs",
    )  # fmt: skip
    classify.add_argument("--json", action="store_true", help="one line of JSON a window")
    publish = command(
        "publish", _publish, "copy a finished run to a folder that ships: no path of this machine stays in it",
        'edgekws publish runs/NAME firmware_assets/pretrained/NAME --source "Speech Commands v0.01, official split"',
    )  # fmt: skip
    publish.add_argument("run", type=Path, metavar="RUN", help="a run folder whose check passed")
    publish.add_argument("folder", type=Path, metavar="FOLDER", help="the folder to write or replace")
    publish.add_argument("--source", required=True, help="what the recordings were, in one line")
    collect = command(
        "collect", _collect, "collect the recordings behind a model that ships, to train it again",
        "edgekws collect firmware_assets/pretrained/small-listen-recordings.csv --from librispeech=LibriSpeech "
        "--from cmusphinx/an4=an4 --out behind",
    )  # fmt: skip
    collect.add_argument("list", type=Path, metavar="LIST", help="the CSV table beside the model's card")
    collect.add_argument("--from", action="append", required=True, metavar="NAME=FOLDER", dest="sources", help="where "
                         "a corpus, or a clone of a repository, of this name in the list is (repeatable)")  # fmt: skip
    collect.add_argument("--out", type=Path, required=True, metavar="DIR", help="the folder to make")


def _collect(args: argparse.Namespace) -> int:
    from edgekws.corpus import collection

    places = {}
    for source in args.sources:
        name, equals, folder = source.partition("=")
        if not (name and equals and folder):
            raise UserError(f"--from takes NAME=FOLDER, such as librispeech=LibriSpeech, got {source!r}")
        places[name] = Path(folder).expanduser()
    if args.out.exists():
        raise UserError(f"--out: {args.out} is there already; name a folder that is not")
    done = collection.collect(collection.read(args.list), places, args.out)
    print(f"{args.out}: {done.files} recordings cut from {done.found}")
    for name, count in sorted(done.missing.items()):
        print(f"not found: {count} recordings of {name}; give its folder by --from")
    next_step.tell(args, "name the folders in it as data.unknown_from of the recipe that the model ships with")
    return 1 if done.missing else 0


def _classify(args: argparse.Namespace) -> int:
    from convert.tflite import artifact
    from edgekws import audio, zoo
    from edgekws.corpus.clips import UNKNOWN
    from edgekws.listen.classify import Classifier

    if not 0 <= args.reject <= 1:
        raise UserError(f"--reject takes a probability from 0 to 1, got {args.reject:g}")
    model = artifact.load(args.model or zoo.default(), args.coding)
    print(f"{model.name} by LiteRT", file=sys.stderr)
    classifier = Classifier(model.content, model.labels, model)
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


def _publish(args: argparse.Namespace) -> int:
    from edgekws import workspace, zoo
    from edgekws.publish import pretrained

    print(pretrained.publish(workspace.load_run(zoo.place(args.run)), args.folder, source=args.source))
    next_step.tell(
        args, f"'{next_step.call('tables', args.folder.parent, '--add')} {args.folder}' puts it into the table"
    )
    return 0
