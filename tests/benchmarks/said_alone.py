"""What detector.alone is worth: thresholds that are higher for words that follow talk, with as many words found.

    PYTHONPATH=. python tests/benchmarks/said_alone.py small-listen --keywords speech_commands --negatives talk music

The folder's testing words come one after the other, 3.5 s apart, at 10 dB over its own background noise. The first row
is of the model as it ships. Then, for each value of detector.alone, the highest threshold for all words is taken that
finds the wanted share of them (--found). A row gives the false accepts in each folder, and the share of the words that
are found so long after two seconds of talk, as loud as they are, at 20 dB over noise. The talk is the first folder's.
Recordings that the model learned from are left out; words that a folder's table of texts names are no false accepts.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from convert.engine import host_library
from convert.tflite import artifact
from edgekws import audio, zoo
from edgekws.audio import SAMPLE_RATE
from edgekws.corpus import heard, transcripts
from edgekws.corpus.clips import rejects
from edgekws.listen import detector, hearing, keyword_clips, sound_kinds, thresholds, trials
from edgekws.listen.hearing import Texts
from edgekws.listen.thresholds import Scored

LEVEL_DB, TALK_SECONDS, FAR = -35.0, 2, (3.2, 3.4)
GAPS_SECONDS = (0.1, 0.3, 0.6, 1.0)  # from the end of talk to the start of a word
SHARES = (0.0, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0)  # of detector.alone
LEVELS = np.arange(40, 252, 2)  # thresholds to try


def after_talk(trial: trials.Trial, talk: np.ndarray, gap: float) -> trials.Trial:
    """The stream with talk of the words' level that ends so many seconds before each word."""
    rng, blocks = np.random.default_rng(3), list(trial.blocks)

    def mixed() -> Iterator[np.ndarray]:
        place, length = 0, TALK_SECONDS * SAMPLE_RATE
        for block, spoken in zip(blocks, trial.said, strict=True):
            end = spoken.start - place - round(gap * SAMPLE_RATE)
            first = max(end - length, 0)
            piece = talk[(at := int(rng.integers(len(talk) - length))) : at + length].astype(np.float64)
            piece *= 32_768 * 10 ** (LEVEL_DB / 20) * 1.5 / max(float(np.sqrt(np.square(piece).mean())), 1.0)
            sound = block.astype(np.float64)
            sound[first:end] += piece[length - (end - first) :]
            place += len(block)
            yield audio.to_int16(sound, 1)

    return replace(trial, blocks=mixed())


def main() -> None:
    """Print a row a value of detector.alone."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="a model that ships, or a run")
    parser.add_argument("--keywords", type=Path, required=True, help="a Speech Commands folder")
    parser.add_argument("--negatives", type=Path, nargs="+", required=True, help="folders of sound without the words")
    parser.add_argument("--found", type=float, default=0.85, help="the share of words (0.85)")
    args = parser.parse_args()
    place = zoo.place(args.model)
    model, known = artifact.load(place), heard.read(place / heard.FILE)
    scorer = host_library.scorer(model)
    ships = model.settings(scorer.hop)
    kinds = [
        replace(kind, recordings=tuple(
            one for one in kind.recordings if not heard.learned(known or {}, one.speaker, one.path)
        ))
        for kind in sound_kinds.find(args.negatives, "--negatives")
    ]  # fmt: skip
    clips = keyword_clips.read(args.keywords, model.labels, 30, 1, scorer.window)
    noises = [audio.read(path)[0] for path in sorted((args.keywords / "_background_noise_").glob("*.wav"))]
    material = clips.over(noises)
    texts = {kind: Texts.of(transcripts.of_folder(folder), model.labels, "text")
             for kind, folder in zip(kinds, args.negatives, strict=True)}  # fmt: skip
    sounds = [hearing.hear(kind, scorer, model.labels, texts[kind], lambda _: None)[0] for kind in kinds]
    talk = np.concatenate([audio.read(one.path)[0] for one in kinds[0].recordings[:60]])

    def words(snr_db: float, gap: float | None = None) -> Scored:
        trial = trials.keywords(material, snr_db, 11, gap_s=FAR, level_db=LEVEL_DB)
        return hearing.hear_trial(after_talk(trial, talk, gap) if gap else trial, scorer, lambda _: None)

    alone, followed = words(10.0), [words(20.0, gap) for gap in GAPS_SECONDS]
    levels = np.where([rejects(label) for label in model.labels], detector.NEVER, LEVELS[:, None])
    print(f"{model.name}: {len(clips.labels)} words; first with its own thresholds, then with one for all words that "
          f"finds {100 * args.found:g} % at 10 dB, said alone; {ships.results} results averaged")  # fmt: skip
    heads = [f"{kind.name} {stream.seconds / 3600:.2f} h" for kind, stream in zip(kinds, sounds, strict=True)]
    print("  ".join(["alone", "threshold", "  found", *heads, *(f"{gap:g} s after talk" for gap in GAPS_SECONDS)]))

    def told(settings: detector.Settings, row: np.ndarray, name: str) -> None:
        def found(stream: Scored) -> str:
            return f"{100 * (1 - thresholds.tally([stream], model.labels, settings, row).miss_rate[0]):.1f} %"

        wrong = [int(thresholds.tally([stream], model.labels, settings, row).strays.sum()) for stream in sounds]
        cells = [f"{count:{len(head)}}" for count, head in zip(wrong, heads, strict=True)]
        late = [f"{found(stream):>14}" for stream in followed]
        print("  ".join([f"{settings.alone / 256:5.2f}", f"{name:>9}", f"{found(alone):>7}", *cells, *late]))

    told(ships, np.array([ships.thresholds]), "its own")
    for share in SHARES:
        settings = detector.after_talk(ships, model.labels, share)
        found = 1 - thresholds.tally([alone], model.labels, settings, levels).miss_rate
        if not (found >= args.found).any():
            print(f"{share:5.2f}  no threshold finds so many: {100 * found.max():.1f} % at most")
            continue
        row = levels[[np.flatnonzero(found >= args.found)[-1]]]
        told(settings, row, f"{row.min() / 256:.2f}")


if __name__ == "__main__":
    main()
