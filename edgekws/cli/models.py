"""Commands for finished models: classify recordings, publish a run, collect a shipped model's recordings."""

from __future__ import annotations

import argparse
import json
import shlex
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
    classify.add_argument("--model", metavar="RUN", help=f"the model: {moved.RUN} (default: small)")
    classify.add_argument("--coding", help=moved.CODING)
    classify.add_argument("--top", type=int, default=3, metavar="N", help="how many words to print (default: 3)")
    classify.add_argument("--reject", type=float, default=0.0, metavar="P", help="print _unknown_ where the highest "
                          "probability is under P, from 0 to 1; the run report of a model without a class _unknown_ "
                          "says how many words this costs")  # fmt: skip
    classify.add_argument("--json", action="store_true", help="print one line of JSON for each window")
    publish = command(
        "publish",
        _publish,
        "copy a finished run to a folder that may be given away",
        """
        edgekws publish runs/mine firmware_assets/pretrained/mine --source "Speech Commands v0.01, official split"
        edgekws publish runs/mine --to-folder mine-hub --source "of ten people, by their leave"
        edgekws publish small --to-folder small-hub
        edgekws publish wake --to-folder wake-hub --recordings firmware_assets/pretrained/wake-recordings.csv
        """,
        """
        The folder gets the model, its labels, recipe, report, card and manifest. Paths of this machine are left out.
        --to-folder lays it out as a repository of the Hugging Face Hub: the card is its README.md, with front matter.
        """,
    )
    publish.add_argument("run", type=Path, metavar="RUN", help="the folder of a run whose check passed")
    publish.add_argument("folder", type=Path, nargs="?", metavar="FOLDER", help="the folder to write or to replace")
    publish.add_argument("--to-folder", type=Path, metavar="DIR", help="the same, as a repository of the Hugging Face "
                         "Hub")  # fmt: skip
    publish.add_argument("--source", metavar="TEXT", help="one line that says what the recordings were; needed where "
                         "the run's report names a path of this machine")  # fmt: skip
    publish.add_argument("--recordings", type=Path, metavar="LIST", help="a CSV table of the recordings, as 'edgekws "
                         "collect' reads it: the card quotes their licences from it")  # fmt: skip
    collect = command(
        "collect",
        _collect,
        "collect the recordings that a model which ships was trained on",
        """
        edgekws collect firmware_assets/pretrained/small-listen-recordings.csv --out behind \\
          --from librispeech=LibriSpeech
        """,
        """
        The list beside a model's card names each recording and where it comes from. Give a folder for each source that
        the list names; the recordings are cut from there. Then the model's recipe can be run again. Exit status 1: some
        recordings were not found.
        """,
    )
    collect.add_argument("list", type=Path, metavar="LIST", help="the CSV table beside the model's card")
    collect.add_argument("--from", action="append", required=True, metavar="NAME=FOLDER", dest="sources", help="the "
                         "folder of a corpus, or of a clone of a repository, that the list calls NAME (may be "
                         "repeated)")  # fmt: skip
    collect.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="the folder to write; it must not exist"
    )


def _collect(args: argparse.Namespace) -> int:
    from edgekws.corpus import collection

    places = {}
    for source in args.sources:
        name, equals, folder = source.partition("=")
        if not (name and equals and folder):
            raise UserError(f"--from takes NAME=FOLDER, such as librispeech=LibriSpeech, got {source!r}")
        places[name] = Path(folder).expanduser()
    if args.out.exists():
        raise UserError(f"--out: {args.out} exists already; expected a new folder")
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


def _publish(args: argparse.Namespace) -> int:
    from edgekws import workspace, zoo
    from edgekws.publish import pretrained

    if (args.folder is None) == (args.to_folder is None):
        raise UserError("publish writes one folder: give FOLDER, or --to-folder DIR")
    run, hub = workspace.load_run(zoo.place(args.run)), args.to_folder is not None
    place = args.to_folder or args.folder
    print(pretrained.publish(run, place, source=args.source, recordings=args.recordings, hub=hub))
    if hub:
        next_step.tell(args, f"'{shlex.join(['hf', 'upload', 'YOU/MODEL', str(args.to_folder)])}' puts it onto the Hub")
        return 0
    next_step.tell(
        args, f"'{next_step.call('tables', args.folder.parent, '--add')} {args.folder}' puts it into the table"
    )
    return 0
