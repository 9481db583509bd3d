"""Makes the recipe of `edgekws wake`: your own phrases, spoken by eSpeak, starting from a shipped model."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edgekws import audio, recipe, text, words, zoo
from edgekws.corpus.folder.find import recordings
from edgekws.corpus.spoken import engines, espeak, neighbours
from edgekws.corpus.supplied import included
from edgekws.errors import UserError
from edgekws.recipe import Recipe

WINDOWS = (1.5, 2.0)  # seconds
CLIPS = 2000  # training clips of each phrase by eSpeak
ACCENTED = 0.4  # of those, with sounds of other accents
NEIGHBOURS = 250  # of each phrase, and twice as many of a single one
FROZEN = 5  # of six convolutions: what the start learned from people is not unlearned on synthesis and a few takes
LOWERED = 4.0  # nats: so that thresholds lie where the scores have steps
ALONE = 0.05  # what sounds like a phrase is mostly amid talk; at thresholds as high as these more would mute it there
TAKES_SHARE = 0.4  # takes' share of a phrase's training clips, if there are takes
_MOST_CUTS = 60  # cuts of one take at most
_PLACE = 0.2  # seconds of the window that a phrase must leave free
_SLOWLY = 145  # words a minute, for measuring how long a phrase takes


def of(
    phrases: Sequence[str],
    *,
    language: str = "en",
    voices: Sequence[str] = (),
    takes: str = "",
    negatives: Sequence[str] = (),
    name: str = "",
) -> Recipe:
    """The recipe for these phrases.

    voices: folders of Piper voices. takes: a folder with recordings of the phrases, PHRASE/*.wav, of any length.
    negatives: folders of sound without the phrases, beside the talk that comes with edgekws. Raises UserError if a
    phrase is invalid, cannot be said or fits into no window, if the language is unknown, and if takes have no sound.
    """
    said = tuple(text.normal(" ".join(phrase.split())) for phrase in phrases)
    words.check_all(said, "a wake phrase", least=1)
    words.check_folders(said)
    neighbours.check(said, language)
    seconds = window(said, language)
    start = _start(seconds)
    sources = [engines.FLITE] if language == "en" and shutil.which(engines.FLITE) else []
    changes: dict[str, Any] = {
        "name": name or name_of(said, takes=bool(takes)),
        "data.source": "espeak",
        "data.words": said,
        "data.language": language,
        "data.clips_per_word": CLIPS,
        "data.accented": ACCENTED,
        "data.sources": [*sources, *voices, *([takes] if takes else [])],
        "data.neighbours": NEIGHBOURS * max(len(said), 2),
        "data.unknown_spoken": 2500,
        "data.unknown_made": 500,
        "data.unknown_from": list(dict.fromkeys([included.NAME, *negatives])),
        "data.silence": 800,
        "model.architecture": "small",
        "model.window_seconds": seconds,
        "model.coding": "mu_law",
        "model.level_control": True,
        "augment.shift_ms": 50.0,
        "augment.gain_db": 15.0,
        "augment.equalizer_db": 12.0,
        "augment.speed_percent": 14.0,
        "augment.noise_probability": 0.9,
        "augment.snr_db_low": -3.0,
        "augment.snr_db_high": 35.0,
        "training.start_from": start,
        "training.frozen": FROZEN if start else 0,
        "training.epochs": 8,
        "training.learning_rate": 0.002,
        "training.weight_decay": 0.03,
        "training.unknown_lowered": LOWERED,
        "quantization.epochs": 1,
        "detector.alone": ALONE,
    }
    if takes:
        changes |= _of_takes(Path(takes).expanduser(), said)
    return recipe.replace(Recipe(), changes, "a wake phrase")


def name_of(phrases: Sequence[str], *, takes: bool) -> str:
    """The name of the run for phrases, with takes or without."""
    joined = "-".join("-".join(phrases).split())[:60]
    return f"{joined}-takes" if takes else joined


def window(phrases: Sequence[str], language: str) -> float:
    """The length in seconds of the window that fits the longest phrase, said slowly. Raises UserError if none fits."""
    voices = [f"{accent}+f3" for accent in espeak.accents(language)]
    asked = [espeak.Utterance(phrase, voice, _SLOWLY, 50, 50) for phrase in phrases for voice in voices]
    lengths = [len(sound) / audio.SAMPLE_RATE for sound in espeak.speak(asked)]
    longest = max(range(len(asked)), key=lambda i: lengths[i])
    for seconds in WINDOWS:
        if lengths[longest] + _PLACE <= seconds:
            return seconds
    raise UserError(
        f"{asked[longest].text!r} lasts {lengths[longest]:.1f} s, and a network hears {WINDOWS[-1]:g} s at most, "
        f"{_PLACE:g} s of it around the phrase; choose a shorter one"
    )


def _start(seconds: float) -> str:
    """The shipped model whose weights to start from: one that knows real speech, if possible with this window."""
    known = zoo.folders()
    named = ("wake", "small-listen") if seconds == WINDOWS[0] else ("small-listen",)
    return next((name for name in named if name in known), "")


def _of_takes(folder: Path, phrases: Sequence[str]) -> dict[str, Any]:
    """Recipe keys for takes, with enough cuts to give takes their share. Raises UserError without takes, or sound."""
    fewest = CLIPS
    for phrase in phrases:
        place = folder / phrase
        files = recordings(place)
        if not files:
            raise UserError(f"--data: there are no recordings in {place}; put the takes of {phrase!r} there")
        if all(audio.is_silent(audio.read(path, most_seconds=audio.LONGEST_CLIP_SECONDS)[0]) for path in files):
            raise UserError(
                f"--data: none of the {len(files)} recordings in {place} holds any sound; record them again"
            )
        fewest = min(fewest, len(files))
    cuts = round(TAKES_SHARE / (1 - TAKES_SHARE) * CLIPS / max(0.8 * fewest, 1))
    cuts = min(max(cuts, 4), _MOST_CUTS)
    return {"data.cuts": cuts, "data.parts": max(cuts // 3, 1)}
