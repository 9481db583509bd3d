"""A recipe: one TOML file with everything that a run depends on, as frozen dataclasses.

These dataclasses are the only description of the format. They have the types, defaults and help texts, and ``edgekws
new`` writes its commented file from them. An unknown key is an error that names the nearest valid key.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

from edgekws import recipe_text, text, words
from edgekws.audio import SAMPLE_RATE
from edgekws.errors import UserError, nearest

MOST_NATS = 20.0  # of detector.logit_adjustment: no int8 score is left of a word
MADE_ROOMS = "made"  # in data.rooms: rooms that are computed
TEACHERS = ("teacher", "second_teacher")
EARLIER = ("start_from", *TEACHERS)  # keys of [training] that name another run
EMBEDDED_WORDS = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"),
    *("bed", "bird", "cat", "dog", "house", "happy"),
)

EMBEDDED = Path("edgekws/recipes/espeak-nano.toml")  # what the default adds for words that eSpeak NG speaks


def _key(default: Any, help: str, *, low: float | None = None, high: float | None = None, choices: Any = None) -> Any:
    meta = {"help": help, "low": low, "high": high, "choices": choices}
    return field(default=default, metadata=meta)


@dataclass(frozen=True)
class Data:
    """Which recordings a run learns from."""

    source: str = _key(
        "espeak",
        '"espeak" (spoken here, offline), "speech_commands_v0.01", "speech_commands_v0.02" (downloaded), '
        "or a folder of WORD/*.wav",
    )
    words: tuple[str, ...] = _key(EMBEDDED_WORDS, "the classes, in label order")
    clips_per_word: int = _key(0, "training clips of each word at most; 0: all (espeak: its default)", low=0)
    validation_percent: float = _key(10.0, "for folders without lists: speakers put aside", low=1, high=45)
    testing_percent: float = _key(10.0, "for folders without lists: speakers put aside", low=1, high=45)
    speaker_pattern: str = _key(
        "",
        "for folders: where a path tells the speaker, such as {speaker}_{take} or a regular expression with "
        "(?P<speaker>...); empty: SPEAKER_nohash_0 or WORD/SPEAKER/",
    )
    split_by: str = _key(
        "speaker",
        "for folders without lists: a speaker is in one split, or take: perhaps in all, which the run report says",
        choices=("speaker", "take"),
    )
    held_out_noise: tuple[str, ...] = _key((), "background noises never used in training")
    unknown: tuple[str, ...] = _key((), "other words of the source, together the class _unknown_; none: no such class")
    unknown_made: int = _key(
        0,
        "training clips of _unknown_ made from the words themselves: backwards, or the end of one and the start of "
        "another; the other splits get their share",
        low=0,
    )
    unknown_spoken: int = _key(
        0,
        "training clips of _unknown_ by eSpeak: other words, pieces of sentences; the other splits get their share",
        low=0,
    )
    unknown_from: tuple[str, ...] = _key(
        (),
        "folders of recordings of any length: every second without a word is in _unknown_; the words "
        "are cut out by a table of what is said, FOLDER.csv or FOLDER/transcripts.csv",
    )
    neighbours: int = _key(
        0,
        "training clips of _unknown_ by eSpeak that sound nearly like a word: one or two sounds away, its parts, "
        "its words alone; the other splits get their share",
        low=0,
    )
    sources: tuple[str, ...] = _key(
        (),
        "further sources of the words, mixed in, their voices split like its own: espeak, flite (where installed), "
        "a folder of WORD/*.wav, a folder of Piper's voices (*.onnx)",
    )
    rooms: tuple[str, ...] = _key(
        ("made",),
        "where augment.room_probability takes its rooms: folders of recorded impulse responses, made: computed; each "
        "entry gets its share",
    )
    language: str = _key("en", "which eSpeak speaks: the code of any language that it has")
    silence: int = _key(0, "training clips of the class _silence_, noise at all levels; 0: no such class", low=0)
    reject_percent: float = _key(
        0.0,
        "by Speech Commands' own rules, in percent of the words' clips in each split: so many random clips of "
        "data.unknown and as many of _silence_, background noise at any volume; 0: all of data.unknown",
        low=0,
        high=100,
    )
    cuts: int = _key(
        0,
        "for folders: more training clips of each recording, with its whole word at a random place in the window, as "
        "in a stream; the recording's own background fills the rest",
        low=0,
    )
    parts: int = _key(
        0,
        "for folders: clips of each recording with half of its word at most, in _unknown_; other splits get one",
        low=0,
    )

    @property
    def rejects(self) -> bool:
        """Whether there is a class of no word. With it, one word is enough."""
        made = (self.unknown_made, self.unknown_spoken, self.silence, self.parts, self.neighbours, self.reject_percent)
        return any(made) or bool(self.unknown or self.unknown_from)


@dataclass(frozen=True)
class Model:
    """Which network a run trains."""

    architecture: str = _key("nano", "a name from 'edgekws models'")
    window_seconds: float = _key(
        1.0, "sound that the network hears at once, seconds; a phrase must fit", choices=(1.0, 1.5, 2.0)
    )
    dropout: float = _key(0.0, "before the dense layer", low=0, high=0.95)
    batch_norm: bool = _key(True, "batch normalisation after every convolution (folds away in the int8 model)")
    coding: str = _key("linear", "how 16-bit samples become the int8 input", choices=("linear", "mu_law"))
    level_control: bool = _key(
        False, "samples come to one level before the coding, a whisper as loud as a shout; the same on a device"
    )

    @property
    def window(self) -> int:
        """How many samples, at 16 kHz, the network hears at once."""
        return round(self.window_seconds * SAMPLE_RATE)


@dataclass(frozen=True)
class Augment:
    """How training changes a clip before the network hears it. If all values are 0, it does not."""

    shift_ms: float = _key(100.0, "largest shift to either side, milliseconds", low=0, high=500)
    gain_db: float = _key(6.0, "largest change of level up or down, decibels", low=0, high=40)
    noise_probability: float = _key(0.7, "share of clips with background noise", low=0, high=1)
    snr_db_low: float = _key(5.0, "lowest signal-to-noise ratio drawn, decibels", low=-20, high=60)
    snr_db_high: float = _key(30.0, "highest signal-to-noise ratio drawn, decibels", low=-20, high=60)
    speed_percent: float = _key(0.0, "largest change of speed up or down, pitch with it, percent", low=0, high=50)
    equalizer_db: float = _key(
        0.0, "largest change of each octave's level up or down, as by microphones and rooms, decibels", low=0, high=30
    )
    room_probability: float = _key(
        0.0, "share of clips that sound as in a room, some metres from the microphone (data.rooms)", low=0, high=1
    )
    mask_ms: float = _key(0.0, "longest stretch of the clip made silent, milliseconds", low=0, high=500)
    mixup: float = _key(0.0, "alpha of mixup: two clips sound together, the target says how much; 0: no", low=0, high=8)


@dataclass(frozen=True)
class Training:
    """Training of the float network."""

    epochs: int = _key(16, "passes over the training clips at most", low=1)
    batch_size: int = _key(64, "clips a step", low=1)
    learning_rate: float = _key(0.002, "peak of the cosine schedule (Adam)", low=1e-8, high=1)
    warmup_epochs: float = _key(1.0, "epochs of linear warm-up", low=0)
    weight_decay: float = _key(
        0.0, "decoupled weight decay (AdamW); 0: plain Adam; not in quantization-aware training", low=0, high=1
    )
    label_smoothing: float = _key(
        0.0, "cross-entropy label smoothing; not in quantization-aware training", low=0, high=0.5
    )
    logit_adjustment: float = _key(
        0.0,
        "how far the scores become those of classes that are equally likely, whatever the shares of the training clips "
        "(logit adjustment); 0: not at all, 1: fully",
        low=0,
        high=2,
    )
    start_from: str = _key(
        "", "a run's folder or a model that ships, of the same network: its weights come first, of known words too"
    )
    teacher: str = _key(
        "",
        "a run's folder or a model that ships, which knows the words: its scores are learned too (distillation); not "
        "in quantization-aware training",
    )
    second_teacher: str = _key("", "another teacher: the mean of both teachers' log scores is learned")
    unknown_lowered: float = _key(
        0.0,
        "after training, _unknown_ is lowered by so many nats before the softmax, for clips that may well be a word; "
        "detector.logit_adjustment raises it again on streams",
        low=0,
        high=MOST_NATS,
    )
    averaged_with: tuple[str, ...] = _key(
        (),
        "runs of the same network, begun from the same weights: after training, the mean of their weights and these "
        "becomes the float model",
    )
    patience: int = _key(
        0,
        "stop after this many epochs without a better validation accuracy; 0: never; not in quantization-aware "
        "training",
        low=0,
    )
    mixed_precision: str = _key(
        "auto",
        "compute type; auto: bfloat16 where the GPU or the CPU computes it fast, else none, which is float32",
        choices=("auto", "none", "float16", "bfloat16"),
    )


@dataclass(frozen=True)
class Quantization:
    """Quantization-aware training, which teaches the int8 model the float model's scores."""

    epochs: int = _key(6, "epochs of quantization-aware training; 0: post-training quantization only", low=0)
    learning_rate: float = _key(0.0002, "peak of its cosine schedule", low=1e-9, high=1)
    calibration_clips: int = _key(1024, "training clips that set the first activation ranges", low=16)


@dataclass(frozen=True)
class Detector:
    """When words count, on a device as in ``edgekws listen``; training does not depend on it."""

    opened_by: tuple[str, ...] = _key((), "words of data.words that open the others: these count only for a time after")
    open_seconds: float = _key(
        0.0,
        "seconds for which words count after one of detector.opened_by, or, where that is empty, after the program "
        "says so (edgekws_detector_open); 0: they always count",
        low=0,
        high=600,
    )
    logit_adjustment: float = _key(
        0.0,
        "on a stream, _unknown_ is raised by so many nats before the softmax: most of what is said there is no word. "
        "It takes back training.logit_adjustment or unknown_lowered; scores of single clips do not change",
        low=0,
        high=MOST_NATS,
    )


@dataclass(frozen=True)
class Parity:
    """Bounds of the parity ladder on the whole testing split. One clip may always differ, unless a bound is 0 or 1."""

    accuracy_drop_points: float = _key(0.5, "int8 accuracy at most this many points under float", low=0, high=100)
    fake_quant_agreement: float = _key(0.99, "same top word in int8 and fake-quant", low=0, high=1)
    xnnpack_agreement: float = _key(0.99, "same top word with reference and XNNPACK kernels", low=0, high=1)


@dataclass(frozen=True)
class Recipe:
    """Everything a run depends on."""

    name: str = _key("espeak-nano", "the run's folder is runs/NAME")
    seed: int = _key(1, "of initial weights, data order, dropout and augmentation", low=0, high=2**31 - 1)
    data: Data = field(default_factory=Data)
    model: Model = field(default_factory=Model)
    augment: Augment = field(default_factory=Augment)
    training: Training = field(default_factory=Training)
    quantization: Quantization = field(default_factory=Quantization)
    detector: Detector = field(default_factory=Detector)
    parity: Parity = field(default_factory=Parity)


def find(path: Path) -> Path:
    """The path itself if it exists; else the same path among edgekws's own recipes and sweeps (edgekws/recipes/...)."""
    own = Path(str(files("edgekws"))).parent / path
    return own if path.parts[:2] == ("edgekws", "recipes") and not path.exists() and own.exists() else path


def over_default(tables: Mapping[str, Any]) -> dict[str, Any]:
    """These tables, over those of ``EMBEDDED`` where eSpeak speaks the words."""
    data = tables.get("data", {})
    if isinstance(data, Mapping) and data.get("source", Data.source) != Data.source:
        return dict(tables)
    made = read_tables(find(EMBEDDED))
    for key, value in tables.items():
        below = made.get(key)
        made[key] = {**below, **value} if isinstance(value, Mapping) and isinstance(below, Mapping) else value
    return made


def load(path: Path) -> Recipe:
    """The recipe in a TOML file. A UserError for a missing file, bad TOML, an unknown key or a wrong value."""
    return from_tables(read_tables(path), str(path))


def read_tables(path: Path) -> dict[str, Any]:
    """The tables of a recipe's file, without defaults. A UserError if the file is missing or not TOML."""
    return recipe_text.read(path, "recipe", "; 'edgekws new' writes one")


def from_tables(tables: Mapping[str, Any], origin: str = "recipe") -> Recipe:
    """The recipe that these nested tables describe, checked, with defaults for missing keys."""
    recipe: Recipe = _build(Recipe, tables, origin, "")
    spoken, unknown = (tuple(map(text.normal, words)) for words in (recipe.data.words, recipe.data.unknown))
    recipe = dataclasses.replace(recipe, data=dataclasses.replace(recipe.data, words=spoken, unknown=unknown))
    if recipe.augment.snr_db_low > recipe.augment.snr_db_high:
        raise UserError(f"{origin}: augment.snr_db_low is above augment.snr_db_high; swap them")
    words.check_all(recipe.data.words, f"{origin}: data.words", least=1 if recipe.data.rejects else 2)
    opened_by = tuple(map(text.normal, recipe.detector.opened_by))
    recipe = dataclasses.replace(recipe, detector=dataclasses.replace(recipe.detector, opened_by=opened_by))
    if strange := sorted(set(opened_by) - set(recipe.data.words)):
        raise UserError(f"{origin}: detector.opened_by: {', '.join(strange)} is not in data.words; add it there")
    if opened_by and not recipe.detector.open_seconds:
        raise UserError(f"{origin}: detector.opened_by needs detector.open_seconds, such as 5")
    for word in recipe.data.unknown:
        words.check(word, f"{origin}: data.unknown")
    if both := sorted(set(recipe.data.unknown) & set(recipe.data.words)):
        raise UserError(f"{origin}: data.unknown and data.words both hold {', '.join(both)}; leave it in one of them")
    if not recipe.name or recipe.name.startswith(".") or any(c in recipe.name for c in '/\\:*?"<>|\0'):
        raise UserError(f"{origin}: name '{recipe.name}' is not usable as a folder name; use letters, digits, - and _")
    from edgekws.model import catalogue

    catalogue.find(recipe.model.architecture)
    return recipe


def to_tables(recipe: Recipe) -> dict[str, Any]:
    """The recipe as nested plain tables: the inverse of ``from_tables``."""
    return dataclasses.asdict(recipe)


def flat(recipe: Recipe) -> dict[str, Any]:
    """Every value by its dotted key, as ``replace`` accepts them: ``{"training.epochs": 3, ...}``."""
    found: dict[str, Any] = {}
    for key, value in to_tables(recipe).items():
        found |= {f"{key}.{k}": v for k, v in value.items()} if isinstance(value, dict) else {key: value}
    return found


def to_toml(recipe: Recipe, *, comments: bool = False) -> str:
    """The recipe as TOML with every key; with ``comments``, each key's help text is above it."""
    return "\n".join(_toml_lines(recipe, "", comments)) + "\n"


def _toml_lines(section: Any, heading: str, comments: bool) -> list[str]:
    lines = ["", f"[{heading}]"] if heading else []
    if comments and section.__doc__:
        lines.append(f"# {section.__doc__}")
    nested = []
    for f in dataclasses.fields(section):
        value = getattr(section, f.name)
        if dataclasses.is_dataclass(value):
            nested += _toml_lines(value, f.name, comments)
            continue
        if comments:
            choices = f.metadata["choices"]
            lines.append(f"# {f.metadata['help']}" + (f" ({' | '.join(map(str, choices))})" if choices else ""))
        lines.append(f"{f.name} = {recipe_text.toml_value(value)}")
    return lines + nested


def with_changes(tables: Mapping[str, Any], changes: Mapping[str, Any], origin: str = "command line") -> dict[str, Any]:
    """A copy of nested tables with dotted keys changed, such as ``{"training.epochs": 3}``."""
    made = {key: dict(value) if isinstance(value, Mapping) else value for key, value in tables.items()}
    for dotted, value in changes.items():
        *section, key = dotted.split(".")
        table = made
        for part in section:
            known = kind(part)
            table = table.setdefault(part, {})
            if not isinstance(table, dict) or (known and not dataclasses.is_dataclass(known)):
                raise UserError(f"{origin}: '{dotted}' is no key of a recipe: '{part}' is not a table")
        table[key] = value
    return made


def replace(recipe: Recipe, changes: Mapping[str, Any], origin: str = "command line") -> Recipe:
    """A copy with dotted keys changed, such as ``{"training.epochs": 3}``, checked like a file."""
    return from_tables(with_changes(to_tables(recipe), changes, origin), origin)


def kind(dotted: str) -> Any:
    """The type of a key, with ``tuple`` for a list of strings; None if there is no such key."""
    cls: Any = Recipe
    for part in dotted.split("."):
        cls = get_type_hints(cls).get(part) if dataclasses.is_dataclass(cls) else None
    return get_origin(cls) or cls


def _build(cls: type, table: Mapping[str, Any], origin: str, prefix: str) -> Any:
    hints = get_type_hints(cls)
    fields = {f.name: f for f in dataclasses.fields(cls)}
    values = {}
    for key, value in table.items():
        if key not in fields:
            hint = nearest(key, fields, f"valid here: {', '.join(fields)}", shown=f"'{prefix}{{}}'")
            raise UserError(f"{origin}: unknown key '{prefix}{key}'; {hint}")
        if dataclasses.is_dataclass(hints[key]):
            if not isinstance(value, Mapping):
                raise UserError(f"{origin}: '{prefix}{key}' must be a table [{prefix}{key}], got {value!r}")
            values[key] = _build(hints[key], value, origin, f"{prefix}{key}.")
        else:
            values[key] = _value(hints[key], value, fields[key].metadata, f"{origin}: {prefix}{key}")
    return cls(**values)


def _value(hint: Any, value: Any, meta: Mapping[str, Any], where: str) -> Any:
    if get_origin(hint) is tuple:
        if not isinstance(value, list | tuple) or not all(isinstance(v, get_args(hint)[0]) for v in value):
            raise UserError(f"{where} must be a list of strings, got {value!r}")
        for item in value:
            _check_text(item, where)
        return tuple(value)
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if not isinstance(value, hint) or (hint is int and isinstance(value, bool)):
        raise UserError(f"{where} must be of type {hint.__name__}, got {value!r}")
    if isinstance(value, str):
        _check_text(value, where)
    if meta["choices"] and value not in meta["choices"]:
        raise UserError(f"{where} must be one of {', '.join(map(str, meta['choices']))}; got {value!r}")
    low, high = meta["low"], meta["high"]
    if (low is not None and not value >= low) or (high is not None and not value <= high):
        bound = f"at least {low}" if high is None else f"from {low} to {high}"
        raise UserError(f"{where} must be {bound}, got {value!r}")
    return value


def _check_text(value: str, where: str) -> None:
    if code := text.unprintable(value):
        raise UserError(f"{where} holds {code}, which cannot be kept, got {value!r}{recipe_text.control_hint(value)}")
